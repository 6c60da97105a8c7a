"""The two ends of a link, as its gate sees them (counterpart: link.py is them)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ...faults.actions import Slow
from ..history import Ending, Side

__all__ = ["Due", "Ends", "Note"]

Note = Callable[[], None]
"""An entry of the history, made when the bytes that it is about are released."""

Due = tuple[int, Note]
"""A note and the number of bytes that it is about: it is made just before the last of them goes."""


class Ends(Protocol):
    """Where the gate sends bytes, and ends."""

    @property
    def full(self) -> bool:
        """Whether so much waits for the client that no answer should be added."""

    def forward(self, data: bytes, slows: tuple[Slow, ...]) -> None:
        """Send to the backend."""

    def copy(
        self, method: str, request: bytes, count: int, delays: tuple[Slow, ...], note: Note
    ) -> None:
        """Send a request to the backend so many more times, behind what was forwarded.

        What is delivered from then on waits until the copies have been answered. `note` is made
        when they are sent.
        """

    def forward_fin(self) -> None:
        """Send FIN to the backend, behind what was forwarded."""

    def deliver(self, data: bytes, slows: tuple[Slow, ...], notes: tuple[Due, ...] = ()) -> None:
        """Release to the client, maybe in pieces; notes are made if it is still there."""

    def finish(
        self,
        by: Side,
        how: Ending,
        slows: tuple[Slow, ...],
        notes: tuple[Note, ...] = (),
        *,
        why: str = "",
    ) -> None:
        """End the client's connection, behind what was delivered; `why` if no fault and no peer did."""

    def settle(self) -> None:
        """An exchange is over."""
