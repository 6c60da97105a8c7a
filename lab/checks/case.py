"""What a check is given, and how it is asked.

Counterpart: lab/checks/finding.py is what it answers. A rule yields one finding for each case of
its claim in a history; the check folds them. It may not read raw events: what an operation did
stands in the reading, what it should have done in the demands.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from ..attempts import Attempt, Operation, Reading, doubt
from ..contract import Contract
from ..oracle import Boundary, Demands, OperationDemand
from .finding import Finding
from .misreading import Misreading
from .openings import Openings
from .rows import Rows

__all__ = ["Case", "FreeRule", "Rule", "attempts", "seconds"]


def attempts(count: int) -> str:
    """A number of attempts for a sentence."""
    return f"{count} attempt" if count == 1 else f"{count} attempts"


def seconds(value: float) -> str:
    """A duration for a sentence, to the millisecond."""
    return f"{value:.3f} s"


@dataclass(frozen=True, slots=True)
class Case:
    """One history, read, with the contract it is held against and what that demanded.

    `late`: what it would have demanded if it took late results the other way. `rows`: failures in a
    row, counted or not.
    """

    reading: Reading
    contract: Contract
    demands: Demands
    late: Misreading
    rows: Rows
    openings: Openings

    @classmethod
    def of(cls, reading: Reading, contract: Contract, found: Demands) -> Self:
        """What the checks of one history share."""
        late = Misreading(reading, contract, found)
        return cls(reading, contract, found, late, Rows(reading), Openings(found))

    def operation(self, number: int) -> Operation:
        """The operation of this id, which there is."""
        return self.reading.operations[
            bisect_left(self.reading.operations, number, key=lambda one: one.id)
        ]

    def demanded(self) -> Iterator[tuple[Operation, OperationDemand]]:
        """Every operation with what was demanded of it."""
        yield from zip(self.reading.operations, self.demands.operations, strict=True)

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


Rule = Callable[[Case], Iterator[Finding]]
"""Holds a history against a promise."""

FreeRule = Callable[[Reading, Contract | None], Iterator[Finding]]
"""Claims what holds for every client; it may read the contract if there is one."""
