"""Checks about how long an operation may take as a whole, whatever it is busy with.

Counterpart: timing.py judges its attempts one by one, and the waits between them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..attempts import Operation
from ..tolerance import eps, within
from .case import Case, seconds
from .finding import CheckInfo, Finding

DEADLINE = CheckInfo(
    "C27",
    "total-deadline",
    "an operation is over within its deadline, waits included, and begins nothing past it",
    "an operation was under way as its deadline came, or a wait would have passed it",
    "deadline",
)


def deadline(case: Case) -> Iterator[Finding]:
    """C27. Precondition: an operation was still under way as its deadline came, or a further
    attempt would have begun past it.

    Claim: it is over by then, whatever it is busy with: silence, bytes that drip, a wait before the
    next attempt or for a connection; and no attempt begins past it. Witness: the operation with its
    last attempt, or the two attempts. Source: httpx#1450, python-api-core#776; tenacity#423.
    """
    for operation, boundary, attempt, after in case.boundaries():
        if boundary.demand.start != "must_not" or not boundary.demand.why.startswith("deadline"):
            continue
        if after is None:
            yield DEADLINE.passed(operation.id)
        elif unsure := case.doubt(operation):
            yield DEADLINE.unknown(
                unsure, operation=operation.id, events=(*attempt.events, *after.events)
            )
        else:
            yield DEADLINE.failed(
                f"attempt {after.number} of `{operation.name}` began "
                f"{seconds(after.begun - operation.invoked)} after the operation",
                promised="no attempt begins where the wait before it would pass the deadline",
                field=_field(case),
                operation=operation.id,
                events=(*operation.events, *attempt.events, *after.events),
                marks=((after.events[0], "<- past the deadline"),) if after.events else (),
            )
    for operation, demand in case.demanded():
        over = case.reading.end if operation.ended is None else operation.ended
        if demand.until is None or over < demand.until - case.reading.header.early:
            continue
        match within(over, None, demand.until, eps(0.0, operation.lag)):
            case "yes":
                if operation.ending != "unknown":  # else it may be over any moment
                    yield DEADLINE.passed(operation.id)
            case "unknown":
                yield DEADLINE.unknown(
                    f"{seconds(over - operation.invoked)} is within the tolerance of "
                    f"{case.contract.deadline.total} s",
                    operation=operation.id,
                    events=operation.events,
                )
            case "no":
                yield _late(case, operation, over - operation.invoked)


def _late(case: Case, operation: Operation, took: float) -> Finding:
    last = operation.attempts[-1] if operation.attempts else None
    what = "was still under way" if operation.ending == "unknown" else "ended"
    busy = "; it made no attempt" if last is None else f"; its last attempt met {last.observable}"
    return DEADLINE.failed(
        f"`{operation.name}` {what} after {seconds(took)}{busy}",
        promised="an operation is over within its deadline, waits included",
        field=_field(case),
        operation=operation.id,
        events=(*operation.events, *(() if last is None else last.events)),
        marks=(
            (operation.events[-1], f"<- {seconds(took)}, not {case.contract.deadline.total:g}"),
        ),
    )


def _field(case: Case) -> str:
    return f"deadline.total: {case.contract.deadline.total:g}"
