"""What a lab's containers print, as it is kept beside a run's history: no secrets, and of a flood its ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ...errors import SetupError
from ...excerpt import Excerpt
from .site import Placed

__all__ = ["Printing", "printed"]


class Printing(Protocol):
    """What of an engine is needed here."""

    def printed(self, ident: str, since: float) -> bytes:
        """What a container has printed from then on, in seconds since 1970. Raises SetupError."""


def printed(engine: Printing, containers: Iterable[Placed], since: float) -> dict[str, bytes]:
    """By service, or by part of the lab where it serves none; nothing of who has printed nothing.

    What served a service one after the other stands one behind the other.
    """
    found: dict[str, Excerpt] = {}
    kept: dict[str, bytes] = {}
    for placed in containers:
        try:
            text = engine.printed(placed.id, since)
        except SetupError:  # it was removed from outside, and that is told elsewhere
            continue
        if text:
            name = placed.service or placed.part
            kept[name] = kept.get(name, b"") + found.setdefault(name, Excerpt()).feed(text)
    return {name: kept[name] + excerpt.finish() for name, excerpt in found.items()}
