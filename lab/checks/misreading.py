"""Another reading of a contract: would a client that reads it so have done what was seen?

An operation let through, or a rejection, may be wrong because a late result was taken. Nothing in
a history says when a breaker takes results, so the oracle is asked a second time, under the contract
with `late_results` turned over: where that explains all that was seen of a circuit so far, the
client has misread that field. Pure; judges nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from operator import itemgetter
from typing import Literal

from msgspec.structs import replace

from ..attempts import Operation, Reading
from ..contract import Breaker, Contract
from ..oracle import Demands, Key, demands

__all__ = ["Misreading", "Taken"]

Taken = Literal["kept", "misread"]
"""How a client took a field, where its other value would have it act differently."""

_TURNED: dict[str | None, Literal["ignore", "count"]] = {"ignore": "count", "count": "ignore"}


class Misreading:
    """What a contract with `late_results` turned over would have demanded of a history.

    The oracle is not asked before it is needed, nor of services where nothing came late.
    """

    def __init__(self, reading: Reading, contract: Contract, found: Demands) -> None:
        self._reading = reading
        self._contract = contract
        self._found = found

    @cached_property
    def taken(self) -> Mapping[int, Taken]:
        """How each operation was treated on whose admission the field decides."""
        breakers = self._contract.breaker or ()
        turned = tuple(map(_turned, breakers))
        if turned == breakers:
            return {}
        operations = self._reading.operations
        touched = {one.service for one in filter(self._outlives_a_trip(), operations)}
        if not any(breaker.scope == "client" for breaker in breakers):
            operations = tuple(one for one in operations if one.service in touched)
        if not touched:
            return {}
        contract = self._contract.model_copy(update={"breaker": turned})
        reading = replace(self._reading, operations=operations)
        return dict(self._compared(operations, demands(contract, reading)))

    def _outlives_a_trip(self) -> Callable[[Operation], bool]:
        """Tells whether a circuit opened while an operation ran, by another one's result."""
        opened = sorted(
            ((one.opened[1], one.by) for one in self._found.episodes), key=itemgetter(0)
        )  # in virtual time several may be at once, and by nobody that is known
        at = [t for t, _ in opened]

        def outlives(one: Operation) -> bool:
            over = self._reading.end if one.ended is None else one.ended
            during = opened[bisect_right(at, one.invoked) : bisect_right(at, over)]
            return any(by != one.id for _, by in during)

        return outlives

    def _compared(
        self, operations: Iterable[Operation], other: Demands
    ) -> Iterator[tuple[int, Taken]]:
        refuted: set[Key] = set()
        for operation in operations:
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


def _turned(breaker: Breaker) -> Breaker:
    value = _TURNED.get(breaker.late_results)
    return breaker if value is None else breaker.model_copy(update={"late_results": value})
