"""The network of one asyncio loop: its clock, and all the sockets that were opened through it.

Counterparts: connection.py, dial.py and listener.py are those sockets.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

from ..net import Connection, Listener
from .connection import SocketConnection
from .dial import Address, Dial
from .listener import SocketListener

__all__ = ["RealNet"]


class RealNet:
    """Loopback sockets on one asyncio loop. Its calls belong to that loop's thread.

    `minimum_ttl=False` takes the fallback of a dark listener, the full backlog, everywhere.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, minimum_ttl: bool = True) -> None:
        self.loop = loop
        self.minimum_ttl = minimum_ttl
        self._resolved: dict[tuple[str, int], tuple[Address, ...]] = {}
        self._open: dict[object, Callable[[], None]] = {}  # each with what releases it at once

    def now(self) -> float:
        """Seconds on CLOCK_MONOTONIC."""
        return time.monotonic()

    def later(self, delay: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call from the loop, `delay` seconds from now."""
        return self.loop.call_later(delay, call)

    def listen(self, accepted: Callable[[Connection], None], port: int = 0) -> Listener:
        """Listen on 127.0.0.1, in mode open. Raises OSError if the port is taken."""
        listener = SocketListener(self, accepted, port)
        self._open[listener] = listener.close
        return listener

    def connect(
        self, host: str, port: int, done: Callable[[Connection | OSError], None], limit: float = 5.0
    ) -> None:
        """Open a connection; `done` gets it or the error, from the loop.

        A host name is resolved once, blocking: it names a server of this machine.
        """
        dial = Dial(self, done, limit)
        self._open[dial] = dial.cancel
        try:
            dial.start(self._addresses(host, port))
        except OSError as error:
            self.loop.call_soon(dial.finish, error)

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

    def _addresses(self, host: str, port: int) -> tuple[Address, ...]:
        found = self._resolved.get((host, port))
        if found is None:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = tuple((family, address) for family, _, _, _, address in infos)
            self._resolved[host, port] = found
        return found
