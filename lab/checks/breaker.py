"""Checks about the life of a breaker, told from which operations reached the wire.

Counterpart: the oracle's admissions and episodes. Each deviation of an admission belongs to one
check: a rejection that was due to C40, C45 or C46 by what made it due, a rejection that was not
due to C41, C42, C44, C46 or C48 by what may have caused it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import islice
from operator import attrgetter

from ..attempts import Operation
from ..oracle import Admission, Key, OperationDemand, Standing
from ..tolerance import AT_ONCE, eps, within
from .case import Case, attempts, seconds
from .counting import misread
from .finding import CheckInfo, Finding
from .rows import met

OPENS = CheckInfo(
    "C40",
    "opens",
    "after the declared failures the breaker rejects operations",
    "a breaker had met its threshold when an operation began",
    "breaker",
)
EARLY = CheckInfo(
    "C41",
    "not-early",
    "the breaker rejects nothing before its threshold",
    "an operation began after a failure and below the threshold",
    "breaker",
)
COUNTS = CheckInfo(
    "C42",
    "counts-right",
    "only declared failures count towards the breaker's threshold",
    "operations had failed as often as the threshold, but not all in a way that counts",
    "breaker",
)
HALF_OPENS = CheckInfo(
    "C44",
    "half-opens",
    "the first operation after the reset time reaches the wire",
    "an operation began after an open breaker's reset time",
    "breaker",
)
PERMITS = CheckInfo(
    "C45",
    "half-open-permits",
    "a half-open breaker admits no more probes than declared",
    "operations began while a probe was in flight",
    "breaker",
)
PROBES = CheckInfo(
    "C46",
    "half-open-outcomes",
    "a failed probe reopens the breaker for the full time, a successful one closes it",
    "an operation began after a probe had ended",
    "breaker",
)
ISOLATED = CheckInfo(
    "C48",
    "isolation",
    "failures of one breaker key reject no operation of another",
    "an operation began while only another key's breaker was open",
    "breaker",
)
FAST = CheckInfo(
    "C49",
    "fail-fast",
    "a rejected operation ends at once and opens no connection",
    "an operation was rejected",
    "breaker",
)


def opens(case: Case) -> Iterator[Finding]:
    """C40. Precondition: a breaker had met its threshold when an operation began.

    Claim: it is rejected without an attempt. Operations admitted before are exempt. Witness: the
    operation that tripped it, and the one let through. Source: Gremlin's HasCircuitBreaker;
    pybreaker#7.
    """
    yield from _refusals(case, OPENS)


def permits(case: Case) -> Iterator[Finding]:
    """C45. Precondition: operations began while the probes of a half-open breaker were in flight.

    Claim: they are rejected, and a probe makes no more attempts than declared. Witness: the probe
    and the one let through. Source: smallrye#319, termite#27; circuitbreaker, aiobreaker and
    purgatory let 50 of 50 through.
    """
    yield from _refusals(case, PERMITS)
    for operation, demand in case.troubled:
        if demand.admission.probe != "yes" or demand.limit is None:
            continue
        if operation.cancelled_at is not None:
            continue  # C67 has what follows
        made, most = len(operation.attempts), demand.limit[1]
        if made > most and operation.certainty == "exact":
            yield PERMITS.failed(
                f"the probe `{operation.name}` made {attempts(made)}",
                promised=f"a probe makes at most {attempts(most)}",
                field=f"breaker.half_open.attempts: {most}",
                operation=operation.id,
                events=(*operation.events, *(i for a in operation.attempts for i in a.events)),
                marks=_mark(operation.attempts[most].events, "<- a further attempt of a probe"),
            )


def probes(case: Case) -> Iterator[Finding]:
    """C46. Precondition: an operation began after a probe had ended.

    Claim: after a failed probe it is rejected for the full time, after a successful one it passes;
    after one without a result, a cancelled one for example, it is the next probe. Witness: the
    probe and the operation. Source: law-scrapper-mcp#28, tg_content_factory#997.
    """
    yield from _refusals(case, PROBES)
    yield from _passes(case, PROBES)


def early(case: Case) -> Iterator[Finding]:
    """C41. Precondition: an operation began below the breaker's threshold, after a failure.

    Claim: it is not rejected. Witness: the rejected operation. Source: Polly.
    """
    yield from _passes(case, EARLY)


def counts(case: Case) -> Iterator[Finding]:
    """C42. Precondition: as many operations as the threshold failed in a row, not all of them in a
    way that the contract counts.

    What a caller has cancelled is one of them. Claim: the breaker is still closed. Witness: the row,
    and the rejected operation. Source: sglang#25811, vllm router#60 (4xx opened the breaker);
    pybreaker counts CancelledError.
    """
    yield from _passes(case, COUNTS)


def half_opens(case: Case) -> Iterator[Finding]:
    """C44. Precondition: an operation began after an open breaker's reset time.

    Claim: it reaches the wire, as a probe. Witness: the operation. Source: the anti-pattern of
    reading a breaker's state instead of trying (Polly).
    """
    yield from _passes(case, HALF_OPENS)


def isolated(case: Case) -> Iterator[Finding]:
    """C48. Precondition: an operation began while a breaker that it does not ask was open.

    Claim: it is not rejected. Witness: the operation. Source: DoorDash 2022.
    """
    yield from _passes(case, ISOLATED)


def fast(case: Case) -> Iterator[Finding]:
    """C49. Precondition: an operation was rejected by a breaker.

    Claim: it ends at once (50 ms and the tolerance) and opens no connection. Witness: the
    operation, and the connection. Source: Release It!
    """
    for operation, demand in case.troubled:
        if demand.admission.ran != "no" or operation.ended is None:
            continue
        took = operation.ended - operation.invoked
        opened = _opened_by(case, operation)
        if opened:
            yield FAST.failed(
                f"`{operation.name}` was rejected and opened a connection",
                operation=operation.id,
                events=(*operation.events, *opened),
                marks=_mark(opened, "<- opened by a rejected operation"),
            )
            continue
        match within(took, None, AT_ONCE, eps(0.0, operation.lag)):
            case "yes":
                yield FAST.passed(operation.id)
            case "unknown":
                yield FAST.unknown(
                    f"{seconds(took)} is within the tolerance of {seconds(AT_ONCE)}",
                    operation=operation.id,
                    events=operation.events,
                )
            case "no":
                yield FAST.failed(
                    f"`{operation.name}` was rejected after {seconds(took)}",
                    promised=f"a rejected operation ends within {seconds(AT_ONCE)}",
                    operation=operation.id,
                    events=operation.events,
                    marks=_mark(operation.events[-1:], f"<- {seconds(took)}"),
                )


def _refusals(case: Case, info: CheckInfo) -> Iterator[Finding]:
    """Operations that the breakers had to reject, as far as they are this check's."""
    for operation, demand in case.troubled:
        admission = demand.admission
        due = admission.demand.start == "must_not"
        kept = admission.ran == "no" and admission.explained
        if not due and not (kept and _refused_by_probe(admission)):
            continue
        if _reason(admission) is not info or (due and misread(case, operation, demand)):
            continue
        unsure = case.doubt(operation)
        if due and admission.ran == "yes":
            if operation.certainty == "inferred":
                yield info.unknown(unsure, operation=operation.id, events=operation.events)
            else:
                yield _let_through(case, info, operation, demand)
        elif admission.ran == "unseen" and unsure:
            yield info.unknown(unsure, operation=operation.id, events=operation.events)
        else:
            yield info.passed(operation.id)


def _passes(case: Case, info: CheckInfo) -> Iterator[Finding]:
    """Operations that the breakers had to let through, as far as they are this check's."""
    for operation, demand in case.troubled:
        admission = demand.admission
        if admission.demand.start != "must" or admission.ran == "unseen":
            continue
        if admission.ran == "yes":
            if any(may(case, operation, admission) for its, may in _CAUSES if its is info):
                yield info.passed(operation.id)
        elif _cause(case, operation, admission) is info and not misread(case, operation, demand):
            yield _rejected(case, info, operation, admission)


def _reason(admission: Admission) -> CheckInfo:
    """Which check a rejection that was due belongs to, by how the refusing circuits stood."""
    refusing = [s for s in admission.standings if s.start == "must_not"] or admission.standings
    if _refused_by_probe(admission):
        return PERMITS
    if refusing and all("trip" not in s.since for s in refusing):
        return PROBES
    return OPENS


def _refused_by_probe(admission: Admission) -> bool:
    return any("half_open" in s.modes and s.probing for s in admission.standings)


def _cause(case: Case, operation: Operation, admission: Admission) -> CheckInfo:
    """What wrongly made a client reject this operation, by what is most telling."""
    found = (info for info, may in _CAUSES if may(case, operation, admission))
    return next(found, EARLY)


def _over(standing: Standing, now: float) -> bool:
    """Whether a circuit was out of its closed state, and its reset time over."""
    if "closed" in standing.modes:
        return False
    return standing.modes == {"half_open"} or (
        standing.until is not None and standing.until[1] <= now
    )


def _fresh(standing: Standing) -> bool:
    """Whether a circuit was closed by its probe, and has met no failure since."""
    closed = standing.modes == {"closed"} and standing.failures == (0, 0)
    return closed and standing.since == {"probe_ok"}


def _open_elsewhere(case: Case, operation: Operation, admission: Admission) -> list[Key]:
    """Circuits that were open when the operation began, and that it does not ask."""
    opened = case.openings.open_at(operation.invoked, operation.incarnation)
    if not opened:
        return opened
    asked = {standing.key for standing in admission.standings}
    return [key for key in opened if key not in asked]


def _released(case: Case, operation: Operation, standing: Standing) -> bool:
    """Whether a half-open circuit has got a permit back: its last probe ended without a result."""
    if "half_open" not in standing.modes or standing.probing:
        return False
    return case.openings.last_probe(standing.key, operation.id) == "neutral"


def _uncounted(case: Case, operation: Operation, standing: Standing) -> list[Operation]:
    """The failures that a closed circuit would be open by if some that don't count did.

    One kind of them alone, or all; not where somebody was let through since, and so refutes it.
    """
    breaker = (case.contract.breaker or ())[standing.key.breaker]
    if breaker.fail_max is None or standing.modes != {"closed"}:
        return []
    if standing.failures[1] >= breaker.fail_max:
        return []
    window = 2 * breaker.fail_max + 1  # what came before it can't refute what these have not
    ends = list(islice(case.rows.before(operation, standing.key), window))[::-1]
    if not ends:
        return []
    counted = [one.id for one in ends if breaker.vote(met(one)) == "counts"]
    kinds = sorted({met(one) for one in ends if one.id not in counted})
    for supposed in (*([kind] for kind in kinds), kinds):
        row = [one for one in ends if one.id in counted or met(one) in supposed]
        if len(row) < breaker.fail_max or not supposed:
            continue
        tripped = row[breaker.fail_max - 1].ended or 0.0
        if not any(one.attempts and one.invoked > tripped for one in ends):
            return row
    return []


_CAUSES: tuple[tuple[CheckInfo, Callable[[Case, Operation, Admission], object]], ...] = (
    (PROBES, lambda case, one, its: any(_released(case, one, s) for s in its.standings)),
    (
        HALF_OPENS,
        lambda _, one, its: its.probe == "yes" or any(_over(s, one.invoked) for s in its.standings),
    ),
    (PROBES, lambda _, __, its: any(map(_fresh, its.standings))),
    (ISOLATED, _open_elsewhere),
    (COUNTS, lambda case, one, its: any(_uncounted(case, one, s) for s in its.standings)),
    (
        EARLY,
        lambda _, __, its: any(s.modes == {"closed"} and s.failures[1] > 0 for s in its.standings),
    ),
)
"""What may wrongly make a client reject an operation, the most telling first."""


def _let_through(
    case: Case, info: CheckInfo, operation: Operation, demand: OperationDemand
) -> Finding:
    admission = demand.admission
    before = _before(case, admission)
    first = operation.attempts[0].events if operation.attempts else ()
    return info.failed(
        f"`{operation.name}` made {attempts(len(operation.attempts))} while the breaker of "
        f"{_names(admission)} had to reject it",
        field=admission.demand.why,
        operation=operation.id,
        events=(*before, *operation.events, *(i for a in operation.attempts for i in a.events)),
        marks=_mark(first, "<- let through"),
    )


def _rejected(case: Case, info: CheckInfo, operation: Operation, admission: Admission) -> Finding:
    others = _open_elsewhere(case, operation, admission)
    uncounted = [one for s in admission.standings for one in _uncounted(case, operation, s)]
    released = any(_released(case, operation, s) for s in admission.standings)
    because = {
        ISOLATED.id: f"while only the breaker of {', '.join(map(str, others))} was open",
        HALF_OPENS.id: "after the reset time was over",
        PROBES.id: f"after a probe that {'had no result' if released else 'succeeded'}",
        COUNTS.id: f"after failures that do not count ({_kinds(uncounted)})",
    }.get(info.id, "before the threshold")
    row = tuple(i for one in uncounted for i in one.events) if info is COUNTS else ()
    return info.failed(
        f"`{operation.name}` was rejected {because}",
        field=_field(case, info, admission, others, released=released),
        operation=operation.id,
        events=(*_before(case, admission), *row, *operation.events),
        marks=_mark(operation.events[-1:], "<- rejected"),
    )


def _field(
    case: Case, info: CheckInfo, admission: Admission, others: list[Key], *, released: bool
) -> str:
    """The promise that a wrong rejection broke."""
    breakers = case.contract.breaker or ()
    away = [s.key.breaker for s in admission.standings if "closed" not in s.modes]
    asked = [s.key.breaker for s in admission.standings]
    match info.id:
        case HALF_OPENS.id if away:
            return f"breaker.reset_timeout: {breakers[away[0]].reset_timeout}"
        case PROBES.id if released and away:
            return f"breaker.half_open.probes: {breakers[away[0]].half_open.probes}"
        case PROBES.id if asked:
            threshold = breakers[asked[0]].half_open.success_threshold
            return f"breaker.half_open.success_threshold: {threshold}"
        case ISOLATED.id if others:
            return f"breaker.scope: {others[0].scope}"
        case _:
            counts = dict.fromkeys(breakers[n].fail_max for n in asked)
            return "breaker.fail_max: " + ", ".join(str(count) for count in counts)


def _kinds(row: list[Operation]) -> str:
    return ", ".join(sorted({met(one) for one in row}))


def _before(case: Case, admission: Admission) -> tuple[int, ...]:
    """The operations that brought the circuits where they stood: who tripped, who probes."""
    ids = {op for s in admission.standings for op in (*s.opened_by, *s.probing)}
    return tuple(i for op in sorted(ids) for i in case.operation(op).events)


def _names(admission: Admission) -> str:
    refusing = admission.refusers or tuple(s.key for s in admission.standings)
    return ", ".join(str(key) for key in refusing)


def _opened_by(case: Case, operation: Operation) -> tuple[int, ...]:
    """Events of connections without a request that only this operation can have opened."""
    ended = operation.ended if operation.ended is not None else case.reading.end
    if case.company.during(operation.invoked, ended) > 1:
        return ()
    first = bisect_left(case.unused, operation.invoked, key=attrgetter("opened"))
    end = bisect_right(case.unused, ended, key=attrgetter("opened"))
    return tuple(index for one in case.unused[first:end] for index in one.events)


def _mark(events: tuple[int, ...], remark: str) -> tuple[tuple[int, str], ...]:
    return ((events[0], remark),) if events else ()
