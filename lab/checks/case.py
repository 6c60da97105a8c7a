"""What a check is given, and how it is asked.

Counterpart: lab/checks/finding.py is what it answers. A rule yields one finding for each case of
its claim in a history; the check folds them. It may not read raw events: what an operation did
stands in the reading, what it should have done in the demands.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import TypeAlias

from ..attempts import Attempt, Connection, Operation, Reading, doubt
from ..contract import Contract
from ..oracle import Admission, Boundary, Demands, Key, Mode, OperationDemand, Since
from .company import Company
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


AtEnd: TypeAlias = tuple[Operation, Boundary, Attempt, Attempt | None]
"""An end of an attempt: what was demanded there, the attempt, and the one that followed."""

_CLOSED: frozenset[Mode] = frozenset(("closed",))
_START: frozenset[Since] = frozenset(("start",))


@dataclass(frozen=True)
class Case:
    """One history, read, with the contract it is held against and what that demanded."""

    reading: Reading
    contract: Contract
    demands: Demands

    @cached_property
    def late(self) -> Misreading:
        """What it would have demanded if it took late results the other way."""
        return Misreading(self.reading, self.contract, self.demands)

    @cached_property
    def rows(self) -> Rows:
        """Failures in a row, counted or not."""
        return Rows(self.reading)

    @cached_property
    def openings(self) -> Openings:
        """When which circuit was not closed."""
        return Openings(self.demands)

    @cached_property
    def company(self) -> Company:
        """How many operations were under way when."""
        return Company((one.invoked, one.ended) for one in self.reading.operations)

    @cached_property
    def busy(self) -> Mapping[int, Company]:
        """How many attempts were under way when, by the life of the client."""
        lives: dict[int, list[tuple[float, float | None]]] = defaultdict(list)
        for one in self.reading.operations:
            lives[one.incarnation] += [(each.begun, each.seen) for each in one.attempts]
        return {life: Company(stretches) for life, stretches in lives.items()}

    @cached_property
    def unused(self) -> Sequence[Connection]:
        """The connections that carried no request, in order of their opening."""
        unused = (one for one in self.reading.connections if one.requests == 0)
        return sorted(unused, key=attrgetter("opened"))

    @cached_property
    def outlived(self) -> Sequence[tuple[Operation, frozenset[Key]]]:
        """The operations that ended after another had opened circuits that they asked: these."""
        found = []
        for operation, demand in self.demanded() if self.demands.episodes else ():
            ended = operation.ended
            asked = {standing.key for standing in demand.admission.standings}
            opened = frozenset(
                key
                for key in asked
                if ended is not None
                and any(
                    episode.by != operation.id
                    for episode in self.openings.opened(key, operation.invoked, ended)
                )
            )
            if opened:
                found.append((operation, opened))
        return found

    def operation(self, number: int) -> Operation:
        """The operation of this id, which there is."""
        return self.reading.operations[
            bisect_left(self.reading.operations, number, key=lambda one: one.id)
        ]

    def demanded(self) -> Iterator[tuple[Operation, OperationDemand]]:
        """Every operation with what was demanded of it."""
        return zip(self.reading.operations, self.demands.operations, strict=True)

    @cached_property
    def troubled(self) -> Sequence[tuple[Operation, OperationDemand]]:
        """The operations that a breaker did not have to let through, or had met trouble before.

        The others, most of a history, were let through as whoever else had succeeded.
        """
        return [
            (operation, demand)
            for operation, demand in self.demanded()
            if not self._calm(operation, demand.admission)
        ]

    def _calm(self, operation: Operation, admission: Admission) -> bool:
        """Whether nothing stands against an operation that was let through.

        Whatever it asked was never open and has met no failure, counted or not, since a success,
        and nothing else was open.
        """
        if admission.demand.start != "must" or admission.ran != "yes" or admission.probe != "no":
            return False
        for standing in admission.standings:
            if standing.modes != _CLOSED or standing.failures != (0, 0) or standing.since != _START:
                return False
            if next(self.rows.before(operation, standing.key), None) is not None:
                return False
        return not self.openings.open_at(operation.invoked, operation.incarnation)

    @cached_property
    def failures(self) -> Sequence[AtEnd]:
        """Those of them at which an attempt had not succeeded."""
        return [end for end in self.boundaries if end[2].observable != "ok"]

    @cached_property
    def boundaries(self) -> Sequence[AtEnd]:
        """Every end of an attempt: what was demanded there, the attempt, and the one that followed."""
        return [
            (
                operation,
                boundary,
                operation.attempts[boundary.after - 1],
                operation.attempts[boundary.after] if boundary.followed else None,
            )
            for operation, demand in self.demanded()
            for boundary in demand.boundaries
        ]

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
