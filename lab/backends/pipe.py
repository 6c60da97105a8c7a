"""What a stub in another process is told and says, and the lab process's end of the pipe between.

Counterpart: `lab/apart.py` has the other end. Frames as in `lab/frames.py`. Knows no process: who has
started what is at the other end (`process.py`, `shared.py`), and what becomes of it, is not its own.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import msgspec

from ..frames import Batch, Frames, pack
from .routes import Request
from .served import Builtin, Routed

__all__ = [
    "STARTING",
    "Listening",
    "Past",
    "Pipe",
    "Place",
    "Reach",
    "Ready",
    "Recall",
    "Said",
    "Serve",
    "Told",
    "Unable",
]

STARTING = 20.0  # seconds for an interpreter to start, on a loaded machine
_READ = 256 * 1024
_AGAIN = 0.005  # seconds between looks whether a process listens that is on its way


class Place(msgspec.Struct, frozen=True):
    """Where a process serves the stubs of others: it is told what over a unix socket at `path`.

    `host`: the address that its stubs listen on, as the lab process dials it.
    """

    path: str
    host: str = "127.0.0.1"


class Serve(msgspec.Struct, frozen=True, tag="serve", tag_field="frame"):
    """Serve this on a port of `host`, once these requests have been carried out. The first order."""

    service: str
    specification: Routed | Builtin
    start: float
    past: tuple[Request, ...] = ()
    host: str = "127.0.0.1"


class Recall(msgspec.Struct, frozen=True, tag="recall", tag_field="frame"):
    """Say which requests may have changed what it answers."""


class Ready(msgspec.Struct, frozen=True, tag="ready", tag_field="frame"):
    """It has started, and waits to be told what to serve."""


class Listening(msgspec.Struct, frozen=True, tag="listening", tag_field="frame"):
    """It serves, on this port."""

    port: int


class Unable(msgspec.Struct, frozen=True, tag="unable", tag_field="frame"):
    """It can't serve, and why."""

    text: str


class Past(msgspec.Struct, frozen=True, tag="past", tag_field="frame"):
    """The requests that may have changed what it answers, in order."""

    requests: tuple[Request, ...]


Told = Serve | Recall
Said = Batch | Ready | Listening | Unable | Past

_told = msgspec.msgpack.Encoder()
_said = msgspec.msgpack.Decoder(Said)


class Pipe:
    """The lab process's end of a stream socket; it is closed here.

    `heard` is told what the other side says, in order, `ended` once that nothing more will come: from
    the loop, or inside `drain` and `tell`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        heard: Callable[[Said], None],
        ended: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._heard = heard
        self._ended = ended
        self._frames = Frames()
        self._unsent = bytearray()
        loop.add_reader(sock, self.drain)

    @property
    def open(self) -> bool:
        """Whether something may still come."""
        return self._sock.fileno() >= 0

    def tell(self, what: Told) -> None:
        """Send, as fast as the other side reads: it may be waiting for us to read."""
        if self.open:
            self._unsent += pack(_told.encode(what))
            self._send()

    def drain(self) -> None:
        """Take what has been said: all that was, before it showed in any other way."""
        while self.open:
            try:
                data = self._sock.recv(_READ, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                self._ended()
                return
            for body in self._frames.bodies(data):
                self._heard(_said.decode(body))

    def close(self) -> None:
        """Hear and say nothing more."""
        if self.open:
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()

    def _send(self) -> None:
        try:
            sent = self._sock.send(self._unsent, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.drain()  # it has ended, and the end of the stream says so
            return
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(self._sock, self._send)
        else:
            self._loop.remove_writer(self._sock)


class Reach:
    """Connects to a process that is on its way, as soon as it listens at `path`.

    `reached` gets the socket, or after STARTING seconds why there is none; from the loop, or before
    the return. `cancel` ends the wait.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        path: str,
        reached: Callable[[socket.socket | OSError], None],
    ) -> None:
        self._loop = loop
        self._path = path
        self._reached = reached
        self._limit = loop.time() + STARTING
        self._timer: asyncio.TimerHandle | None = None
        self._knock()

    def cancel(self) -> None:
        """Look no further."""
        if self._timer is not None:
            self._timer.cancel()

    def _knock(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(self._path)
        except OSError as error:  # not there yet, or more have come than it has taken
            sock.close()
            if self._loop.time() < self._limit:
                self._timer = self._loop.call_later(_AGAIN, self._knock)
            else:
                self._reached(error)
            return
        self._reached(sock)
