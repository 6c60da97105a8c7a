"""A network whose time a test moves by hand."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest

from faultlab.lab.environments.simulated.network import Host, Link, Network
from faultlab.lab.environments.simulated.tcp import Endpoint


@dataclass(order=True)
class Timer:
    """A call in the future."""

    at: float
    order: int
    call: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Never make it."""
        self.cancelled = True


class Hand:
    """A scheduler moved by hand."""

    def __init__(self) -> None:
        self.time = 0.0
        self._order = count()
        self._timers: list[Timer] = []

    def now(self) -> float:
        """Seconds."""
        return self.time

    def later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Call then."""
        timer = Timer(self.time + delay, next(self._order), call)
        heapq.heappush(self._timers, timer)
        return timer

    def run(self, until: float = 1e6) -> None:
        """All that is due by then, or until nothing is left."""
        while self._timers and self._timers[0].at <= until:
            timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                self.time = timer.at
                timer.call()
        if until < 1e6:
            self.time = until


class Notes:
    """An owner that writes down what it is told, and when."""

    def __init__(self, hand: Hand, endpoint: Endpoint) -> None:
        self.hand = hand
        self.endpoint = endpoint
        self.data = b""
        self.told: list[tuple[float, str]] = []
        endpoint.bind(self)

    def received(self, data: bytes) -> None:
        """Bytes."""
        self.data += data
        self.told.append((round(self.hand.time, 6), f"{len(data)} bytes"))

    def ended(self) -> None:
        """FIN."""
        self.told.append((round(self.hand.time, 6), "ended"))

    def lost(self, error: OSError | None) -> None:
        """Over."""
        what = "over" if error is None else type(error).__name__
        self.told.append((round(self.hand.time, 6), what))

    def writable(self) -> None:
        """Room."""
        self.told.append((round(self.hand.time, 6), "writable"))


@dataclass
class World:
    """Two hosts."""

    hand: Hand
    network: Network
    here: Host
    there: Host
    patience: float = 0.5

    def pair(self) -> tuple[Notes, Notes]:
        """A connection from here to there: both sides."""
        sides: list[Notes] = []

        def note(came: Endpoint | OSError) -> None:
            assert isinstance(came, Endpoint)
            sides.append(Notes(self.hand, came))

        listening = self.there.listen("", accepted=note)
        self.here.connect(self.there.addresses[0], listening.port, note)
        self.hand.run(self.hand.time + self.patience)
        [client, server] = sides
        return client, server

    def tries(self, port: int, address: str | None = None) -> list[tuple[float, str]]:
        """When and how a connect to there ends."""
        ends: list[tuple[float, str]] = []

        def done(came: Endpoint | OSError) -> None:
            ends.append((round(self.hand.time, 6), type(came).__name__))

        self.here.connect(address or self.there.addresses[0], port, done)
        return ends


def make(*, loss: float = 0.0) -> World:
    """Two hosts, a millisecond apart."""
    hand = Hand()
    network = Network(hand, random.Random(1), link=Link(latency=0.001, loss=loss))
    patience = 200.0 if loss else 0.5
    return World(hand, network, network.host("here"), network.host("there"), patience)


@pytest.fixture
def world() -> World:
    """Two hosts, a millisecond apart."""
    return make()
