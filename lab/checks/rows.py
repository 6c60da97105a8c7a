"""Failures in a row, as whoever counts every one of them would have seen them.

Counterpart: the oracle counts what the contract has counted. This says what came between.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from operator import itemgetter

from ..attempts import Operation, Reading
from ..contract import Scope
from ..oracle import Key

__all__ = ["Rows", "met"]


def met(operation: Operation) -> str:
    """What a breaker is told of an operation that made an attempt, or was cancelled."""
    return "cancelled" if operation.ending == "cancelled" else operation.attempts[-1].observable


class Rows:
    """The ends of a reading's operations, by the circuits that they may ask."""

    def __init__(self, reading: Reading) -> None:
        ended = (one for one in reading.operations if one.attempts or one.ending == "cancelled")
        times = ((one.ended, one) for one in ended if one.ended is not None)
        # in order of ids where several ended at once: the sort is stable
        self._ended = sorted(times, key=itemgetter(0))
        self._scopes: dict[Scope, dict[tuple[int, str, str], _Ends]] = {}

    def before(self, operation: Operation, key: Key) -> Iterator[Operation]:
        """The operations that had failed in a row when this one began, the latest first."""
        ends = self._of(key.scope).get((key.life, key.service, key.endpoint))
        return iter(()) if ends is None else ends.row(operation.invoked)

    def _of(self, scope: Scope) -> Mapping[tuple[int, str, str], _Ends]:
        """The ends by all that circuits of a scope keep apart."""
        if scope not in self._scopes:
            found: dict[tuple[int, str, str], _Ends] = defaultdict(_Ends)
            for t, one in self._ended:
                service = "" if scope == "client" else one.service
                endpoint = one.endpoint if scope == "endpoint" else ""
                found[one.incarnation, service, endpoint].add(t, one)
            self._scopes[scope] = found
        return self._scopes[scope]


class _Ends:
    """The ends that one circuit may see, in order of time."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._operations: list[Operation] = []
        self._since = [0]  # after so many ends: where the failures in a row begin

    def add(self, t: float, operation: Operation) -> None:
        """One more."""
        self._times.append(t)
        self._operations.append(operation)
        ok = met(operation) == "ok"
        self._since.append(len(self._times) if ok else self._since[-1])

    def row(self, t: float) -> Iterator[Operation]:
        """Those that had failed in a row by then, the latest first."""
        over = bisect_right(self._times, t)
        since = self._since[over]
        if since == over:
            return iter(())
        return (self._operations[at] for at in range(over - 1, since - 1, -1))
