"""The stays of circuits outside their closed state, to be asked by circuit and instant.

Counterpart: the oracle lists them. A long history has thousands, so nobody goes through them all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter

from ..oracle import Demands, Episode, Key

__all__ = ["Openings"]


class Openings:
    """The episodes of each circuit, in order of their opening; they don't overlap."""

    def __init__(self, demands: Demands) -> None:
        self._of: dict[Key, list[Episode]] = defaultdict(list)
        for episode in sorted(demands.episodes, key=attrgetter("key")):
            self._of[episode.key].append(episode)

    def of(self, key: Key) -> Sequence[Episode]:
        """Those of one circuit."""
        return self._of.get(key, ())

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
