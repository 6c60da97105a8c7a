"""What an exception that escaped a client stands for, under its contract.

Counterpart: `errors` of the contract says which class each key ends with; this reads it backwards.
"""

from __future__ import annotations

from ..history import Raised
from .keys import LEAVES, STATUS_GROUPS, lookup, mapped_by
from .model import RETURNED, Contract


def _is(declared: str | int, qualified: str) -> bool:
    if isinstance(declared, int):
        return qualified == f"exit {declared}"  # of a command
    if declared == RETURNED:
        return False
    return declared == (qualified if "." in declared else qualified.rpartition(".")[2])


def error_keys(contract: Contract, raised: tuple[Raised, ...]) -> frozenset[str]:
    """The keys that this exception chain may stand for; empty: it is none of the declared ones.

    The most specific declared class decides: the first in the MRO of the exception that escaped.
    Groups are spread to their observables; statuses stay as they are declared (`status`, `m5xx`).
    A declared wrapper stands for what it wraps, or, if that can't be told, for every key.
    """
    if not raised:
        return frozenset()
    classes = contract.classes
    every = [*LEAVES, *(key for key in classes if key.startswith("status") or key in STATUS_GROUPS)]
    for name in raised[0].classes:
        if contract.wrapper is not None and _is(contract.wrapper, name):
            return error_keys(contract, raised[1:]) or frozenset(every)
        keys = frozenset(
            key
            for key in every
            if any(_is(declared, name) for declared in lookup(classes, key) or ())
        )
        if keys:
            return keys
    return frozenset()


def right_error(contract: Contract, raised: tuple[Raised, ...], observable: str) -> bool | None:
    """Whether the chain is what the contract declares for an observable; None: left unmapped."""
    if lookup(contract.classes, observable) is None:
        return None
    keys = error_keys(contract, raised)
    return observable in keys or mapped_by(contract.classes, observable) in keys
