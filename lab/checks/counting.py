"""Checks about what a breaker counts: operations or attempts, and results that come late.

Counterpart: breaker.py has the deviations that no misreading of one field explains.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, takewhile

from ..attempts import Operation
from ..contract import Breaker
from ..oracle import OperationDemand
from .case import Case, attempts
from .finding import CheckInfo, Finding
from .misreading import Taken
from .rows import met

ONCE = CheckInfo(
    "C43",
    "counts-once",
    "an operation counts once towards the breaker's threshold, however many attempts it made; "
    "or each attempt, if declared",
    "an operation began when failed attempts, but not failed operations, met the threshold, "
    "or the reverse",
    "breaker.layer",
)
LATE = CheckInfo(
    "C47",
    "late-results",
    "the result of an operation that began before the breaker opened changes nothing after that; "
    "or counts, if declared",
    "an operation began after such a result, and that decided whether it was let through",
    "breaker.late_results",
)


def misread(case: Case, operation: Operation, demand: OperationDemand) -> bool:
    """Whether a misread field explains why an operation was let through, or rejected."""
    if case.late.taken.get(operation.id) == "misread":
        return True
    return _counted(case, operation, demand)[0] == "misread"


def once(case: Case) -> Iterator[Finding]:
    """C43. Precondition: an operation began on which it mattered whether operations or attempts
    are counted.

    Claim: it is let through, or rejected, as the declared one demands. It fails where the other
    one explains all that was seen of the circuit; else it is C40's or C41's. Witness: the failures
    in a row, and the operation. Source: Fluidra-pool#64.
    """
    for operation, demand in case.troubled:
        taken, row = _counted(case, operation, demand)
        if taken is None:
            continue
        if taken == "kept" or operation.certainty == "inferred":
            yield _as_declared(ONCE, case, operation)
            continue
        made = sum(len(one.attempts) for one in row)
        several = "1 operation" if len(row) == 1 else f"{len(row)} operations"
        layer = case.contract.field("breaker.layer")
        yield ONCE.failed(
            f"`{operation.name}` was {_treated(demand)} after {several} had failed, "
            f"in {attempts(made)}",
            promised="each operation counts once"
            if layer == "per_call"
            else "each attempt counts once",
            field=f"breaker.layer: {layer}",
            operation=operation.id,
            events=(
                *(i for one in row for i in one.events),
                *(i for one in row for attempt in one.attempts for i in attempt.events),
                *_events(operation),
            ),
            marks=_mark(operation, demand),
        )


def late(case: Case) -> Iterator[Finding]:
    """C47. Precondition: an operation began after the result of one that another state of the
    breaker had admitted, and it mattered whether that counts.

    Claim: it is let through, or rejected, as declared. It fails where the other way explains all
    that was seen of the circuit. Witness: who opened it, whose result was late, and the operation.
    Source: safe-client-gateway#3442; circuitbreaker closes at any success.
    """
    for operation, demand in case.demanded():
        taken = case.late.taken.get(operation.id)
        if taken is None:
            continue
        if taken == "kept" or operation.certainty == "inferred":
            yield _as_declared(LATE, case, operation)
            continue
        promised = case.contract.field("breaker.late_results")
        tripped = {op for standing in demand.admission.standings for op in standing.opened_by}
        yield LATE.failed(
            f"`{operation.name}` was {_treated(demand)} after the result of an operation that "
            "had begun before the breaker opened",
            promised="such a result changes nothing" if promised == "ignore" else "it counts",
            field=f"breaker.late_results: {promised}",
            operation=operation.id,
            events=(
                *(i for op in sorted(tripped) for i in case.operation(op).events),
                *(i for one in _outlived(case, operation, demand) for i in one.events),
                *_events(operation),
            ),
            marks=_mark(operation, demand),
        )


def _as_declared(info: CheckInfo, case: Case, operation: Operation) -> Finding:
    """Nothing speaks against it, as far as its attempts are known to be its own."""
    if operation.certainty == "inferred":
        return info.unknown(case.doubt(operation), operation=operation.id, events=operation.events)
    return info.passed(operation.id)


def _counted(
    case: Case, operation: Operation, demand: OperationDemand
) -> tuple[Taken | None, list[Operation]]:
    """How a client counts, if this operation tells; with the failures in a row before it."""
    admission = demand.admission
    if admission.demand.start == "may" or admission.ran == "unseen":
        return None, []
    for standing in admission.standings:
        breaker = (case.contract.breaker or ())[standing.key.breaker]
        if breaker.fail_max is None:
            continue
        row = _row(breaker, case.rows.before(operation, standing.key))
        if len(row) >= breaker.fail_max or not _open_by_attempts(breaker, row, operation):
            continue
        wanted = "must" if breaker.layer == "per_call" else "must_not"
        if admission.demand.start == wanted:
            done = "must" if admission.ran == "yes" else "must_not"
            return ("kept" if done == wanted else "misread"), row
    return None, []


def _row(breaker: Breaker, latest_first: Iterator[Operation]) -> list[Operation]:
    """The operations of a row that count, the latest last; as many as may matter."""
    ends = islice(latest_first, 4 * (breaker.fail_max or 0))
    since = takewhile(lambda one: breaker.vote(met(one)) != "success", ends)
    return [one for one in reversed(list(since)) if breaker.vote(met(one)) == "counts"]


def _open_by_attempts(breaker: Breaker, row: list[Operation], operation: Operation) -> bool:
    """Whether a count of attempts would have it open, and nobody let through has refuted that."""
    votes = sorted(
        (one.seen, one.number)
        for each in row
        for one in each.attempts
        if one.seen is not None and breaker.vote(one.observable) == "counts"
    )
    if breaker.fail_max is None or len(votes) < breaker.fail_max:
        return False
    tripped = votes[breaker.fail_max - 1][0]
    over = breaker.reset_timeout is None or operation.invoked < tripped + breaker.reset_timeout
    return over and not any(one.invoked > tripped for one in row)


def _outlived(case: Case, operation: Operation, demand: OperationDemand) -> Iterator[Operation]:
    """Operations that began before a circuit of this one opened, and ended after that."""
    keys = {standing.key for standing in demand.admission.standings}
    for one, opened in case.outlived:
        if one.ended is not None and one.ended <= operation.invoked and opened & keys:
            yield one


def _treated(demand: OperationDemand) -> str:
    return "rejected" if demand.admission.ran == "no" else "let through"


def _events(operation: Operation) -> tuple[int, ...]:
    first = operation.attempts[0].events if operation.attempts else ()
    return (*operation.events, *first)


def _mark(operation: Operation, demand: OperationDemand) -> tuple[tuple[int, str], ...]:
    rejected = demand.admission.ran == "no"
    events = operation.events[-1:] if rejected else operation.attempts[0].events[:1]
    return tuple((index, f"<- {_treated(demand)}") for index in events)
