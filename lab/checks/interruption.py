"""Checks about who wants out: a cancellation, Ctrl-C, the end of the process.

Counterpart: what a breaker makes of it is C42's, and whether a probe gives its permit back C46's.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..attempts import Attempt, Operation, Reading
from ..contract import Contract
from ..tolerance import AT_ONCE, eps, within
from .case import seconds
from .finding import CheckInfo, Finding

CONTROL_FLOW = CheckInfo(
    "C67",
    "control-flow",
    "a cancellation or an interrupt ends its operation at once, and nothing is tried again",
    "an operation was cancelled or interrupted while it ran",
)

_INTERRUPTS = frozenset(
    f"builtins.{kind.__name__}" for kind in (KeyboardInterrupt, SystemExit, GeneratorExit)
)
_AFTER = "<- after it was {}"


def control_flow(reading: Reading, _: Contract | None) -> Iterator[Finding]:
    """C67. Precondition: an operation's cancellation was asked for while it ran, or an attempt of
    it was left by KeyboardInterrupt, SystemExit or GeneratorExit.

    Claim: the operation ends by that within 50 ms and the tolerance, and no attempt of it begins
    after. A CancelledError that nobody asked the lab for is the client's own affair: time-outs are
    made of it. Witness: the operation, and what began after. Source: tenacity#529 (cancellation
    retried), harbor#1223, CPython#86296.
    """
    for operation in reading.operations:
        since, wanted, how = _wanted(operation)
        if since is None:
            continue
        again = next((a for a in operation.attempts if _began_after(a, since, operation)), None)
        over = reading.end if operation.ended is None else operation.ended
        took = over - since
        if again is not None:
            yield _failed(
                operation,
                f"`{operation.name}` was {how}, and attempt {again.number} began "
                f"{seconds(_begun(again) - since)} later",
                (*again.events,),
                ((again.events[0], _AFTER.format(how)),) if again.events else (),
            )
        elif operation.ending != "unknown" and not _ended_by(operation, wanted):
            yield _failed(
                operation,
                f"`{operation.name}` was {how} and {_ended(operation)} {seconds(took)} later",
                (),
                ((operation.events[-1], _AFTER.format(how)),),
            )
        else:
            yield _in_time(operation, took, how)


def _in_time(operation: Operation, took: float, how: str) -> Finding:
    """What ended as it should: whether at once."""
    match within(took, None, AT_ONCE, eps(0.0, operation.lag)):
        case "yes" if operation.ending != "unknown":
            return CONTROL_FLOW.passed(operation.id)
        case "yes" | "unknown" as said:
            missing = (
                f"the run ended {seconds(took)} after `{operation.name}` was {how}"
                if said == "yes"
                else f"{seconds(took)} is within the tolerance of {seconds(AT_ONCE)}"
            )
            return CONTROL_FLOW.unknown(missing, operation=operation.id, events=operation.events)
        case _:
            still = "still ran" if operation.ending == "unknown" else "ended only"
            return _failed(
                operation,
                f"`{operation.name}` was {how} and {still} {seconds(took)} later",
                (),
                ((operation.events[-1], f"<- {seconds(took)} after it was {how}"),),
            )


def _failed(
    operation: Operation, seen: str, events: tuple[int, ...], marks: tuple[tuple[int, str], ...]
) -> Finding:
    return CONTROL_FLOW.failed(
        seen,
        promised=f"it ends by that within {seconds(AT_ONCE)}, and nothing is tried again",
        operation=operation.id,
        events=(*operation.events, *events),
        marks=marks,
    )


def _wanted(operation: Operation) -> tuple[float | None, str, str]:
    """Since when it had to end, by which exception (empty: cancelled), and what to call that."""
    if operation.cancelled_at is not None:
        return operation.cancelled_at, "", "cancelled"
    for attempt in operation.attempts:
        if attempt.told.error in _INTERRUPTS:
            how = f"interrupted by {attempt.told.error.rpartition('.')[2]}"
            return attempt.told.ended, attempt.told.error, how
    return None, "", ""


def _ended_by(operation: Operation, wanted: str) -> bool:
    """Whether it ended as it had to. One exception for another is no swallow: both want out."""
    if operation.ending == "cancelled":
        return True
    return bool(wanted) and bool(operation.errors) and wanted in operation.errors[0].classes


def _ended(operation: Operation) -> str:
    if operation.ending == "ok":
        return "ended ok"
    name = operation.errors[0].classes[0] if operation.errors else "an error"
    return f"ended with {name}"


def _begun(attempt: Attempt) -> float:
    return attempt.begun if attempt.told.begun is None else attempt.told.begun


def _began_after(attempt: Attempt, since: float, operation: Operation) -> bool:
    """Whether an attempt surely began later than what else was under way in the client can have.

    Its head may reach the proxy late, so that only the client's own stamp counts.
    """
    own = attempt.told.begun is not None or attempt.headless
    return own and _begun(attempt) > since + AT_ONCE + eps(0.0, operation.lag)
