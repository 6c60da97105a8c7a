"""Checks about what keeps an operation inside its client: its deadline, its wait for a connection.

Counterpart: timing.py judges its attempts one by one, and the waits between them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from math import inf

from ..attempts import Attempt, Operation, Reading, doubt
from ..contract import Contract
from ..history import OpHung
from ..tolerance import AT_ONCE, eps, within
from .case import Case, seconds
from .finding import CheckInfo, Finding

DEADLINE = CheckInfo(
    "C27",
    "total-deadline",
    "an operation is over within its deadline, waits included, and begins nothing past it",
    "an operation was under way as its deadline came, or a wait would have passed it",
    "deadline",
)
POOL = CheckInfo(
    "C30",
    "pool-wait",
    "who finds all connections busy gets one, or ends, within the declared time",
    "an operation waited for a connection that long, while others had theirs",
    "timeouts.pool",
)
SERIAL = CheckInfo(
    "C52",
    "concurrency",
    "an operation does not wait for another to end that its service would answer meanwhile",
    "an operation began while another of its service was under way for 0.1 s and more",
)
ENDS = CheckInfo(
    "C34",
    "ends",
    "an operation ends, whatever becomes of its services",
    "an operation was called, and it is known whether it ends",
)

_HELD = 2 * AT_ONCE  # what is waited for is told from what is merely late


def deadline(case: Case) -> Iterator[Finding]:
    """C27. Precondition: an operation was still under way as its deadline came, or a further
    attempt would have begun past it.

    Claim: it is over by then, whatever it is busy with: silence, bytes that drip, a wait before the
    next attempt or for a connection; and no attempt begins past it. Witness: the operation with its
    last attempt, or the two attempts. Source: httpx#1450, python-api-core#776; tenacity#423.
    """
    for operation, boundary, attempt, after in case.failures:
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


def pool(case: Case) -> Iterator[Finding]:
    """C30. Precondition: an operation stayed off the wire for as long as the declared time-out of
    the pool, while another had a connection.

    Claim: by then it has a connection, asks for one of its own, or is over. Counted from its call,
    and for a further attempt from the client's own stamp. Witness: the operation with the attempt
    that it came to. Source: httpx#1171; requests#1572.
    """
    limit = case.contract.timeouts.pool
    if limit is None:
        return
    for operation in case.reading.operations:
        for since, until, attempt in _waits(case, operation):
            waited = until - since
            if waited < limit - case.reading.header.early:
                continue
            if not _crowded(case, operation, since + limit / 2):
                continue
            events = (*operation.events, *(() if attempt is None else attempt.events))
            answer = within(waited, None, limit, eps(0.0, operation.lag))
            over = attempt is not None or operation.ending != "unknown"  # else it may any moment
            if unsure := case.doubt(operation) if over else "":
                yield POOL.unknown(unsure, operation=operation.id, events=events)
            elif answer == "unknown":
                text = f"{seconds(waited)} is within the tolerance of {limit:g} s"
                yield POOL.unknown(text, operation=operation.id, events=events)
            elif answer == "no":
                mark = operation.events[-1] if attempt is None else attempt.events[0]
                yield POOL.failed(
                    f"`{operation.name}` waited for a connection for {seconds(waited)}",
                    field=f"timeouts.pool: {limit:g}",
                    operation=operation.id,
                    events=events,
                    marks=((mark, f"<- {seconds(waited)}, not {limit:g}"),),
                )
            elif over:
                yield POOL.passed(operation.id)


def _waits(case: Case, operation: Operation) -> Iterator[tuple[float, float, Attempt | None]]:
    """The times in which an operation may have waited for a connection, and what it then began."""
    for attempt in operation.attempts:
        since = operation.invoked if attempt.number == 1 else attempt.told.begun
        if since is not None:
            yield since, _on_the_wire(attempt), attempt
    if not operation.attempts:
        over = case.reading.end if operation.ended is None else operation.ended
        yield operation.invoked, over, None


def _crowded(case: Case, operation: Operation, at: float) -> bool:
    """Whether another operation of the same subject had an attempt under way."""
    own = sum(
        attempt.begun <= at and (attempt.seen is None or attempt.seen > at)
        for attempt in operation.attempts
    )
    return case.busy[operation.incarnation].at(at) > own


def serial(reading: Reading, _: Contract | None) -> Iterator[Finding]:
    """C52. Precondition: an operation began while the attempt of another, of the same service, was
    under way, which was answered with success and no sooner than 0.1 s later.

    Claim: it does not stay off the wire until that one is over. One that does so while several are
    under way waits for a free connection, which is no fault; nor is one that begins later for
    reasons of its own. Witness: both operations. Source: a breaker that holds its lock during the
    call, as pybreaker does.
    """
    lives: dict[tuple[str, int], list[Operation]] = defaultdict(list)
    for operation in reading.operations:
        if operation.attempts and operation.certainty == "exact":
            lives[operation.service, operation.incarnation].append(operation)
    for operations in lives.values():
        operations.sort(key=lambda one: one.attempts[0].begun)
        busy = 0.0  # until when any of those before was
        for holder, after in pairwise(operations):
            attempt = holder.attempts[0]
            alone = attempt.begun >= busy
            busy = max(busy, _over(holder))
            if len(holder.attempts) != 1 or attempt.observable != "ok" or attempt.seen is None:
                continue
            if not alone or not _kept(after, attempt.begun, attempt.seen):
                continue
            first = after.attempts[0]
            if _on_the_wire(first) < attempt.seen:
                yield SERIAL.passed(after.id)
            elif unsure := doubt(reading, after):
                yield SERIAL.unknown(unsure, operation=after.id, events=after.events)
            elif _read_late(after, attempt):
                continue
            elif (
                within(_on_the_wire(first) - attempt.seen, None, AT_ONCE, eps(0.0, after.lag))
                == "yes"
            ):
                yield _behind(holder, after, attempt.seen)


def _over(operation: Operation) -> float:
    last = operation.attempts[-1].seen
    return inf if last is None else last


def _on_the_wire(attempt: Attempt) -> float:
    """When it came to the wire: its connect, if it needed one, which no late reader hides."""
    return attempt.begun if attempt.reached is None else attempt.reached


def _read_late(after: Operation, attempt: Attempt) -> bool:
    """Whether the lab may have read the head of `after` long after it came.

    So it may where nothing else tells when it was sent, and the lab waited for a processor for most
    of the time in which it may have been.
    """
    first = after.attempts[0]
    assert attempt.seen is not None
    if first.reached is not None or (first.told.begun or 0.0) >= attempt.seen:
        return False
    there = attempt.seen - max(attempt.begun, after.invoked)
    return first.late - attempt.late > there / 2


def _kept(operation: Operation, begun: float, seen: float) -> bool:
    """Whether an operation was there for long enough of another's attempt to be kept by it."""
    there = seen - max(begun, operation.invoked)
    return there >= _HELD + eps(0.0, operation.lag)


def _behind(holder: Operation, after: Operation, free: float) -> Finding:
    first = after.attempts[0]
    waited = seconds(first.begun - after.invoked)
    return SERIAL.failed(
        f"`{after.name}` stayed off the wire for {waited}, until `{holder.name}` was over",
        promised="operations at once are on the wire at once",
        operation=after.id,
        events=(*holder.events, *holder.attempts[0].events, *after.events, *first.events),
        marks=((first.events[0], f"<- {seconds(first.begun - free)} after the other"),)
        if first.events
        else (),
    )


def ends(reading: Reading, _: Contract | None) -> Iterator[Finding]:
    """C34. Precondition: an operation ended, or was under way when nothing was left to happen that
    could end it, which is known in virtual time only.

    Claim: it ends. One that was cut off may have gone on to its end, so it is no case. That a thread
    from outside the simulation may wake it, or that the lab owes it an answer without any fault, is
    no failure of the client's. Witness: the operation with its last attempt. Source: madsim and
    FoundationDB's simulator, where a deadlock ends the run; httpx without a timeout.
    """
    for operation in reading.operations:
        if operation.ending != "unknown":
            yield ENDS.passed(operation.id)
        elif operation.hung is not None:
            yield _hung(reading, operation, operation.hung)


def _hung(reading: Reading, operation: Operation, hung: OpHung) -> Finding:
    last = operation.attempts[-1] if operation.attempts else None
    events = (*operation.events, *(() if last is None else last.events))
    if unsure := hung.unless or _owed(reading, operation, hung.t):
        return ENDS.unknown(
            f"whether `{operation.name}` is woken all the same, by {unsure}",
            known=f"it awaits {hung.awaits[0]}",
            to_know="--env embedded",
            operation=operation.id,
            events=events,
        )
    return ENDS.failed(
        f"`{operation.name}` never ends: nothing is left to happen, and it awaits {hung.awaits[0]}",
        operation=operation.id,
        events=events,
        marks=tuple((hung.index, f"<- awaits {line}") for line in hung.awaits),
    )


def _owed(reading: Reading, operation: Operation, t: float) -> str:
    """What the lab owes an operation, that no fault accounts for."""
    last = operation.attempts[-1] if operation.attempts else None
    if last is None or last.observable != "pending":
        return ""
    faults = (one for one in reading.faults if one.service == last.service and one.armed <= t)
    if any(one.cleared is None or one.cleared > t for one in faults):
        return ""
    return f"the answer to attempt {last.number}, which no fault holds back"
