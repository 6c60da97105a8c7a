"""What a check is given, and how it is asked.

Counterpart: lab/checks/finding.py is what it answers. A rule yields one finding for each case of
its claim in a history; the check folds them. It may not read raw events: what an operation did
stands in the reading, what it should have done in the demands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from ..attempts import Attempt, Operation, Reading
from ..contract import Contract
from ..oracle import Boundary, Demands, OperationDemand
from .finding import Finding
from .misreading import Field, Misreadings
from .rows import Rows

__all__ = ["Case", "FreeRule", "Rule", "attempts", "doubt", "seconds", "unattributed"]


def attempts(count: int) -> str:
    """A number of attempts for a sentence."""
    return f"{count} attempt" if count == 1 else f"{count} attempts"


def seconds(value: float) -> str:
    """A duration for a sentence, to the millisecond."""
    return f"{value:.3f} s"


@dataclass(frozen=True, slots=True)
class Case:
    """One history, read, with the contract it is held against and what that demanded."""

    reading: Reading
    contract: Contract
    demands: Demands
    misreadings: Misreadings
    rows: Rows

    @classmethod
    def of(cls, reading: Reading, contract: Contract, found: Demands) -> Self:
        """What the checks of one history share."""
        return cls(reading, contract, found, Misreadings(reading, contract, found), Rows(reading))

    def misread(self, operation: Operation) -> bool:
        """Whether one misread field explains why an operation was let through, or rejected."""
        fields: tuple[Field, ...] = ("layer", "late_results")
        return any(self.misreadings.of(each).get(operation.id) == "misread" for each in fields)

    def demanded(self) -> Iterator[tuple[Operation, OperationDemand]]:
        """Every operation with what was demanded of it."""
        for operation in self.reading.operations:
            yield operation, self.demands.of(operation.id)

    def boundaries(self) -> Iterator[tuple[Operation, Boundary, Attempt, Attempt | None]]:
        """Every end of an attempt: what was demanded there, the attempt, and the one that followed."""
        for operation, demand in self.demanded():
            for boundary in demand.boundaries:
                yield (
                    operation,
                    boundary,
                    operation.attempts[boundary.after - 1],
                    operation.attempts[boundary.after] if boundary.followed else None,
                )

    def doubt(self, operation: Operation) -> str:
        """Why the attempts seen may not be all that this operation made; empty: they are."""
        return doubt(self.reading, operation)

    def hidden(self, operation: Operation) -> str:
        """Why an operation that failed may have made attempts though none is seen; empty: none."""
        if operation.ending != "failed" or self.demands.of(operation.id).admission.ran == "no":
            return ""
        return self.doubt(operation)


def doubt(reading: Reading, operation: Operation) -> str:
    """Why the attempts seen of an operation may not be all, or not its own; empty: they are."""
    ended = operation.ended if operation.ended is not None else reading.end
    foreign = unattributed(reading, operation)
    if operation.certainty == "inferred":
        return foreign
    for short in reading.shortages:
        until = reading.end if short.until is None else short.until
        if (
            short.service == operation.service
            and short.since <= ended
            and until >= operation.invoked
        ):
            return f"meanwhile the lab could accept no connection: {short.why}"
    if foreign:
        return foreign
    if operation.undeclared:
        return f"nothing says whether `{operation.name}` is idempotent: no request of it was seen"
    if _unheard(reading, operation, ended):
        return "what was sent on unplugged connections has not arrived, and is not tagged"
    for attempt in operation.attempts:
        if attempt.observable == "unknown":
            why = f": {attempt.unread}" if attempt.unread else ""
            return f"what attempt {attempt.number} met can't be told{why}"
        if attempt.observable == "pending" and operation.ending == "unknown":
            return f"attempt {attempt.number} was still under way when the run ended"
    if operation.ending == "unknown":
        return "the operation was still running when the run ended"
    hidden = reading.lacks("connects")
    if hidden is not None and any(
        fault.listener is not None
        and fault.service == operation.service
        and fault.armed <= ended
        and (fault.cleared is None or fault.cleared >= operation.invoked)
        for fault in reading.faults
    ):
        return f"connects that reach no proxy: {hidden}"
    return ""


def unattributed(reading: Reading, operation: Operation) -> str:
    """Why attempts of an operation may be taken for nobody's, or those of others for its own."""
    if operation.certainty == "inferred":
        return "which attempts are this operation's is only inferred"
    loose = reading.lacks("attribution")
    ended = operation.ended if operation.ended is not None else reading.end
    if loose is not None and any(
        stray.service == operation.service
        and operation.invoked <= stray.begun
        and (stray.begun if stray.since is None else stray.since) <= ended
        for stray in reading.strays
    ):
        return loose
    return ""


def _unheard(reading: Reading, operation: Operation, ended: float) -> bool:
    """Whether requests of an untagged operation may be under way on unplugged connections."""
    tagged = all(life.tagged for life in reading.incarnations)
    return not tagged and any(
        connection.service == operation.service
        and connection.unheard is not None
        and connection.unheard <= ended
        for connection in reading.connections
    )


Rule = Callable[[Case], Iterator[Finding]]
"""Holds a history against a promise."""

FreeRule = Callable[[Reading, Contract | None], Iterator[Finding]]
"""Claims what holds for every client; it may read the contract if there is one."""
