"""A stub in a process that serves the stubs of many runs: a container of a service, mostly.

The process is none of ours to start or to end (`lab/apart.py`, listening at a path): this is one
stub in it, on a port of its own, which ends with the connection over which it was ordered.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from ..frames import Batch
from ..history import AnyEvent
from .pipe import STARTING, Listening, Past, Pipe, Place, Reach, Ready, Recall, Said, Serve, Unable
from .routes import Request
from .served import Builtin, Routed

__all__ = ["Shared"]


class Shared:
    """The backend of one service of one run, served at `place`.

    `start` is the run's, in seconds on CLOCK_MONOTONIC. `record` takes the events that are
    reported, stamped whole. `changed` is called, from the loop, when `settled` may have changed.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        place: Place,
        service: str,
        specification: Routed | Builtin,
        record: Callable[[AnyEvent], None],
        *,
        start: float,
        changed: Callable[[], None],
    ) -> None:
        self.problem = ""
        self.address = (place.host, 0)
        self._loop = loop
        self._service = service
        self._record = record
        self._changed = changed
        self._pipe: Pipe | None = None
        self._recalled: Callable[[tuple[Request, ...]], None] | None = None
        self._serve = Serve(service, specification, start, host=place.host)
        self._limit = loop.call_later(STARTING, self._fail, f"no stub within {STARTING:g} s")
        self._reach = Reach(loop, place.path, self._reached)

    def __repr__(self) -> str:
        return f"Shared({self._service}, {self.address[0]}:{self.address[1]})"

    @property
    def settled(self) -> bool:
        """Whether it serves, or never will."""
        return bool(self.problem or self.address[1])

    def recall(self, told: Callable[[tuple[Request, ...]], None]) -> None:
        """Have `told` called with the requests that may have changed what it answers, in order."""
        self._recalled = told
        if self._pipe is not None:
            self._pipe.tell(Recall())

    def drain(self) -> None:
        """Take what it has reported."""
        if self._pipe is not None:
            self._pipe.drain()

    def close(self) -> None:
        """Give its port back, and end what it has."""
        self._limit.cancel()
        self._reach.cancel()
        self._recalled = None
        if self._pipe is not None:
            self._pipe.close()

    def _reached(self, sock: socket.socket | OSError) -> None:
        if isinstance(sock, OSError):
            self._fail(f"nobody listens where it is to be ordered: {sock.strerror}")
            return
        self._pipe = Pipe(self._loop, sock, self._hear, self._ended)
        self._pipe.tell(self._serve)

    def _hear(self, said: Said) -> None:
        match said:
            case Batch(events=events):
                for event in events:
                    self._record(event)
            case Ready():
                pass
            case Listening(port=port):
                self._limit.cancel()
                self.address = (self.address[0], port)
                # Not at once: reports are also taken in the middle of something else.
                self._loop.call_soon(self._changed)
            case Unable(text=text):
                self._fail(text)
            case Past(requests=requests):
                recalled, self._recalled = self._recalled, None
                if recalled is not None:
                    self._loop.call_soon(recalled, requests)

    def _ended(self) -> None:
        self._fail("the process that served it has ended")

    def _fail(self, why: str) -> None:
        if not self.problem:
            self.problem = f"the stub of {self._service} can't be had: {why}"
        self.close()
        self._loop.call_soon(self._changed)
