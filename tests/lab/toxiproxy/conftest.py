"""A network without sockets: a clock that the test moves, and connections that remember."""

from __future__ import annotations

import errno
import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from faultlab.lab.net import Connection, Events


@dataclass
class FakeTimer:
    """A call in the future."""

    call: Callable[[], None] | None

    def cancel(self) -> None:
        """Never."""
        self.call = None


@dataclass
class FakeConnection:
    """Remembers what was done to it; the test plays the peer through `events`."""

    net: FakeNet
    peer: int = 4711
    local: int = 1
    dialled: str = "127.0.0.1"
    events: Any = None
    done: list[bytes | str] = field(default_factory=list)
    full: bool = False

    def bind(self, events: Events) -> None:
        """Its owner."""
        self.events = events

    def write(self, data: bytes) -> bool:
        """Remembered, joined to what came before."""
        if self.done and isinstance(self.done[-1], bytes):
            self.done[-1] += data
        else:
            self.done.append(data)
        return not self.full

    def fin(self) -> None:
        """Half-close."""
        self.done.append("fin")

    def reset(self, *, after_written: bool = False) -> None:
        """RST."""
        self.done.append("rst")

    def close(self) -> None:
        """Over."""
        self.done.append("close")

    def pause(self) -> None:
        """Read no more."""
        self.done.append("pause")

    def resume(self) -> None:
        """Read again."""
        self.done.append("resume")

    def drain(self) -> None:
        """Nothing is queued."""


@dataclass
class FakeListener:
    """A port of the fake net."""

    net: FakeNet
    port: int
    host: str
    accepted: Callable[[Connection], None]
    mode: str = "open"
    mechanism: str = ""

    def switch(self, mode: str) -> None:
        """Not needed here."""
        raise NotImplementedError

    def drain(self) -> None:
        """Nothing is queued."""

    def close(self) -> None:
        """Over."""
        del self.net.listeners[self.port]


@dataclass
class FakeNet:
    """Ports, dials and timers."""

    time: float = 100.0
    listeners: dict[int, FakeListener] = field(default_factory=dict)
    dials: list[tuple[str, int, Callable[[Any], None]]] = field(default_factory=list)
    timers: list[tuple[float, int, FakeTimer]] = field(default_factory=list)
    starved: Callable[[str], None] | None = None
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(20000))

    def now(self) -> float:
        """The test moves it."""
        return self.time

    def later(self, delay: float, call: Callable[[], None]) -> FakeTimer:
        """Called by `move`."""
        timer = FakeTimer(call)
        heapq.heappush(self.timers, (self.time + delay, next(self.numbers), timer))
        return timer

    def listen(
        self,
        accepted: Callable[[Connection], None],
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        starved: Callable[[str], None] | None = None,
    ) -> FakeListener:
        """A port of its own, or the one asked for."""
        port = port or next(self.numbers)
        if port in self.listeners:
            raise OSError(errno.EADDRINUSE, "Address already in use")
        self.starved = starved
        self.listeners[port] = FakeListener(self, port, host, accepted)
        return self.listeners[port]

    def connect(
        self, host: str, port: int, done: Callable[[Any], None], limit: float = 5.0
    ) -> None:
        """The test answers it."""
        self.dials.append((host, port, done))

    def connection(self) -> FakeConnection:
        """A new one."""
        return FakeConnection(self)

    def move(self, seconds: float) -> None:
        """Let time pass, and what is due happen at its time."""
        end = self.time + seconds
        while self.timers and self.timers[0][0] <= end:
            due, _, timer = heapq.heappop(self.timers)
            self.time = max(self.time, due)
            if timer.call is not None:
                timer.call()
        self.time = end


@pytest.fixture
def net() -> FakeNet:
    """At 100 seconds, without a port."""
    return FakeNet()
