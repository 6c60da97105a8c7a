"""The one table of contract keys: observables, the groups they are in, and how keys are looked up.

Knows no contract: any mapping by keys can be asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

# group -> its members, observables or smaller groups. The statuses' groups
# `m2xx` to `m5xx` and `status` are not listed: `groups_of` derives them from `status:NNN`.
GROUPS: dict[str, tuple[str, ...]] = {
    "connect": ("connect_refused", "connect_timeout", "dns", "tls"),
    "reset": ("reset_on_accept", "reset_before_response", "stale_reset"),
    "eof": ("eof_on_accept", "eof_before_response", "stale_eof"),
    "read_timeout": ("read_timeout_headers", "read_timeout_body"),
    "body": ("truncated_length", "truncated_chunked", "reset_mid_body", "bad_chunk"),
    "unusable": (
        "bad_json",
        "wrong_content_type",
        "wrong_schema",
        "wrong_service",
        "empty_body",
        "bad_gzip",
    ),
    "connection": ("connect", "reset", "eof", "body"),
    "timeout": ("read_timeout", "write_timeout", "pool_exhausted"),
    "response": ("unusable",),
    "transport": ("connection", "timeout", "slow_drip"),
}

OUTCOME_GROUPS = ("connection", "timeout", "response")
"""The groups that a scenario may name as outcomes; each observable is in at most one."""

_ALONE = ("write_timeout", "pool_exhausted", "slow_drip", "deadline", "open", "cancelled", "local")
STATUS_GROUPS = ("m2xx", "m3xx", "m4xx", "m5xx", "status")
STATUS = re.compile(r"status:([2-5])[0-9]{2}")


@lru_cache(maxsize=1024)
def members(key: str) -> frozenset[str]:
    """The observables that a key covers, itself included; statuses' groups cover themselves."""
    if key not in GROUPS:
        return frozenset((key,))
    return frozenset(leaf for member in GROUPS[key] for leaf in members(member))


LEAVES = tuple(
    dict.fromkeys(
        leaf
        for leaf in (*(m for group in GROUPS.values() for m in group), *_ALONE)
        if leaf not in GROUPS
    )
)

KEYS: tuple[str, ...] = (*LEAVES, *GROUPS, *STATUS_GROUPS)
"""Every contract key but the single statuses `status:NNN`."""

# observable -> the groups it is in, the most specific first (they are nested, so size orders them)
_GROUPS_OF = {
    leaf: tuple(
        sorted((g for g in GROUPS if leaf in members(g)), key=lambda group: len(members(group)))
    )
    for leaf in LEAVES
}


def is_key(text: str) -> bool:
    """Whether the text is a contract key: an observable, a group, or `status:NNN`."""
    return text in KEYS or STATUS.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def groups_of(observable: str) -> tuple[str, ...]:
    """The groups that an observable is in, the most specific first; () for an unknown word."""
    if status := STATUS.fullmatch(observable):
        return (f"m{status[1]}xx", "status")
    return _GROUPS_OF.get(observable, ())


T = TypeVar("T")


def lookup(mapping: Mapping[str, T], observable: str) -> T | None:
    """What a mapping by keys says of an observable: the most specific key wins; None: unmapped."""
    for key in (observable, *groups_of(observable)):
        if key in mapping:
            return mapping[key]
    return None


def mapped_by(mapping: Mapping[str, object], observable: str) -> str | None:
    """The key under which `lookup` finds an observable, for messages."""
    return next((key for key in (observable, *groups_of(observable)) if key in mapping), None)
