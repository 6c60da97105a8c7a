"""Stretches of time by service, asked whether any touches another one.

Counterpart: doubts.py asks for each operation, so that nobody may go through all of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from itertools import accumulate

__all__ = ["Spans"]


class Spans:
    """Stretches of time, each of a service, from its begin to its end."""

    def __init__(self, stretches: Iterable[tuple[str, float, float]]) -> None:
        of: dict[str | None, list[tuple[float, float]]] = defaultdict(list)
        for service, since, until in stretches:
            of[service].append((since, until))
            of[None].append((since, until))
        self._begins: dict[str | None, list[float]] = {}
        self._latest: dict[str | None, list[float]] = {}  # end of each and all that began before
        for name, spans in of.items():
            spans.sort()
            self._begins[name] = [since for since, _ in spans]
            self._latest[name] = list(accumulate((until for _, until in spans), max))

    def touch(self, service: str | None, since: float, until: float) -> bool:
        """Whether one of a service (None: of any) has an instant in common with this time."""
        begun = bisect_right(self._begins.get(service, ()), until)
        return begun > 0 and self._latest[service][begun - 1] >= since
