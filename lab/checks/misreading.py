"""Other readings of a contract's breakers: would a client that reads it so have done what was seen?

A wrong rejection, or an operation let through, says that a promise was broken and not which. The
oracle is asked a second time, under the contract with one field turned over; where that explains
all that was seen of a circuit so far, the client has misread that field. Pure; judges nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Literal

from ..attempts import Operation, Reading
from ..contract import Breaker, Contract
from ..oracle import Demands, Key, demands

__all__ = ["Field", "Misreadings", "Taken"]

Field = Literal["layer", "late_results"]

Taken = Literal["kept", "misread"]
"""How a client took a field, where its two values would have it act differently."""

_TURNED: dict[Field, dict[str, str]] = {
    "layer": {"per_call": "per_attempt", "per_attempt": "per_call"},
    "late_results": {"ignore": "count", "count": "ignore"},
}


class Misreadings:
    """What each field of a contract's breakers, turned over, would have demanded of a history.

    Nothing is asked of the oracle before it is needed, and where the field can't matter.
    """

    def __init__(self, reading: Reading, contract: Contract, found: Demands) -> None:
        self._reading = reading
        self._contract = contract
        self._found = found

    def of(self, field: Field) -> Mapping[int, Taken]:
        """How each operation was treated on whose admission the field decides."""
        return self._layer if field == "layer" else self._late_results

    @cached_property
    def _layer(self) -> Mapping[int, Taken]:
        several = any(len(one.attempts) > 1 for one in self._reading.operations)
        return dict(self._taken("layer")) if several else {}

    @cached_property
    def _late_results(self) -> Mapping[int, Taken]:
        opened = sorted((one.opened[1], one.by) for one in self._found.episodes)
        at = [t for t, _ in opened]

        def late(one: Operation) -> bool:
            """Whether a circuit opened while it ran, by another one's result."""
            over = self._reading.end if one.ended is None else one.ended
            during = opened[bisect_right(at, one.invoked) : bisect_right(at, over)]
            return any(by != one.id for _, by in during)

        return dict(self._taken("late_results")) if any(map(late, self._reading.operations)) else {}

    def _taken(self, field: Field) -> Iterator[tuple[int, Taken]]:
        turned = self._turned(field)
        if turned is None:
            return
        other = demands(turned, self._reading)
        refuted: set[Key] = set()
        for operation in self._reading.operations:
            wanted = self._found.of(operation.id).admission
            misread = other.of(operation.id).admission
            keys = {standing.key for standing in wanted.standings}
            known = wanted.demand.start != "may" and wanted.ran != "unseen"
            if known and not keys & refuted and misread.demand.start != wanted.demand.start:
                done = "must" if wanted.ran == "yes" else "must_not"
                if done == wanted.demand.start:
                    yield operation.id, "kept"
                elif misread.explained:
                    yield operation.id, "misread"
            if not misread.explained:
                refuted |= keys

    def _turned(self, field: Field) -> Contract | None:
        """The contract with the field turned over in each breaker; None where it is left open."""
        breakers = tuple(_turned(one, field) for one in self._contract.breaker or ())
        if not breakers or breakers == self._contract.breaker:
            return None
        return self._contract.model_copy(update={"breaker": breakers})


def _turned(breaker: Breaker, field: Field) -> Breaker:
    value = _TURNED[field].get(getattr(breaker, field))
    return breaker if value is None else breaker.model_copy(update={field: value})
