"""The listener modes of one service over time.

Counterpart: connects.py asks what a connect can have met.
"""

from __future__ import annotations

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
        if event.done and len(self._spans) > 1:
            mode, start, _ = self._spans[-2]
            self._spans[-2] = (mode, start, min(event.t, self._spans[-2][2]))

    @property
    def ever_shut(self) -> bool:
        """Whether a connect can have been refused or swallowed at all."""
        return any(mode != "open" for mode, _, _ in self._spans)

    def between(self, start: float, end: float) -> frozenset[Mode]:
        """Every mode that was, or may have been, in force in this span."""
        return frozenset(mode for mode, a, b in self._spans if a <= end and start <= b)
