"""Histories for the tests of the checks: a builder, the golden files, and ways to alter them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from faultlab.lab import history as h
from faultlab.lab.attempts import read
from faultlab.lab.checks import Finding, put
from faultlab.lab.contract import Contract, parse

GOLDEN = Path(__file__).parents[3] / "fixtures" / "golden"
ENDPOINTS = {"read": "GET /orders/{id}", "other": "GET /items", "write": "POST /orders"}
ERRORS = ("shop.ShopError", "builtins.Exception")


class Story:
    """Writes the events of one service, `orders`, in any order; every method gives the story."""

    def __init__(self, run: Any = "test") -> None:
        self.header = h.Header(run=run)
        self.events: list[Any] = []
        self.phase = ""
        self._requests: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self.add(h.SubjectOpened, 0.0)

    def add(self, kind: type[h.Event], t: float, **fields: Any) -> Story:
        """Any event."""
        self.events.append(kind(t=round(t, 6), phase=self.phase, **fields))
        return self

    def on(self, kind: type[h.Event], t: float, **fields: Any) -> Story:
        """Any event of the service."""
        return self.add(kind, t, service="orders", **fields)

    def enter(self, phase: str, t: float = 0.0) -> Story:
        """A phase begins."""
        self.phase = phase
        return self.add(h.PhaseEntered, t)

    def begin(self, op: int, t: float, name: str = "read", **fields: Any) -> Story:
        """An operation begins; only `write` is not idempotent."""
        self._names[op] = name
        fields = {"idempotent": name != "write", "endpoint": ENDPOINTS[name], **fields}
        return self.on(h.OpInvoked, t, op=op, name=name, **fields)

    def ok(self, op: int, t: float, **fields: Any) -> Story:
        """It returns a value."""
        return self.on(h.OpOk, t, op=op, type="dict", **fields)

    def fail(self, op: int, t: float, error: str, **fields: Any) -> Story:
        """It raises one of the shop's errors, or a foreign one if the name has a dot."""
        classes = (error,) if "." in error else (f"shop.{error}", *ERRORS)
        return self.on(h.OpFailed, t, op=op, errors=(h.Raised(classes=classes),), **fields)

    def start(self, op: int | None, attempt: int | None, t: float, conn: int = 1) -> Story:
        """A request's head arrives, on a new connection if that one is not known."""
        if conn not in self._requests:
            self.on(h.ConnOpened, t - 0.0001, conn=conn, port=50000 + conn)
        self._requests[conn] = self._requests.get(conn, 0) + 1
        method, _, target = ENDPOINTS[self._names[op] if op is not None else "read"].partition(" ")
        where = {"op": op, "attempt": attempt, "conn": conn, "request": self._requests[conn]}
        return self.on(h.RequestStarted, t, method=method, target=target, **where)

    def answer(self, t: float, status: int, conn: int = 1, damaged: str = "", **head: Any) -> Story:
        """The last request of a connection is answered at once."""
        where = {"conn": conn, "request": self._requests[conn]}
        self.on(h.ResponseHead, t, status=status, **{"source": "gate", **head, **where})
        return self.on(h.ResponseComplete, t, damaged=damaged, **where)

    def meet(self, op: int, attempt: int, t: float, status: int, **answer: Any) -> Story:
        """One attempt with its answer a millisecond later."""
        self.start(op, attempt, t, answer.get("conn", 1))
        return self.answer(t + 0.001, status, **answer)

    def call(self, op: int, t: float, status: int, name: str = "read") -> Story:
        """One operation of one attempt, which ends as its answer says, or is rejected (0)."""
        self.begin(op, t, name)
        if status == 0:
            return self.fail(op, t + 0.001, "Rejected")
        self.meet(op, 1, t + 0.001, status)
        return self.ok(op, t + 0.003) if status == 200 else self.fail(op, t + 0.003, "BadStatus")

    def close(self, t: float, conn: int = 1, by: Any = "client", how: Any = "fin") -> Story:
        """Somebody ends a connection."""
        return self.on(h.ConnClosed, t, conn=conn, by=by, how=how)

    def arm(self, t: float, kind: str, fault: int = 1, **fields: Any) -> Story:
        """A fault is in force; the listener is in the mode that its kind asks for."""
        mode = {"refused": "refusing", "partition": "dark"}.get(kind)
        return self.on(h.FaultArmed, t, fault=fault, name=kind, listener=mode, **fields)

    def history(self) -> h.History:
        """What was written, in order of time."""
        return h.numbered(self.header, sorted(self.events, key=lambda event: event.t))


class Altered:
    """A history that can be spoiled event by event; indices are those of the original."""

    def __init__(self, history: h.History) -> None:
        self.header = history.header
        self.events: list[Any] = list(history.events)

    def without(self, *indices: int) -> Altered:
        """Events that never were."""
        self.events = [event for event in self.events if event.index not in indices]
        return self

    def changed(self, *indices: int, **fields: Any) -> Altered:
        """Events that say something else."""
        self.events = [
            msgspec.structs.replace(event, **fields) if event.index in indices else event
            for event in self.events
        ]
        return self

    def moved(self, by: float, *indices: int) -> Altered:
        """Events that come later, or earlier."""
        for index in indices:
            self.changed(index, t=next(e.t for e in self.events if e.index == index) + by)
        return self

    def instead(self, index: int, kind: type[h.Event], **fields: Any) -> Altered:
        """Another event of the same operation at the same time."""
        self.events = [
            kind(t=e.t, index=index, phase=e.phase, service=e.service, op=e.op, **fields)
            if e.index == index
            else e
            for e in self.events
        ]
        return self

    def copied(self, by: float, *indices: int, **fields: Any) -> Altered:
        """Events that come once more; only the ids that an event has are replaced."""
        for event in [event for event in self.events if event.index in indices]:
            ids = {key: value for key, value in fields.items() if getattr(event, key) is not None}
            again = {**ids, "t": event.t + by, "index": 0}
            self.events.append(msgspec.structs.replace(event, **again))
        return self

    def history(self) -> h.History:
        """The spoiled history, numbered anew."""
        return h.numbered(self.header, sorted(self.events, key=lambda event: event.t))


def _promised(check: str) -> Contract:
    own = GOLDEN / check / "contract.yaml"
    path = own if own.exists() else GOLDEN / "contract.yaml"
    return parse(path.read_text("utf-8"), "golden")


@pytest.fixture(scope="session")
def promised() -> Callable[[str], Contract]:
    """What the client of a check's golden histories promises; some bring a contract of their own."""
    return cache(_promised)


@pytest.fixture(scope="session")
def contract(promised: Callable[[str], Contract]) -> Contract:
    """What the client of most golden histories promises."""
    return promised("")


@pytest.fixture
def golden() -> Callable[[str, str], h.History]:
    """A golden history by check and outcome."""
    return lambda check, name: h.load(GOLDEN / check / f"{name}.jsonl")


@pytest.fixture
def story() -> Callable[..., Story]:
    """A new, empty story."""
    return Story


@pytest.fixture
def altered() -> Callable[[h.History], Altered]:
    """A history to spoil."""
    return Altered


@pytest.fixture
def found(promised: Callable[[str], Contract]) -> Callable[..., Finding]:
    """What one check finds in a history or a story, under its golden contract unless told."""

    def find(
        check: str, told: Any, under: Contract | Literal["golden"] | None = "golden"
    ) -> Finding:
        under = promised(check) if under == "golden" else under
        history = told if isinstance(told, h.History) else told.history()
        findings = {finding.check: finding for finding in put(read(history), under)}
        return findings[check]

    return find
