"""One direction of one link: its stages in order of addition, changed while bytes are in them. Pure.

Knows neither sockets nor the proxy; link.py feeds it, and carries out what leaves it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import TypeAlias

from .toxics import STAGES, Draw, End, Item, Stage, Toxic

__all__ = ["Chain", "Chance", "keyed"]

Chance: TypeAlias = Callable[[str, str], Draw]
"""(toxic, purpose) -> its own row of numbers, the same whatever happens elsewhere."""


def keyed(*key: object) -> Draw:
    """Numbers in [0, 1) that depend on `key` alone, in any process and under any hash seed."""
    number = 0

    def draw() -> float:
        nonlocal number
        number += 1
        digest = hashlib.blake2b(repr((*key, number)).encode(), digest_size=8).digest()
        return (int.from_bytes(digest, "big") >> 11) / (1 << 53)

    return draw


@dataclass(slots=True)
class _Place:
    """A stage in the chain. `lot` was drawn once, for this link and toxic."""

    stage: Stage
    lot: float
    fresh: bool  # it was there when the link began
    told: bool = False

    @property
    def spared(self) -> bool:
        """Whether toxicity lets this link pass by."""
        return self.lot >= self.stage.toxic.toxicity

    def pass_on(self, items: Iterable[Item], now: float, *, gentle: bool) -> list[Item]:
        """Through this stage; `gentle`: a reset of a link that is older than the toxic is a FIN."""
        if self.spared:
            return list(items)
        out: list[Item] = []
        for item in items:
            out += self.stage.take(item.at)  # what was due before it came
            self.stage.put(item)
        out += self.stage.take(now)
        return self.softened(out) if gentle else out

    def softened(self, items: Iterable[Item]) -> list[Item]:
        """As the original ends a link that it didn't prepare for a reset."""
        return [
            replace(item, how="close")
            if isinstance(item, End) and item.how == "abort" and not self.fresh
            else item
            for item in items
        ]


class Chain:
    """Bytes in with their time, what leaves out. After an end, nothing leaves any more."""

    def __init__(
        self, toxics: Iterable[Toxic], chance: Chance, now: float, *, strict: bool = False
    ) -> None:
        self._chance = chance
        self._strict = strict
        self._arrived: list[Item] = []
        self._places = [self._placed(toxic, now, fresh=True) for toxic in toxics]

    @property
    def straight(self) -> bool:
        """Whether nothing stands in the way."""
        return not self._places

    @property
    def full(self) -> bool:
        """Whether the source should rest."""
        return any(place.stage.full for place in self._places)

    @property
    def due(self) -> float:
        """When `advance` gives something next, if nothing arrives; inf for never."""
        return min((place.stage.due for place in self._places if not place.spared), default=inf)

    def put(self, item: Item) -> None:
        """Something arrived; it moves with the next `advance`."""
        self._arrived.append(item)

    def advance(self, now: float) -> list[Item]:
        """What leaves by now."""
        arrived, self._arrived = self._arrived, []
        return self._through(arrived, 0, now)

    def add(self, toxic: Toxic, now: float) -> list[Item]:
        """At the end of the chain, for what comes to it from now on."""
        out = self.advance(now)
        self._places.append(self._placed(toxic, now, fresh=False))
        return out

    def update(self, toxic: Toxic, now: float) -> list[Item]:
        """New settings for the toxic of this name: its stage starts anew, its counts stay."""
        out = self.advance(now)
        index, place = self._find(toxic.name)
        was_spared = place.spared
        items: Iterable[Item] = ()
        if was_spared or toxic.toxicity <= place.lot:
            if not was_spared:
                items = Stage.flush(place.stage, now)  # what waits, without what a removal ends
            place.stage.toxic = toxic
            if not place.spared:
                place.stage.rearm(toxic, now)
        else:
            items = place.stage.rearm(toxic, now)
        return out + self._through(items, index + 1, now)

    def remove(self, name: str, now: float) -> list[Item]:
        """What is in its stage leaves without delay; a `timeout` closes even links that it spared."""
        out = self.advance(now)
        index, place = self._find(name)
        items: Iterable[Item] = ()
        if not place.spared or place.stage.toxic.kind.name == "timeout":
            items = place.stage.flush(now)
        if self._strict:
            items = place.softened(items)
        out += self._through(items, index + 1, now)
        del self._places[index]
        return out

    def hits(self) -> list[Toxic]:
        """The toxics that have acted on this link for the first time since this was asked last."""
        new = [place for place in self._places if place.stage.hit and not place.told]
        for place in new:
            place.told = True
        return [place.stage.toxic for place in new]

    def _placed(self, toxic: Toxic, now: float, *, fresh: bool) -> _Place:
        stage = STAGES[toxic.kind.name](toxic, self._chance(toxic.name, "stage"), now)
        return _Place(stage, self._chance(toxic.name, "toxicity")(), fresh)

    def _find(self, name: str) -> tuple[int, _Place]:
        for index, place in enumerate(self._places):
            if place.stage.toxic.name == name:
                return index, place
        raise KeyError(name)

    def _through(self, items: Iterable[Item], first: int, now: float) -> list[Item]:
        moving = list(items)
        for place in self._places[first:]:
            moving = place.pass_on(moving, now, gentle=self._strict)
        return moving
