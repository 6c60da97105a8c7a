"""What a client promises: the declared contract, and the one table of its keys.

Counterpart: lab/oracle says what a contract demands next, lab/expect.py what an outcome means
under it. A contract belongs to a subject and knows no scenario. Pure, but for `builtin` and `named`,
which read files.
"""

from __future__ import annotations

from .errors import error_keys, right_error
from .keys import GROUPS, KEYS, OUTCOME_GROUPS, groups_of, is_key, lookup, mapped_by, members
from .model import (
    NUMBERS,
    RETURNED,
    Attempts,
    Backoff,
    Breaker,
    Carries,
    Contract,
    Deadline,
    HalfOpen,
    Idempotency,
    Resources,
    RetryAfter,
    RetryOn,
    RetryRule,
    Scope,
    Timeouts,
    Vote,
    resolve,
)
from .source import BUILTINS, FILES, ContractError, Problem, builtin, named, parse

__all__ = [
    "BUILTINS",
    "FILES",
    "GROUPS",
    "KEYS",
    "NUMBERS",
    "OUTCOME_GROUPS",
    "RETURNED",
    "Attempts",
    "Backoff",
    "Breaker",
    "Carries",
    "Contract",
    "ContractError",
    "Deadline",
    "HalfOpen",
    "Idempotency",
    "Problem",
    "Resources",
    "RetryAfter",
    "RetryOn",
    "RetryRule",
    "Scope",
    "Timeouts",
    "Vote",
    "builtin",
    "error_keys",
    "groups_of",
    "is_key",
    "lookup",
    "mapped_by",
    "members",
    "named",
    "parse",
    "resolve",
    "right_error",
]
