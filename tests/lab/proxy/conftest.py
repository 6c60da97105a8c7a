"""A net in memory with a clock of its own, and a proxy on it: no socket, no waiting."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from faultlab.faults import Fault
from faultlab.faults.decide import keyed
from faultlab.lab.history import AnyEvent
from faultlab.lab.net import Connection, Events, Means, Mode, Slowing
from faultlab.lab.proxy.proxy import Proxy


class Timer:
    """A call that can be taken back."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Never make it."""
        self.call = None


class Wire:
    """The proxy's end of one connection; the test is the other end."""

    local = 1
    peer = 2
    dialled = "127.0.0.1"

    def __init__(self) -> None:
        self.events: Events | None = None
        self.written = b""
        self.end = ""
        self.closed = False  # no event comes any more
        self.paused = False
        self.unplugged = False
        self.room: int | None = None  # bytes that are taken before `write` says False

    def bind(self, events: Events) -> None:
        """Set the owner."""
        self.events = events

    def write(self, data: bytes) -> bool:
        """Keep it."""
        self.written += data
        return self.room is None or len(self.written) < self.room

    def fin(self) -> None:
        """Note it."""
        self.end = self.end or "fin"

    def reset(self, *, after_written: bool = False) -> None:
        """Note it."""
        self.end = "rst"
        self.closed = True

    def close(self) -> None:
        """Note it."""
        self.end = self.end or "fin"
        self.closed = True

    def pause(self) -> None:
        """Note it."""
        self.paused = True

    def resume(self) -> None:
        """Note it."""
        self.paused = False

    def drain(self) -> None:
        """Nothing is in a kernel here."""

    def unplug(self) -> None:
        """Note it."""
        self.unplugged = True

    def plug(self) -> None:
        """Note it."""
        self.unplugged = False

    def says(self, data: bytes) -> None:
        """The other end sends."""
        if not self.closed:
            self._owner.received(data)

    def ends(self) -> None:
        """The other end sends FIN."""
        if not self.closed:
            self._owner.ended()

    def breaks(self) -> None:
        """The other end sends RST."""
        if not self.closed:
            self._owner.lost(True)
            self.closed = True

    @property
    def _owner(self) -> Events:
        assert self.events is not None
        return self.events

    def took(self) -> bytes:
        """What was written since the last call."""
        data, self.written = self.written, b""
        return data


class Listener:
    """A listener whose modes are only remembered."""

    port = 7
    mechanism = "in memory"

    def __init__(self, accepted: Callable[[Connection], None]) -> None:
        self.accepted = accepted
        self.mode: Mode = "open"
        self.slowed: dict[int, Slowing] = {}

    def slow(self, wanted: Mapping[int, Slowing]) -> None:
        """Remember it."""
        self.slowed = dict(wanted)

    def switch(self, mode: Mode, *, keeps: bool = True) -> None:
        """Remember it."""
        self.mode = mode

    def drain(self) -> None:
        """Nothing is queued here."""

    def close(self) -> None:
        """Nothing to give back."""


@dataclass
class Net:
    """Time that the test moves, and the connections that the proxy opened."""

    time: float = 0.0
    dead: bool = False  # no backend answers
    lacking: dict[Means, str] = field(default_factory=dict)
    unplugging: str = "minimum TTL"
    problem: str = ""
    doubt: str = ""
    slowing: str = ""
    timers: list[tuple[float, int, Timer]] = field(default_factory=list)
    order: itertools.count[int] = field(default_factory=itertools.count)
    backends: list[Wire] = field(default_factory=list)

    reads_on = True

    def now(self) -> float:
        """Virtual seconds."""
        return self.time

    def lacks(self, means: Means) -> str:
        """What the test says."""
        return self.lacking.get(means, "")

    def when_settled(self, call: Callable[[], None]) -> None:
        """Always at once."""
        call()

    when_arrived = when_settled

    def slows(self, slowing: Slowing) -> str:
        """As the test says."""
        return self.slowing

    def later(self, delay: float, call: Callable[[], None]) -> Timer:
        """When the test has moved time so far."""
        timer = Timer(call)
        heapq.heappush(self.timers, (self.time + delay, next(self.order), timer))
        return timer

    def listen(
        self,
        accepted: Callable[[Connection], None],
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        starved: Callable[[str], None] | None = None,
    ) -> Listener:
        """Connections come from the test."""
        self.listener = Listener(accepted)
        return self.listener

    def connect(
        self, host: str, port: int, done: Callable[[Connection | OSError], None], limit: float = 5.0
    ) -> None:
        """Done at the next move of time."""

        def settle() -> None:
            if self.dead:
                done(ConnectionRefusedError("dead"))
                return
            self.backends.append(Wire())
            done(self.backends[-1])

        self.later(0.0, settle)

    def move(self, seconds: float = 0.0) -> None:
        """Let time pass; what is due happens at its time."""
        until = self.time + seconds
        while self.timers and self.timers[0][0] <= until:
            self.time, _, timer = heapq.heappop(self.timers)
            if timer.call is not None:
                timer.call()
        self.time = until


@dataclass
class House:
    """A proxy in memory."""

    net: Net = field(default_factory=Net)
    events: list[AnyEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.proxy = Proxy(
            self.net,
            "core",
            ("backend", 1),
            self.events.append,
            start=0.0,
            draws=keyed(3),
            conns=itertools.count(1),
            tag_upstream=self.tagged,
        )

    tagged: bool = False

    def dialling(self) -> Wire:
        """A connection whose backend is being connected to."""
        client = Wire()
        self.net.listener.accepted(client)
        return client

    def connect(self) -> tuple[Wire, Wire]:
        """A connection, and the backend's to it."""
        client = self.dialling()
        self.net.move()
        return client, self.net.backends[-1]

    def arm(self, fault: Fault, number: int = 1) -> str:
        """In force on return."""
        return self.proxy.arm(number, fault)

    def kinds(self) -> list[str]:
        """The names of all events so far, without the listener's."""
        return [type(e).__name__ for e in self.events if type(e).__name__ != "ListenerMode"]


@pytest.fixture
def house() -> House:
    """A proxy in memory."""
    return House()


@pytest.fixture(scope="session")
def new_house() -> Callable[[], House]:
    """A proxy in memory for each example of a property."""
    return House


@pytest.fixture(scope="session")
def new_wire() -> Callable[[], Wire]:
    """A client's connection for each example of a property."""
    return Wire


@pytest.fixture
def stub_house() -> House:
    """One whose backend is told of the wire."""
    return House(tagged=True)


@pytest.fixture
def net() -> Net:
    """Only time."""
    return Net()
