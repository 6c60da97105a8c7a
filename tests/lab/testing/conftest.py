"""A lab in a place without a network."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal

import pytest

from faultlab.faults import Fault
from faultlab.lab.backends.specification import Specification
from faultlab.lab.errors import FaultError, SetupError
from faultlab.lab.history import (
    AnyEvent,
    ConnOpened,
    FaultArmed,
    FaultCleared,
    Header,
    History,
    ListenerMode,
    RequestStarted,
    SubjectOpened,
    numbered,
)
from faultlab.lab.testing import Lab, Settings, apart


@dataclass
class Armed:
    """A handle of the paper place."""

    number: int
    mechanism: str = "paper"
    first: Future[AnyEvent] = field(default_factory=Future)
    over: Future[AnyEvent] = field(default_factory=Future)


class Paper:
    """A place that only writes down; its clock goes on by a tick with every event."""

    name = "paper"

    def __init__(self) -> None:
        self.header = Header()
        self.recorded: list[AnyEvent] = []
        self.services: dict[str, Specification] = {}
        self.armed: dict[int, Fault] = {}
        self.gone = False
        self.closed = 0
        self.feeds: list[socket.socket] = []
        self._ticks = count(1)

    def __call__(self, *, header: Header, path: Path, feed: socket.socket) -> Paper:
        """Opens itself."""
        self.header = header
        self.feeds.append(feed)
        self.add(SubjectOpened)
        return self

    def add(self, kind: Callable[..., AnyEvent], **fields: Any) -> None:
        """One more event, a tick later."""
        self.recorded.append(kind(t=next(self._ticks) / 1000, **fields))

    def request(self, service: str, target: str = "/orders/7", op: int | None = None) -> None:
        """A request arrives on a connection of its own."""
        on: dict[str, Any] = {"service": service, "conn": len(self.recorded)}
        self.add(ConnOpened, port=len(self.recorded), **on)
        self.add(RequestStarted, request=1, op=op, method="GET", target=target, **on)

    def _there(self) -> None:
        if self.gone:
            raise SetupError("the lab process (pid 7) ended with code -9")

    def url(self, service: str) -> str:
        """Where it would be."""
        return f"http://127.0.0.1:{1000 + list(self.services).index(service)}"

    def serve(self, service: str, specification: Specification) -> str:
        """One more service."""
        self._there()
        self.services[service] = specification
        return self.url(service)

    def demand_fit(self, *faults: Fault) -> None:
        """The kind `stall` can't be armed."""
        if any(fault.kind == "stall" for fault in faults):
            raise FaultError("no stall on paper")

    def inject(
        self, number: int, fault: Fault, *, unfired: Literal["fail", "ok"] = "fail"
    ) -> Armed:
        """Armed on paper; the kind `stall` can't be."""
        self._there()
        self.demand_fit(fault)
        self.armed[number] = fault
        service = fault.service
        mode = "refusing" if fault.reach == "listener" else None
        if mode is not None:
            self.add(ListenerMode, service=service, mode=mode)
        self.add(
            FaultArmed,
            service=service,
            fault=number,
            name=fault.kind,
            text=fault.text(),
            listener=mode,
        )
        return Armed(number)

    def clear(self, *numbers: int) -> None:
        """Over."""
        self._there()
        for number in numbers or tuple(self.armed):
            fault = self.armed.pop(number, None)
            if fault is not None:
                self.add(FaultCleared, service=fault.service, fault=number, name=fault.kind)
                self.add(ListenerMode, service=fault.service, mode="open")

    def fresh(self) -> None:
        """Nothing to close."""

    def reset(self) -> None:
        """Nothing to reset."""

    def enter(self, phase: str) -> None:
        """No phases in a test."""

    def note(self, event: AnyEvent) -> None:
        """Recorded."""
        self.recorded.append(event)

    def clock(self) -> float:
        """Stands still."""
        return 0.0

    def barrier(self, flush: Callable[[int], None] | None = None) -> None:
        """Everything is recorded already."""
        self._there()

    def events(self) -> History:
        """The history so far."""
        return numbered(self.header, self.recorded)

    def close(self) -> History:
        """Closed."""
        self.closed += 1
        for feed in self.feeds:
            feed.close()
        return self.events()


@pytest.fixture
def paper() -> Paper:
    """The place."""
    return Paper()


@pytest.fixture
def lab(paper: Paper, tmp_path: Path) -> Iterator[Lab]:
    """A lab in it."""
    made = Lab(
        apart(paper), name="test_orders.py::test_down", folder=tmp_path, settings=Settings(seed=7)
    )
    yield made
    made.close(judge=False)
