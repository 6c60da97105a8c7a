"""Checks about what a breaker counts: operations or attempts, and results that come late.

Counterpart: breaker.py has the deviations that no misreading of one field explains.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..attempts import Operation
from ..oracle import OperationDemand
from .case import Case, attempts
from .finding import CheckInfo, Finding
from .misreading import Field
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


def once(case: Case) -> Iterator[Finding]:
    """C43. Precondition: an operation began on which it mattered whether operations or attempts
    are counted.

    Claim: it is let through, or rejected, as the declared one demands. It fails where the other
    one explains all that was seen of the circuit; else it is C40's or C41's. Witness: the failures
    in a row, and the operation. Source: Fluidra-pool#64.
    """
    for operation, demand in _decided(case, "layer"):
        if case.misreadings.of("layer")[operation.id] == "kept":
            yield ONCE.passed(operation.id)
            continue
        row = _row(case, operation, demand)
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
    for operation, demand in _decided(case, "late_results"):
        if case.misreadings.of("late_results")[operation.id] == "kept":
            yield LATE.passed(operation.id)
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
                *(i for one in case.reading.operations if one.id in tripped for i in one.events),
                *(i for one in _outlived(case, operation, demand) for i in one.events),
                *_events(operation),
            ),
            marks=_mark(operation, demand),
        )


def _decided(case: Case, field: Field) -> Iterator[tuple[Operation, OperationDemand]]:
    """The operations on which a field decides, as far as what they did is known."""
    taken = case.misreadings.of(field)
    for operation, demand in case.demanded():
        if operation.id in taken and operation.certainty == "exact":
            yield operation, demand


def _row(case: Case, operation: Operation, demand: OperationDemand) -> list[Operation]:
    """The failures in a row before an operation, as the circuit saw them that counts them."""
    rows = [
        [
            one
            for one in case.rows.before(operation, standing.key)
            if (case.contract.breaker or ())[standing.key.breaker].vote(met(one)) == "counts"
        ]
        for standing in demand.admission.standings
    ]
    return max(rows, key=len, default=[])


def _outlived(case: Case, operation: Operation, demand: OperationDemand) -> Iterator[Operation]:
    """Operations that began before a circuit of this one opened, and ended after that."""
    keys = {standing.key for standing in demand.admission.standings}
    opened = [one for one in case.demands.episodes if one.key in keys]
    for one, its in case.demanded():
        if one.ended is None or one.ended > operation.invoked:
            continue
        asked = {standing.key for standing in its.admission.standings}
        if any(
            episode.key in asked
            and one.id != episode.by
            and one.invoked < episode.opened[1] <= one.ended
            for episode in opened
        ):
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
