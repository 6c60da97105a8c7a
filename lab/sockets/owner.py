"""What a socket asks of the network that it was opened through (counterpart: net.py is it)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

from ..net import Connection, Timer

__all__ = ["Owner"]


class Owner(Protocol):
    """A loop, its clock, and the list of what must be released at the end."""

    loop: asyncio.AbstractEventLoop
    minimum_ttl: bool

    def now(self) -> float:
        """Seconds on CLOCK_MONOTONIC."""

    def later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Call from the loop, `delay` seconds from now."""

    def adopt(self, sock: socket.socket, peer: int) -> Connection:
        """Take over a connected socket."""

    def forget(self, part: object) -> None:
        """A socket was released."""
