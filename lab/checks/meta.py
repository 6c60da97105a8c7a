"""Checks about the test itself: did anything go wrong, did anything work, is it all attributed?

Counterparts: lab/checks/retry.py and its neighbours judge the client. A run that proves nothing
must not pass, and is no failure of the client either: but for C92 these never say `fail`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..attempts import Operation, Reading
from ..contract import Contract
from ..expect import outcome_of
from .finding import CheckInfo, Finding

FIRED = CheckInfo(
    "C90",
    "fault-fired",
    "every armed fault acted at least once",
    "a fault was armed that must fire",
)
WORKLOAD = CheckInfo(
    "C91",
    "workload-ran",
    "every operation that is used succeeded in the control phase",
    "an operation was used",
)
BASELINE = CheckInfo(
    "C92",
    "baseline-passes",
    "the same plan without its faults passes",
    "a baseline was played",
)
ATTRIBUTED = CheckInfo(
    "C97",
    "attribution",
    "every attempt belongs to exactly one operation",
    "an attempt was made",
)


def fired(reading: Reading, _: Contract | None) -> Iterator[Finding]:
    """C90. Precondition: a fault was armed that must fire, or the run is an armed one.

    Claim: each of them acted at least once. Witness: where it was armed. Source: Jepsen's nemesis;
    a resilience test that passes because nothing went wrong.
    """
    for fault in reading.faults:
        if fault.unfired == "ok":
            continue
        if fault.fired:
            yield FIRED.passed()
            continue
        hidden = reading.lacks("connects")
        yield FIRED.unknown(
            f"{fault.kind} on {fault.service} never came into force: it waited until {fault.awaited}"
            if fault.awaited
            else f"{fault.kind} on {fault.service} was in force, and nothing is known to have met it"
            + (f": {hidden}" if hidden is not None else ""),
            to_know="let an operation meet the fault, or say that it may stay unfired",
            events=fault.events,
        )
    told = any(fault.unfired != "ok" for fault in reading.faults)
    if reading.header.run == "armed" and not told and not any(one.fired for one in reading.faults):
        yield FIRED.unknown("no fault acted in this run", to_know="arm a fault that fires")


def workload(reading: Reading, _: Contract | None) -> Iterator[Finding]:
    """C91. Precondition: an operation was used. Claim: it ended ok in the control phase.

    A history without phases has its control before its first fault was armed. Witness: the first
    operation of that name. Source: Jepsen's stats checker (each kind must succeed once).
    """
    first: dict[str, Operation] = {}
    worked: set[str] = set()
    armed = min((fault.armed for fault in reading.faults), default=reading.end)
    for operation in reading.operations:
        first.setdefault(operation.name, operation)
        control = operation.phase == "control" or (
            operation.phase == "" and operation.ended is not None and operation.ended <= armed
        )
        if control and operation.ending == "ok":
            worked.add(operation.name)
    for name, operation in first.items():
        if name in worked:
            yield WORKLOAD.passed(operation.id)
        else:
            yield WORKLOAD.unknown(
                f"`{name}` never succeeded before a fault, so its failures prove nothing",
                to_know=f"find out why `{name}` fails without a fault",
                operation=operation.id,
                events=operation.events,
            )


def attributed(reading: Reading, _: Contract | None) -> Iterator[Finding]:
    """C97. Precondition: an attempt was made. Claim: it belongs to exactly one operation.

    Witness: the strays. Two calls in flight whose requests look alike can't be told apart, and a
    count over them is a guess.
    """
    for operation in reading.operations:
        if operation.certainty == "inferred":
            yield ATTRIBUTED.unknown(
                f"which attempts are operation {operation.id}'s (`{operation.name}`) is inferred",
                to_know="run one operation at a time, or instrument the client",
                operation=operation.id,
                events=operation.events,
            )
        elif operation.attempts:
            yield ATTRIBUTED.passed(operation.id)
    if reading.strays and reading.operations:
        yield ATTRIBUTED.unknown(
            f"{len(reading.strays)} attempts belong to no operation",
            known=f"{sum(len(o.attempts) for o in reading.operations)} attempts are attributed",
            to_know="run one operation at a time, or instrument the client",
            events=(index for stray in reading.strays for index in stray.events),
        )


def no_baseline(operations: Iterable[Operation], contract: Contract) -> Iterator[Finding]:
    """C92 where these operations of the baseline did not end ok: nothing can be concluded.

    Witness: the first of them. What fails without a fault can't be the fault's doing, and is no
    answer to how the client takes one.
    """
    for operation in operations:
        yield BASELINE.unknown(
            f"a baseline: without any fault `{operation.name}` {how_ended(operation, contract)}",
            to_know=f"make `{operation.name}` work without a fault first",
            operation=operation.id,
            events=(*operation.events, *(i for a in operation.attempts for i in a.events)),
        )


def how_ended(operation: Operation, contract: Contract) -> str:
    """The end of a sentence about an operation: its outcome, and what it raised."""
    if operation.hung is not None:
        return "never ended: nothing was left to happen"
    if operation.ending == "unknown":
        return "was still running when the run was cut"
    raised = f" ({operation.errors[0].classes[0]})" if operation.errors else ""
    return f"ended as {outcome_of(operation, contract)}{raised}"


def baseline_passes(findings: Iterable[Finding]) -> Iterator[Finding]:
    """C92. Precondition: a baseline was played, and each operation ended ok. Claim: no check failed.

    `findings` are those of the baseline's own history. Witness: the failing check's. Source:
    CSnake; differential practice.
    """
    yield BASELINE.passed()
    for finding in findings:
        name = f"{finding.check} {finding.slug}"
        match finding.outcome:
            case "fail":
                yield BASELINE.failed(
                    f"without any fault {name}: {finding.seen}",
                    promised=finding.promised,
                    field=finding.field,
                    operation=finding.operation,
                    events=finding.events,
                    marks=finding.marks,
                )
            case "unknown" | "error":
                yield BASELINE.unknown(
                    f"the baseline's {name} is {finding.outcome}: {finding.missing or finding.seen}",
                    operation=finding.operation,
                    events=finding.events,
                )
            case "pass" | "not_exercised" | "not_promised":
                pass
