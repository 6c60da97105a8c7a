"""A check about what an operation returns.

Counterparts: lab/checks/errors.py judges whether it may return at all; lab/subjects/outcome.py
names the types. Which type is right no contract says: the operation's own answers do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..attempts import Operation, Reading, doubt
from ..contract import Contract, members
from .case import attempts
from .finding import CheckInfo, Finding

TYPE = CheckInfo(
    "C66",
    "type-stable",
    "an operation returns the same type of value with a fault as without",
    "an operation returned after it had met a fault, and without one, too",
)

_UNUSABLE = members("unusable")


def stable(reading: Reading, _: Contract | None) -> Iterator[Finding]:
    """C66. Precondition: an operation returned a value that a fault had to do with, and one, of the
    same name, that none had.

    Claim: both are of one type. Values of an error status or of a cut answer are others' to judge.
    Witness: the operation with its last attempt. Source: SDKs that return the text of an answer whose
    content type is not JSON.
    """
    known = usual(reading)
    for operation in reading.operations:
        types = known.get(operation.name)
        if types is None or not _is_judged(operation):
            continue
        if operation.value in types:
            yield TYPE.passed(operation.id)
            continue
        last = operation.attempts[-1]
        what = f"`{operation.name}` returned {operation.value}"
        if unsure := doubt(reading, operation):
            yield TYPE.unknown(unsure, known=what, operation=operation.id, events=operation.events)
            continue
        after = (
            f"for an answer that was {last.observable}"
            if last.observable in _UNUSABLE
            else f"after {attempts(len(operation.attempts))}"
        )
        expected = " or ".join(types)
        yield TYPE.failed(
            f"{what} {after}",
            promised=f"`{operation.name}` returns {expected}, as it does without a fault",
            operation=operation.id,
            events=(*operation.events, *last.events),
            marks=((operation.events[-1], f"<- {operation.value}, not {expected}"),),
        )


def usual(reading: Reading) -> Mapping[str, tuple[str, ...]]:
    """Operation -> the types of the values that it returned where no fault had to do with them."""
    found: dict[str, dict[str, None]] = {}
    for operation in reading.operations:
        if operation.ending == "ok" and operation.value and _is_clean(operation):
            found.setdefault(operation.name, {})[operation.value] = None
    return {name: tuple(types) for name, types in found.items()}


def is_odd(known: Mapping[str, tuple[str, ...]], operation: Operation) -> bool:
    """Whether C66 speaks of this operation's value, so that no other check has to."""
    types = known.get(operation.name)
    return types is not None and _is_judged(operation) and operation.value not in types


def _is_clean(operation: Operation) -> bool:
    return operation.attempts != () and all(
        one.observable == "ok" and not one.faults for one in operation.attempts
    )


def _is_judged(operation: Operation) -> bool:
    """Whether it returned a value of a whole answer, after a fault or of an unusable one."""
    if operation.ending != "ok" or not operation.value or not operation.attempts:
        return False
    if operation.cancelled_at is not None:
        return False  # C67 says that it should not have returned
    last = operation.attempts[-1].observable
    return (last == "ok" or last in _UNUSABLE) and not _is_clean(operation)
