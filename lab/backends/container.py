"""A container that serves one stub, as the lab process sees it: its start, its reports, its end.

The engine is the conductor's (`environments/docker/`): what is to be done to a container is asked of it
here, and told when it is done. The stub in it is ordered and reports as in any process (`pipe.py`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from ..history import AnyEvent
from .pipe import STARTING, Pipe, Place, Reach
from .servers import Image
from .speaking import Speaking

__all__ = ["Act", "Contained", "Cuts", "Engine", "StubContainer", "Told", "Way"]

Act = Literal["stop", "kill", "pause", "unpause"]
"""What can be done to a container that runs."""

Way = Literal["to_client", "to_backend"]
"""What a backend sends, or what is sent to it."""


class Contained(msgspec.Struct, frozen=True):
    """What came of something that was asked. `problem`: why it was not done; empty: it was.

    `container` is the number of one that was started, `place` where it is told what to serve. `lost`:
    the packets that were, while it was cut off.
    """

    problem: str = ""
    container: int = 0
    place: Place | None = None
    lost: int = 0


Told = Callable[[Contained], None]


class Cuts(Protocol):
    """Who cuts the networks of backends; `told` is called, from the loop, when that is done."""

    def cut(self, service: str, peer: str, ways: tuple[Way, ...], told: Told) -> None:
        """Lose all packets between the service's and this peer, a service or `proxy`, in these ways."""

    def join(self, service: str, peer: str, told: Told) -> None:
        """Lose them no more."""


class Engine(Cuts, Protocol):
    """Who starts containers and acts on them; `told` is called, from the loop, when that is done."""

    def start(self, service: str, told: Told, image: Image | None = None) -> None:
        """Start one in which a stub of this service can be had; or one of an image that serves it."""

    def act(self, container: int, act: Act, told: Told) -> None:
        """Do this to it."""


class StubContainer(Speaking):
    """One container, from its start to its end.

    `record` takes the events that it reports, stamped whole. `changed` is called, from the loop,
    when its state has changed by itself.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        engine: Engine,
        service: str,
        record: Callable[[AnyEvent], None],
        changed: Callable[[], None],
    ) -> None:
        super().__init__(loop, record, changed)
        self._engine = engine
        self._number = 0  # of the container, once there is one
        self._reach: Reach | None = None
        self._left = 0  # ends that are still to be seen: the engine's word, and the pipe's
        self._thaws = False  # as soon as it is frozen
        engine.start(service, self._started)

    def __repr__(self) -> str:
        return f"StubContainer({self._number}, {self.state})"

    def end(self, how: Literal["stop", "kill"]) -> None:
        """Have it end, in order or at once; it is `gone` when its kernel has closed all it had."""
        if self.state == "gone":
            return
        self.state = "ending"
        self._left = 1 + (self._pipe is not None and self._pipe.open)
        self._engine.act(self._number, how, self._has_ended)

    def freeze(self) -> None:
        """Stop it where it stands; it does nothing any more when it is `frozen`."""
        if self.state == "serving":
            self.state = "freezing"
            self._engine.act(self._number, "pause", self._has_frozen)

    def thaw(self) -> None:
        """Let it go on."""
        if self.state == "freezing":
            self._thaws = True
        elif self.state == "frozen":
            self.state = "thawing"
            self._engine.act(self._number, "unpause", self._has_thawed)

    def close(self) -> None:
        """Let go of it: the conductor removes what a run leaves, paused or not."""
        self.state = "gone"
        self._let_go()
        if self._reach is not None:
            self._reach.cancel()

    def _started(self, told: Contained) -> None:
        self._number = told.container
        if self.state == "gone":  # nobody waits for it any more
            return
        if told.place is None:
            self._fail(told.problem)
            return
        self.address = (told.place.host, 0)
        self._reach = Reach(self._loop, told.place.path, self._reached)

    def _reached(self, sock: socket.socket | OSError) -> None:
        if isinstance(sock, OSError):
            self._fail(f"nobody listens in it: {sock.strerror}")
        else:
            self._pipe = Pipe(self._loop, sock, self._hear, self._is_silent)

    def _is_silent(self) -> None:
        """Its pipe has ended."""
        if self.state == "ending":
            self._one_less()
        elif self.state != "gone":
            self._fail("it ended by itself")

    def _has_ended(self, told: Contained) -> None:
        if told.problem:
            self._fail(told.problem)
        elif self.state == "ending":
            self.drain()
            self._one_less()

    def _one_less(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self._limit.cancel()
            self.state = "gone"
            self._changes()

    def _has_frozen(self, told: Contained) -> None:
        if told.problem:
            self._fail(told.problem)
        elif self.state == "freezing":
            self.state = "frozen"
            self._changed()
            if self._thaws:
                self._thaws = False
                self.thaw()

    def _has_thawed(self, told: Contained) -> None:
        if told.problem:
            self._fail(told.problem)
        elif self.state == "thawing":
            self.state = "serving"
            self._changed()

    def _fail(self, why: str) -> None:
        self.problem = self.problem or f"its container: {why}"
        self._limit.cancel()
        self._changes()

    def _late(self) -> None:
        self._fail(f"none within {STARTING:g} s")
