"""The network of one asyncio loop: its clock, and all the sockets that were opened through it.

Counterparts: connection.py, dial.py and listener.py are those sockets.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from ..net import Connection, Listener, Means, Slowing
from .connection import SocketConnection
from .dial import Address, Dial
from .listener import SocketListener
from .ttl import can_be_deaf

__all__ = ["RealNet"]


class RealNet:
    """Loopback sockets on one asyncio loop. Its calls belong to that loop's thread.

    `minimum_ttl=False`: as on a kernel without it, so that a dark listener has a full backlog and no
    connection can be unplugged.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, minimum_ttl: bool = True) -> None:
        self.loop = loop
        self.minimum_ttl = minimum_ttl
        self._open: dict[object, Callable[[], None]] = {}  # each with what releases it at once

    @property
    def reads_on(self) -> bool:
        """It is: a connection of ours is closed when both sides are."""
        return True

    @property
    def unplugging(self) -> str:
        """How a connection is unplugged."""
        return "minimum TTL"

    @property
    def problem(self) -> str:
        """There is none."""
        return ""

    @property
    def doubt(self) -> str:
        """There is none."""
        return ""

    def lacks(self, means: Means) -> str:
        """Why this can't be had here."""
        if means == "unplug" and not (self.minimum_ttl and can_be_deaf()):
            return "this kernel has no minimum TTL, so no connection can be unplugged here"
        return ""

    def slows(self, slowing: Slowing) -> str:  # noqa: ARG002 - none
        """It does not."""
        return ""

    def when_settled(self, call: Callable[[], None]) -> None:
        """Every call is complete on return."""
        call()

    def now(self) -> float:
        """Seconds on CLOCK_MONOTONIC."""
        return time.monotonic()

    def later(self, delay: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call from the loop, `delay` seconds from now."""
        return self.loop.call_later(delay, call)

    def listen(
        self,
        accepted: Callable[[Connection], None],
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        starved: Callable[[str], None] | None = None,
    ) -> Listener:
        """Listen on `host`, an address of ours, in mode open. Raises OSError if it can't be had."""
        listener = SocketListener(self, accepted, port, host, starved=starved)
        self._open[listener] = listener.close
        return listener

    def connect(
        self, host: str, port: int, done: Callable[[Connection | OSError], None], limit: float = 5.0
    ) -> None:
        """Open a connection; `done` gets it or the error, from the loop.

        A host name is resolved each time, on a thread of its own: a name server that doesn't answer
        stops nobody else, and counts against `limit`.
        """
        dial = Dial(self, done, limit)
        self._open[dial] = dial.cancel
        try:
            found = _addresses(host, port, socket.AI_NUMERICHOST)
        except (OSError, ValueError):  # a name, or no text that can be one
            ask = partial(self._resolve, dial, host, port)
            threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
            return
        self._start(dial, found)

    def _start(self, dial: Dial, found: tuple[Address, ...] | OSError) -> None:
        if dial.over:
            return
        if isinstance(found, OSError):
            dial.finish(found)
            return
        try:
            dial.start(found)
        except OSError as error:
            self.loop.call_soon(dial.finish, error)

    def _resolve(self, dial: Dial, host: str, port: int) -> None:
        found: tuple[Address, ...] | OSError
        try:
            found = _addresses(host, port)
        except (OSError, ValueError) as error:
            found = error if isinstance(error, OSError) else OSError(str(error))
        with suppress(RuntimeError):  # the loop has ended in between
            self.loop.call_soon_threadsafe(self._start, dial, found)

    def when_arrived(self, call: Callable[[], None]) -> None:
        """What a kernel of ours has can be drained."""
        call()

    def close(self) -> None:
        """Release every socket, at once."""
        for release in tuple(self._open.values()):
            release()

    def adopt(self, sock: socket.socket, peer: int) -> Connection:
        """Take over a connected socket."""
        connection = SocketConnection(self, sock, peer)
        self._open[connection] = connection.release
        return connection

    def forget(self, part: object) -> None:
        """A socket was released."""
        self._open.pop(part, None)


def _addresses(host: str, port: int, flags: int = 0) -> tuple[Address, ...]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return tuple((family, address) for family, _, _, _, address in infos)
