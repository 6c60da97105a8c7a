"""The stays of circuits outside their closed state, to be asked by circuit and instant.

Counterpart: the oracle lists them. A long history has thousands, so nobody goes through them all.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from operator import attrgetter

from ..oracle import Demands, Episode, Key, ProbeResult

__all__ = ["Openings"]


class Openings:
    """The episodes of each circuit, in order of their opening; they don't overlap."""

    def __init__(self, demands: Demands) -> None:
        self._of: dict[Key, list[Episode]] = defaultdict(list)
        self._probed: dict[Key, tuple[Sequence[ProbeResult], Sequence[int]]] = {}
        for episode in sorted(demands.episodes, key=attrgetter("key")):
            self._of[episode.key].append(episode)

    def of(self, key: Key) -> Sequence[Episode]:
        """Those of one circuit."""
        return self._of.get(key, ())

    def opened(self, key: Key, after: float, until: float) -> Sequence[Episode]:
        """Those of one circuit that had surely opened by `until`, and not by `after`."""
        episodes = self.of(key)
        first, end = (
            bisect_right(episodes, t, key=lambda episode: episode.opened[1]) for t in (after, until)
        )
        return episodes[first:end]

    def last_probe(self, key: Key, before: int) -> ProbeResult | None:
        """What became of the last probe of a circuit that is of an operation with a lower id."""
        probes, lowest = self._probes(key)
        at = bisect_left(lowest, before)
        return probes[at - 1] if at > 0 else None

    def _probes(self, key: Key) -> tuple[Sequence[ProbeResult], Sequence[int]]:
        """What became of each probe of a circuit, and the lowest id from each on."""
        if key not in self._probed:
            probes = [probe for episode in self.of(key) for probe in episode.probes]
            lowest = list(accumulate((op for op, _ in reversed(probes)), min))[::-1]
            self._probed[key] = [became for _, became in probes], lowest
        return self._probed[key]

    def open_at(self, t: float, life: int) -> list[Key]:
        """The circuits of one life of the client that were surely not closed then, in order."""
        found: list[Key] = []
        for key, episodes in self._of.items():
            if key.life != life:
                continue
            at = bisect_right(episodes, t, key=lambda episode: episode.opened[1])
            if at == 0:
                continue
            last = episodes[at - 1]
            if last.certain and (last.closed is None or t < last.closed):
                found.append(key)
        return found
