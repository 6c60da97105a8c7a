"""The two ends of a link, as its gate sees them (counterpart: link.py is them)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ...faults.decide import Delay
from ..history import Ending, Side

__all__ = ["Ends", "Note"]

Note = Callable[[], None]
"""An entry of the history, made when the bytes that it is about are released."""


class Ends(Protocol):
    """Where the gate sends bytes, and ends."""

    def forward(self, data: bytes, delays: tuple[Delay, ...]) -> None:
        """Send to the backend."""

    def copy(
        self, method: str, request: bytes, count: int, delays: tuple[Delay, ...], note: Note
    ) -> None:
        """Send a request to the backend so many more times, behind what was forwarded.

        What is delivered from then on waits until the copies have been answered. `note` is made
        when they are sent.
        """

    def forward_fin(self) -> None:
        """Send FIN to the backend, behind what was forwarded."""

    def deliver(self, data: bytes, delays: tuple[Delay, ...], notes: tuple[Note, ...] = ()) -> None:
        """Release to the client; `notes` are made just before, if it is still there."""

    def finish(
        self, by: Side, how: Ending, delays: tuple[Delay, ...], notes: tuple[Note, ...] = ()
    ) -> None:
        """End the client's connection, behind what was delivered."""

    def settle(self) -> None:
        """An exchange is over."""
