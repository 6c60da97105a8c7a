"""Which of the lab's own images are removed: those that no lab has used for a day.

Each state of an installation has an image of its own, so every edit leaves one behind. A lab that
finds its image there already gives it its name anew: the engine remembers when, and that is its last
use, also for the labs of other checkouts. Images of the user's are never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["UNUSED", "Built", "Keeping", "outdated", "prune"]

UNUSED = 24 * 3600.0
"""Seconds without use after which an image goes."""

_OURS = ("faultlab:", "faultlab-needed:")


@dataclass(frozen=True, slots=True)
class Built:
    """An image with our label. `used`: when a lab last did, in seconds since 1970."""

    id: str
    names: tuple[str, ...]
    used: float


class Keeping(Protocol):
    """What of an engine is needed here. Each call raises `Refused` where it can't be done."""

    def built(self) -> list[Built]:
        """The images with our label, but those that only others are built over."""

    def occupied(self) -> Collection[str]:
        """The ids of images that containers are of, in whatever state those are."""

    def forget(self, image: str) -> None:
        """Take a name from an image, or an id; with its last one it goes, unless something needs it."""


def outdated(images: Iterable[Built], occupied: Collection[str], now: float) -> tuple[Built, ...]:
    """Those to remove. One with a name of somebody else's inherits our label, and is not ours."""
    return tuple(
        image
        for image in images
        if now - image.used > UNUSED
        and image.id not in occupied
        and all(name.startswith(_OURS) for name in image.names)
    )


def prune(keeping: Keeping, clock: Callable[[], float]) -> tuple[str, ...]:
    """Remove what is outdated; the names that are gone, or ids of what had none.

    `clock` gives seconds since 1970. Raises `Refused`.
    """
    gone = [
        name
        for image in outdated(keeping.built(), keeping.occupied(), clock())
        for name in image.names or (image.id,)
    ]
    for name in gone:
        keeping.forget(name)
    return tuple(gone)
