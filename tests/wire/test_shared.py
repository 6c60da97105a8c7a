"""Stubs of many runs in one process beside the lab process: what serves in a container, without one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast

import pytest

from faultlab.faults import Duplicate, Fault, Frozen, Killed, Partition, Stopped
from faultlab.lab.attempts import read
from faultlab.lab.backends.container import Contained
from faultlab.lab.backends.pipe import Place
from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.embedded import LabProcess
from faultlab.lab.environments.host import Host
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.errors import SetupError
from faultlab.lab.history import (
    AnyEvent,
    ConnClosed,
    EffectApplied,
    FaultArmed,
    Header,
    RequestReceived,
    ResponseHead,
    ResponseSent,
)
from faultlab.lab.orders import Wanted

pytestmark = pytest.mark.wire

LIMIT = 10.0  # seconds after which what is awaited has not come
SERVICES = {
    "orders": parse({"GET /orders/{id}": {"id": 7}, "POST /orders": [201, {"id": 8}]}),
    "core": parse("core"),
}
GET = b"GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


SIGNALS = {
    "stop": signal.SIGTERM,
    "kill": signal.SIGKILL,
    "pause": signal.SIGSTOP,
    "unpause": signal.SIGCONT,
}


class Many:
    """A process that serves the stubs of many runs."""

    def __init__(self, folder: Path) -> None:
        # An address of its own, as a container has one.
        self.place = Place(str(folder / "stubs"), "127.0.0.2")
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "faultlab.lab.apart", self.place.path],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def close(self) -> str:
        """Kill it; what it said on standard error."""
        self.process.kill()
        return self.process.communicate(timeout=LIMIT)[1].decode()


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    """One lab process for all."""
    with LabProcess() as process:
        yield process


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Many]:
    """One process for all who leave it alone."""
    many = Many(tmp_path_factory.mktemp("many"))
    yield many
    assert many.close() == ""


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Many]:
    """A process of this test's own."""
    many = Many(tmp_path)
    yield many
    assert many.close() == ""


class Placed:
    """A lab process whose stubs are in that process; those of a run's own are in more like it.

    As containers would be, without an engine: the conductor starts them, and acts on them when the
    lab process asks.
    """

    def __init__(self, lab: LabProcess, many: Many, folder: Path) -> None:
        self._lab = lab
        self._many = many
        self._folder = folder
        self.own: dict[int, Many] = {}
        self.acts: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._lab, name)

    def places(self, services: Iterable[str]) -> dict[str, Place]:
        """The same for all."""
        return dict.fromkeys(services, self._many.place)

    def contain(self, run: int, wanted: Wanted) -> Contained:
        """A process for a container."""
        if wanted.act == "start":
            number = len(self.own) + 1
            (self._folder / f"{run}.{number}").mkdir()
            self.own[number] = Many(self._folder / f"{run}.{number}")
            return Contained(container=number, place=self.own[number].place)
        self.acts.append(wanted.act)
        process = self.own[wanted.container].process
        process.send_signal(SIGNALS[wanted.act])
        if wanted.act in ("stop", "kill"):
            process.wait(LIMIT)
        return Contained()

    def lost(self, run: int) -> str:
        """No servers."""
        return ""

    def release(self, run: int) -> None:
        """What is left of them."""
        for many in self.own.values():
            many.close()

    def ended(self) -> str:
        """What an engine would say of one that is gone."""
        gone = [n for n, many in self.own.items() if many.process.poll() not in (None, 0, -9)]
        return "\n".join(f"container {number}: its last lines" for number in gone)


class Begin:
    """Begins runs, which are over with it."""

    def __init__(self, lab: LabProcess, folder: Path, stack: ExitStack, many: Many) -> None:
        self._lab = lab
        self._folder = folder
        self._stack = stack
        self._many = many
        self.host: Placed  # of the last run

    def __call__(
        self, name: str, many: Many | None = None, lab: LabProcess | None = None
    ) -> Hosted:
        """A run whose stubs are there."""
        feed, events = socket.socketpair()
        self._stack.enter_context(events)
        self.host = Placed(lab or self._lab, many or self._many, self._folder)
        host = cast("Host", self.host)
        path = self._folder / name
        run = Hosted(host, SERVICES, header=Header(), path=path, feed=feed)
        self._stack.callback(run.abandon)
        return run


@pytest.fixture
def begin(lab: LabProcess, many: Many, tmp_path: Path) -> Iterator[Begin]:
    """Runs of this test's own."""
    with ExitStack() as stack:
        yield Begin(lab, tmp_path, stack, many)


def ask(port: int, *requests: bytes) -> list[bytes]:
    """The status lines of the answers, on one connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as client:
        answers = []
        for request in requests:
            client.sendall(request)
            answers.append(client.recv(1 << 16).partition(b"\r\n")[0])
        return answers


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become so."""
    limit = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < limit


def seen(run: Hosted, *kinds: type[AnyEvent]) -> list[str]:
    """The events of these kinds, by name, in the order of the history."""
    run.barrier()
    return [type(event).__name__ for event in run.events() if isinstance(event, kinds)]


def test_runs_share_the_process_and_nothing_else(begin: Begin) -> None:
    """What one run's stub was told is in no other's history, memory or port."""
    one, two = begin("one"), begin("two")
    assert ask(one.ports["orders"], POST, GET) == [b"HTTP/1.1 201 Created", b"HTTP/1.1 200 OK"]
    assert ask(two.ports["orders"], GET) == [b"HTTP/1.1 200 OK"]
    assert seen(one, EffectApplied, RequestReceived) == [
        "RequestReceived",
        "EffectApplied",
        "RequestReceived",
    ]
    assert seen(two, EffectApplied, RequestReceived) == ["RequestReceived"]
    one.close()
    assert ask(two.ports["orders"], POST) == [b"HTTP/1.1 201 Created"]


def test_a_service_may_come_later(begin: Begin) -> None:
    """It serves on return."""
    run = begin("one")
    run.serve("side", SERVICES["orders"])
    assert ask(run.ports["side"], POST) == [b"HTTP/1.1 201 Created"]


def test_reports_come_before_what_the_wire_shows_of_them(begin: Begin) -> None:
    """From a process that serves two runs at once, too: no cut history shows an answer from nothing."""
    runs = [begin("one"), begin("two")]
    clients = [
        socket.create_connection(("127.0.0.1", run.ports["orders"]), timeout=LIMIT) for run in runs
    ]
    for _ in range(100):
        for client in clients:
            client.sendall(POST)
        for client in clients:
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 201")
    kinds = (RequestReceived, EffectApplied, ResponseSent, ResponseHead)
    for run in runs:
        assert seen(run, *kinds) == [kind.__name__ for kind in kinds] * 100
    for client in clients:
        client.close()


def test_a_held_partition_and_copies_go_to_it_as_to_any_backend(begin: Begin) -> None:
    """The proxy knows no place."""
    run = begin("one")
    run.inject(1, Duplicate(service="orders"))
    assert ask(run.ports["orders"], POST) == [b"HTTP/1.1 201 Created"]
    assert seen(run, EffectApplied) == ["EffectApplied"] * 2
    run.clear()
    client = socket.create_connection(("127.0.0.1", run.ports["orders"]), timeout=LIMIT)
    run.inject(2, Partition(service="orders", live="hold"))
    client.sendall(POST)
    client.close()
    run.clear()
    until(lambda: len(seen(run, EffectApplied)) == 3)


@pytest.mark.parametrize("fault", [Killed(service="orders"), Stopped(service="orders")])
def test_a_run_that_ends_a_stub_has_it_in_a_container_of_its_own(
    begin: Begin, fault: Fault
) -> None:
    """The shared one serves the other runs on; another waits for its turn at the same address."""
    two, one = begin("two"), begin("one")
    client = socket.create_connection(("127.0.0.1", one.ports["orders"]), timeout=LIMIT)
    client.sendall(POST)
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 201")
    one.inject(1, fault)
    assert len(begin.host.own) == 2
    assert begin.host.acts == [{"killed": "kill", "stopped": "stop"}[fault.kind]]
    assert client.recv(1) == b""
    client.close()
    with pytest.raises(ConnectionRefusedError):
        ask(one.ports["orders"], GET)
    assert ask(two.ports["orders"], GET) == [b"HTTP/1.1 200 OK"]
    one.clear()
    assert ask(one.ports["orders"], GET) == [b"HTTP/1.1 200 OK"]
    (armed,) = (event for event in one.events() if isinstance(event, FaultArmed))
    how = {"killed": "SIGKILL", "stopped": "SIGTERM"}[fault.kind]
    assert armed.mechanism == f"stub container, {how}"


def test_a_late_request_is_carried_out_when_its_container_goes_on(begin: Begin) -> None:
    """Its client has gone long ago: an effect, and no attempt of the time after."""
    run = begin("one")
    run.inject(1, Frozen(service="orders"))
    client = socket.create_connection(("127.0.0.1", run.ports["orders"]), timeout=LIMIT)
    client.sendall(POST)
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.close()
    until(lambda: "ConnClosed" in seen(run, ConnClosed))
    assert seen(run, EffectApplied) == []
    run.clear()
    until(lambda: len(seen(run, EffectApplied)) == 1)
    assert begin.host.acts == ["pause", "unpause"]
    (attempt,) = read(run.events()).strays
    assert (attempt.observable, attempt.effects) == ("read_timeout_headers", 1)


def test_a_container_that_ends_by_itself_is_one_clear_message(begin: Begin) -> None:
    """With what the engine knows of it: it would be blamed on the client."""
    run = begin("one")
    run.prepare(Frozen(service="orders"))
    (own,) = begin.host.own.values()
    own.process.send_signal(signal.SIGSEGV)
    own.process.wait(LIMIT)
    told = "can't be had: its container: it ended by itself\ncontainer 1: its last lines"
    with pytest.raises(SetupError, match=told):
        until(lambda: run.barrier() is not None)
    with pytest.raises(SetupError, match=told):
        run.close()


def test_a_stub_that_moves_takes_its_memory_along(begin: Begin) -> None:
    """It is asked for it, over there."""
    run = begin("one")

    def tell(method: str, path: str, **body: str) -> dict[str, Any]:
        http = HTTPConnection("127.0.0.1", run.ports["core"], timeout=LIMIT)
        sent = json.dumps(body).encode() if body else None
        http.request(
            method, f"/api/v1/governance{path}", sent, {"Content-Type": "application/json"}
        )
        with closing(http), http.getresponse() as answer:
            assert answer.status < 300
            told: dict[str, Any] = json.load(answer)
            return told

    before = tell("GET", "/pending")["total_pending"]
    session = tell("POST", "/session/create", operator_id="a", operator_name="b")["session_id"]
    tell("POST", "/decision/dec-1/approve", session_id=session, comment="x")
    after = tell("GET", "/pending")["total_pending"]
    assert after != before
    run.inject(1, Frozen(service="core"))
    run.clear()
    assert tell("GET", "/pending")["total_pending"] == after


def test_an_orderly_end_answers_what_has_arrived(begin: Begin, mortal: Many) -> None:
    """Of every run; and then each run says that its stubs are gone."""
    run = begin("one", mortal)
    with socket.create_connection(("127.0.0.1", run.ports["orders"]), timeout=LIMIT) as client:
        client.sendall(GET)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
        mortal.process.send_signal(signal.SIGTERM)
        assert client.recv(1) == b""
    assert mortal.process.wait(LIMIT) == 0
    with pytest.raises(SetupError, match="can't be had: the process that served it has ended"):
        run.close()


def test_a_death_is_one_clear_message_for_every_run(begin: Begin, mortal: Many) -> None:
    """It would be blamed on the client."""
    runs = [begin("one", mortal), begin("two", mortal)]
    mortal.process.kill()
    mortal.process.wait(LIMIT)
    for run in runs:
        with pytest.raises(SetupError, match="can't be had: the process that served it has ended"):
            run.close()


@pytest.mark.slow
def test_a_lab_process_that_dies_leaves_no_stub(begin: Begin, mortal: Many) -> None:
    """The process serves the next lab's runs: nothing of this one's is left in it."""
    until(lambda: Path(mortal.place.path).exists())
    with LabProcess() as lab:
        run = begin("one", mortal, lab)
        assert ask(run.ports["orders"], GET) == [b"HTTP/1.1 200 OK"]
        own = 3  # two that wake its loop, and the one where it is ordered
        until(lambda: len(sockets(mortal.process.pid)) == own + 2 * len(SERVICES))
        os.kill(lab.pid, signal.SIGKILL)
        until(lambda: len(sockets(mortal.process.pid)) == own)


def sockets(pid: int) -> list[str]:
    """The sockets that a process has open."""
    found = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(one.readlink()))
    return sorted(one for one in found if one.startswith("socket:"))
