"""Checks about how an operation ended: the right exception, nothing swallowed, nothing damaged.

Counterpart: the contract's `errors`, keyed by what the last attempt met.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..attempts import Attempt, Operation, Reading, doubt
from ..contract import Contract, error_keys, lookup, mapped_by, members, right_error
from .case import Case
from .finding import CheckInfo, Finding
from .foreign import is_foreign
from .values import is_odd, usual

DECLARED = CheckInfo(
    "C60",
    "declared-error",
    "nothing outside the client's public error hierarchy escapes",
    "an operation failed",
    "errors",
)
RIGHT = CheckInfo(
    "C61",
    "right-error",
    "the exception is the one declared for what the last attempt met",
    "an operation failed",
    "errors",
)
SWALLOW = CheckInfo(
    "C63",
    "no-swallow",
    "an operation without a successful attempt does not end ok",
    "no attempt of an operation succeeded",
)
INTEGRITY = CheckInfo(
    "C65",
    "integrity",
    "an operation ends ok only on a complete, undamaged answer",
    "the last answer of an operation was cut or damaged",
)

# What an operation without an attempt may have ended by.
_WITHOUT_ATTEMPT = frozenset(("open", "pool_exhausted", "deadline", "local"))

_CUT = members("body")
_DAMAGED = _CUT | members("unusable")


def declared(case: Case) -> Iterator[Finding]:
    """C60. Precondition: an operation failed. Claim: its exception is a declared class, or derives
    from one.

    Witness: the operation with its last attempt. Source: openai#3811, anthropic#1919,
    requests#2673: raw transport or JSON errors that escape.
    """
    for operation in _failed(case.reading):
        if error_keys(case.contract, operation.errors):
            yield DECLARED.passed(operation.id)
        elif not _mapped(case, operation):
            continue  # C61 names the key that the contract leaves open
        elif is_foreign(case.contract, operation):
            continue  # C64 says more of it
        else:
            yield DECLARED.failed(
                f"`{operation.name}` let {_escaped(operation)} escape",
                promised="only the exceptions that the contract declares escape",
                field="errors",
                operation=operation.id,
                events=_end(operation),
                marks=_at_end(operation, "<- not declared"),
            )


def right(case: Case) -> Iterator[Finding]:
    """C61. Precondition: an operation failed. Claim: as the class declared for its last attempt.

    A key that the contract leaves unmapped is unknown. Witness: the operation with its last
    attempt. Source: urllib3#1981, python-genai#2337: a time-out told as a connection error.
    """
    for operation in _failed(case.reading):
        keys = sorted(_candidates(case, operation))
        unsure = doubt(case.reading, operation)
        if not unsure and _met(case, operation) in ("unknown", "pending"):
            unsure = "what its last attempt met can't be told"
        if any(right_error(case.contract, operation.errors, key) for key in keys):
            yield RIGHT.passed(operation.id)
        elif unsure:
            yield RIGHT.unknown(
                unsure,
                known=f"`{operation.name}` failed as {_escaped(operation)}",
                operation=operation.id,
                events=_end(operation),
            )
        elif not _mapped(case, operation):
            met = _met(case, operation)
            yield RIGHT.unknown(
                f"the contract says nothing of `{met}`",
                known=f"`{operation.name}` ended as {_escaped(operation)}",
                to_know=f"add `{met}` to the contract's errors",
                operation=operation.id,
                events=_end(operation),
            )
        elif error_keys(case.contract, operation.errors):  # else C60 says it
            met = _met(case, operation)
            classes = lookup(case.contract.classes, met)
            names = ", ".join(str(name) for name in classes) if classes is not None else ""
            yield RIGHT.failed(
                f"`{operation.name}` met {met} and ended as {_escaped(operation)}",
                promised=f"{met} ends as {names}" if names else "",
                field=f"errors.{mapped_by(case.contract.classes, met)}: {names}" if names else "",
                operation=operation.id,
                events=_end(operation),
                marks=_at_end(operation, f"<- not {names}"),
            )


def swallow(reading: Reading, contract: Contract | None) -> Iterator[Finding]:
    """C63. Precondition: no attempt of an ended operation succeeded. Claim: it did not end ok.

    A complete answer that the contract has returned as a value is no swallow, and without a
    contract any complete answer may be one. A cut or unusable answer is C65's, a cancellation C67's.
    Witness: the operation with its attempts. Source: silent handlers in ChaosMachine.
    """
    for operation in reading.operations:
        last = operation.attempts[-1] if operation.attempts else None
        if operation.ending == "unknown" or _succeeded(operation):
            continue
        if operation.cancelled_at is not None:
            continue
        if operation.ending != "ok":
            if last is not None:
                yield SWALLOW.passed(operation.id)
            continue
        unsure = doubt(reading, operation)
        if unsure:
            yield SWALLOW.unknown(
                unsure,
                known=f"`{operation.name}` ended ok",
                operation=operation.id,
                events=operation.events,
            )
            continue
        if last is not None and last.observable in _CUT:
            continue
        if last is not None and _complete(last):
            returned = _returned(contract, operation, last)
            if returned is None and contract is not None and contract.promises("errors"):
                yield SWALLOW.unknown(
                    f"the contract says nothing of `{last.observable}`",
                    known=f"`{operation.name}` ended ok",
                    to_know=f"add `{last.observable}` to the contract's errors",
                    operation=operation.id,
                    events=_end(operation),
                )
            if returned is None or returned or last.observable in _DAMAGED:
                continue
        met = "no attempt" if last is None else last.observable
        yield SWALLOW.failed(
            f"`{operation.name}` made no attempt and ended ok"
            if last is None
            else f"the last attempt of `{operation.name}` met {met}, and it ended ok",
            operation=operation.id,
            events=_end(operation),
            marks=_at_end(operation, f"<- ok after {met}"),
        )


def integrity(reading: Reading, contract: Contract | None) -> Iterator[Finding]:
    """C65. Precondition: the last answer of an operation was cut or damaged.

    Claim: the operation did not end ok. A complete body that only its reader can find unusable
    counts where the contract promises an error for it; a value of another type made of it is C66's.
    Witness: the operation with that attempt. Source: RFC 9112 section 8 (incomplete messages); peers
    that accepted truncated bodies.
    """
    damaged = [
        (one, one.attempts[-1])
        for one in reading.operations
        if one.attempts and one.attempts[-1].observable in _DAMAGED and one.ending != "unknown"
    ]
    known = usual(reading) if damaged else {}
    for operation, last in damaged:
        if last.observable not in _CUT and _returned(contract, operation, last) is not False:
            continue
        if is_odd(known, operation):
            continue
        if operation.ending != "ok":
            yield INTEGRITY.passed(operation.id)
        elif unsure := doubt(reading, operation):
            yield INTEGRITY.unknown(unsure, operation=operation.id, events=_end(operation))
        else:
            yield INTEGRITY.failed(
                f"the answer of `{operation.name}` was damaged ({last.observable}), and it ended ok",
                operation=operation.id,
                events=_end(operation),
                marks=_at_end(operation, f"<- ok after {last.observable}"),
            )


def _failed(reading: Reading) -> Iterator[Operation]:
    """Those that failed; an error in place of a cancellation is C67's."""
    for operation in reading.operations:
        if operation.ending == "failed" and operation.cancelled_at is None:
            yield operation


def _succeeded(operation: Operation) -> bool:
    return any(attempt.observable == "ok" for attempt in operation.attempts)


def _complete(attempt: Attempt) -> bool:
    return attempt.observable.startswith("status:") or attempt.observable in members("unusable")


def _returned(contract: Contract | None, operation: Operation, last: Attempt) -> bool | None:
    if contract is None:
        return None
    most = contract.attempts.max
    used_up = most is not None and len(operation.attempts) >= most
    return contract.returns(last.observable, exhausted=used_up)


def _met(case: Case, operation: Operation) -> str:
    """The key that the operation should have ended by, for a sentence."""
    if operation.attempts:
        return operation.attempts[-1].observable
    return "open" if "open" in case.demands.of(operation.id).ends_as else "local"


def _candidates(case: Case, operation: Operation) -> frozenset[str]:
    """The keys that the operation may have ended as."""
    demand = case.demands.of(operation.id)
    if operation.attempts:
        return demand.ends_as or frozenset((operation.attempts[-1].observable,))
    if demand.admission.demand.start == "must_not":
        return demand.ends_as
    return demand.ends_as | _WITHOUT_ATTEMPT


def _mapped(case: Case, operation: Operation) -> bool:
    return lookup(case.contract.classes, _met(case, operation)) is not None


def _escaped(operation: Operation) -> str:
    return operation.errors[0].classes[0] if operation.errors else "no exception"


def _end(operation: Operation) -> tuple[int, ...]:
    last = operation.attempts[-1].events if operation.attempts else ()
    return (*operation.events, *last)


def _at_end(operation: Operation, remark: str) -> tuple[tuple[int, str], ...]:
    return ((operation.events[-1], remark),) if operation.events else ()
