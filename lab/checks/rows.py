"""Failures in a row, as whoever counts every one of them would have seen them.

Counterpart: the oracle counts what the contract has counted. This says what came between.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator

from ..attempts import Operation, Reading
from ..oracle import Key

__all__ = ["Rows", "met"]


def met(operation: Operation) -> str:
    """What a breaker is told of an operation that made an attempt, or was cancelled."""
    return "cancelled" if operation.ending == "cancelled" else operation.attempts[-1].observable


class Rows:
    """The ends of a reading's operations, by the circuits that they may ask."""

    def __init__(self, reading: Reading) -> None:
        ended: dict[tuple[int, str, str], list[tuple[float, int, Operation]]] = defaultdict(list)
        for one in reading.operations:
            if one.ended is not None and (one.attempts or one.ending == "cancelled"):
                for asked in (("", ""), (one.service, ""), (one.service, one.endpoint)):
                    ended[one.incarnation, *asked].append((one.ended, one.id, one))
        self._ended = {key: sorted(ends, key=lambda end: end[:2]) for key, ends in ended.items()}

    def before(self, operation: Operation, key: Key) -> Iterator[Operation]:
        """The operations that had failed in a row when this one began, the latest first."""
        ends = self._ended.get((key.life, key.service, key.endpoint), [])
        for at in range(bisect_right(ends, operation.invoked, key=lambda end: end[0]) - 1, -1, -1):
            one = ends[at][2]
            if met(one) == "ok":
                return
            yield one
