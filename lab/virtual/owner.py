"""What a connection asks of the network that it was opened through (counterpart: net.py is it)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..environments.simulated.network import Host
from ..environments.simulated.tcp import Endpoint
from ..net import Connection, Timer

__all__ = ["Owner"]


class Owner(Protocol):
    """A host, its clock, and the list of what must be released at the end."""

    host: Host

    def now(self) -> float:
        """Virtual seconds."""

    def later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Call from the loop, `delay` seconds from now."""

    def perform(self, call: Callable[[], None]) -> None:
        """Call what the program does next: at once, unless it is halted."""

    def adopt(self, endpoint: Endpoint) -> Connection:
        """Take over a connection of the host's."""

    def forget(self, part: object) -> None:
        """A part was released."""
