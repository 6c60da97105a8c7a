"""What a client gets that asks a simulated transport for its socket: names, options, a descriptor.

The descriptor is a real one, so that it can be polled. It is readable exactly when a read of the
connection would come back at once: pools decide by that whether a connection can be used again.
"""

from __future__ import annotations

import os
import socket
import struct

from .network import Listening
from .tcp import Endpoint

__all__ = ["ConnectedSocket", "ListeningSocket"]

_USER_TIMEOUT = 18  # TCP_USER_TIMEOUT of <linux/tcp.h>: not every system's socket module names it


class _Named:
    """What both kinds have in common."""

    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(self, name: tuple[str, int]) -> None:
        self._name = name
        self.family = socket.AF_INET6 if ":" in name[0] else socket.AF_INET

    def getsockname(self) -> tuple[str, int]:
        """Our side."""
        return self._name

    def setsockopt(
        self, level: int, option: int, value: object = None, *_: object
    ) -> None:  # the socket's own
        """Nothing is changed by it here."""

    def getsockopt(self, *_: object) -> int:
        """0: no error, and nothing that was set."""
        return 0

    def gettimeout(self) -> float:
        """It does not block."""
        return 0.0

    def setblocking(self, flag: bool) -> None:
        """It never does."""


class ListeningSocket(_Named):
    """A listener's."""

    def __init__(self, listening: Listening) -> None:
        super().__init__((listening.address or "0.0.0.0", listening.port))  # noqa: S104  # of a simulated host

    def fileno(self) -> int:
        """It has none."""
        return -1


class ConnectedSocket(_Named):
    """A connection's."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__((endpoint.local.host, endpoint.local.port))
        self._endpoint = endpoint
        self._pipe: tuple[int, int] | None = None  # made when asked for: descriptors are dear
        self._readable = False
        self._closed = False
        self.resets = False  # when it is closed

    def setsockopt(self, level: int, option: int, value: object = None, *_: object) -> None:
        """What changes how a connection ends; other options change nothing.

        TCP_USER_TIMEOUT, in milliseconds, is its patience. SO_LINGER of no time makes its closing
        an RST.
        """
        if (level, option) == (socket.IPPROTO_TCP, _USER_TIMEOUT) and isinstance(value, int):
            self._endpoint.patience = value / 1000 if value else None
        elif (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER) and isinstance(value, bytes):
            on, seconds = struct.unpack("ii", value)
            self.resets = bool(on) and seconds == 0

    def getpeername(self) -> tuple[str, int]:
        """The other side."""
        return (self._endpoint.peer.host, self._endpoint.peer.port)

    def fileno(self) -> int:
        """A descriptor that can be polled now; -1 when it is closed.

        Who keeps it asks again before the next look.
        """
        if self._closed:
            return -1
        if self._pipe is None:
            self._pipe = os.pipe()
        reading, writing = self._pipe
        endpoint = self._endpoint
        readable = endpoint.readable > 0 or endpoint.at_eof or endpoint.has_more
        if readable and not self._readable:
            os.write(writing, b"x")
        elif self._readable and not readable:
            os.read(reading, 1)
        self._readable = readable
        return reading

    def close(self) -> None:
        """Give the descriptors back."""
        self._closed = True
        if self._pipe is not None:
            for descriptor in self._pipe:
                os.close(descriptor)
            self._pipe = None

    def __del__(self) -> None:
        self.close()
