"""What was under way at once, counted without going through all that ever was.

Counterpart: the checks that ask whether somebody was alone, or had to wait for others.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

__all__ = ["Company"]


class Company:
    """Stretches of time, each from its begin to its end (None: it has none)."""

    def __init__(self, stretches: Iterable[tuple[float, float | None]]) -> None:
        kept = [(begin, end) for begin, end in stretches if end is None or begin <= end]
        self._begins = sorted(begin for begin, _ in kept)
        self._ends = sorted(end for _, end in kept if end is not None)

    def during(self, since: float, until: float) -> int:
        """How many have an instant in common with this time, both ends included."""
        return bisect_right(self._begins, until) - bisect_left(self._ends, since)

    def at(self, t: float) -> int:
        """How many have begun by then, and end later."""
        return bisect_right(self._begins, t) - bisect_right(self._ends, t)
