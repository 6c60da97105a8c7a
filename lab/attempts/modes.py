"""The listener modes of one service over time.

Counterpart: connects.py asks what a connect can have met.
"""

from __future__ import annotations

from bisect import bisect_right
from math import inf

from ..history import ListenerMode, Mode


class Modes:
    """The listener modes of one service over time, as spans that overlap while a switch is on."""

    def __init__(self) -> None:
        self._spans: list[tuple[Mode, float, float]] = []

    def add(self, event: ListenerMode) -> None:
        """A mode may be in force from the start of its switch; the older one until its end."""
        if not self._spans or self._spans[-1][0] != event.mode:
            self._spans.append((event.mode, event.t if self._spans else -inf, inf))
        for at in range(len(self._spans) - 2, -1, -1):
            mode, start, until = self._spans[at]
            if not event.done or until <= event.t:
                break
            self._spans[at] = (mode, start, event.t)  # also one that the next came in the way of

    @property
    def ever_shut(self) -> bool:
        """Whether a connect can have been refused or swallowed at all."""
        return any(mode != "open" for mode, _, _ in self._spans)

    def between(self, start: float, end: float) -> frozenset[Mode]:
        """Every mode that was, or may have been, in force in this span."""
        found: set[Mode] = set()
        for at in range(bisect_right(self._spans, end, key=lambda span: span[1]) - 1, -1, -1):
            mode, _, until = self._spans[at]
            if until < start:  # and so are all before it: a mode ends when the next has come
                break
            found.add(mode)
        return frozenset(found)
