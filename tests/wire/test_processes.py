"""`stopped`, `killed`, `frozen`: what a naive client sees of a server whose process ends or halts."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from faultlab.faults import Duplicate, Fault, Frozen, Killed, Latency, Partition, Refused, Stopped
from faultlab.lab.attempts import read
from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.embedded import LabProcess
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.errors import FaultError, SetupError
from faultlab.lab.history import (
    AnyEvent,
    ConnClosed,
    EffectApplied,
    FaultCleared,
    FaultFired,
    Header,
    RequestStarted,
)
from faultlab.lab.rig import LATE

pytestmark = pytest.mark.wire

LIMIT = 10.0  # seconds after which what is awaited has not come
SILENCE = 0.3  # seconds without a byte that are silence
ENDS = [Stopped(service="orders"), Killed(service="orders")]
KINDS = [*ENDS, Frozen(service="orders")]
SERVICES = {
    "orders": parse({"GET /orders/{id}": {"id": 7}, "POST /orders": [201, {"id": 8}]}),
    "core": parse("core"),
}
GET = b"GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
QUERY = (
    b"POST /query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b'Content-Length: 15\r\n\r\n{"query":"why"}'
)
HALF = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"


def named(fault: Fault) -> str:
    """A fault's kind, as the name of a case."""
    return fault.kind


def children(pid: int) -> list[int]:
    """The processes that this one has started and that still are."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that ended meanwhile
            found += map(int, (task / "children").read_text().split())
    return sorted(found)


class Client:
    """A blocking socket to one service."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)

    def send(self, data: bytes) -> None:
        """These bytes."""
        self.sock.sendall(data)

    def ask(self, data: bytes = GET) -> bytes:
        """The status line of the answer, and all behind it that has come."""
        self.send(data)
        return self.sock.recv(1 << 16)

    def rest(self) -> tuple[bytes, str]:
        """Everything until the end, and which end it was."""
        data = b""
        try:
            while more := self.sock.recv(1 << 16):
                data += more
        except ConnectionResetError:
            return data, "rst"
        return data, "fin"

    def silent(self) -> bool:
        """Whether nothing comes, not even an end."""
        return not select.select([self.sock], [], [], SILENCE)[0]


class Stage:
    """One run of two services; `connect` opens clients, which are closed with it."""

    def __init__(self, run: Hosted, stack: ExitStack, lab: LabProcess) -> None:
        self.run = run
        self.lab = lab
        self._stack = stack

    def connect(self, service: str = "orders") -> Client:
        """A live connection."""
        client = Client(self.run.ports[service])
        self._stack.callback(client.sock.close)
        return client

    def refused(self, service: str = "orders") -> bool:
        """Whether a new connection is refused."""
        with socket.socket() as caller:
            caller.settimeout(LIMIT)
            try:
                caller.connect(("127.0.0.1", self.run.ports[service]))
            except ConnectionRefusedError:
                return True
            return False

    def of(self, kind: type[AnyEvent], **fields: object) -> list[AnyEvent]:
        """The events of this kind so far, with these values."""
        self.run.barrier()
        return [
            event
            for event in self.run.events()
            if isinstance(event, kind)
            and all(getattr(event, name) == value for name, value in fields.items())
        ]

    def see(self, kind: type[AnyEvent], count: int = 1, **fields: object) -> list[AnyEvent]:
        """Wait for that many of them."""
        until(lambda: len(self.of(kind, **fields)) >= count)
        return self.of(kind, **fields)


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become so."""
    limit = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.005)


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    """One lab process for the whole module."""
    with LabProcess() as started:
        yield started


@pytest.fixture
def stage(lab: LabProcess, tmp_path: Path) -> Iterator[Stage]:
    """A run of its own for each test; nothing of it is left."""
    feed, events = socket.socketpair()
    with ExitStack() as stack:
        stack.callback(events.close)
        path = tmp_path / "h.jsonl"
        run = Hosted(lab, SERVICES, header=Header(), path=path, feed=feed)
        stage = Stage(run, stack, lab)
        yield stage
        run.close()
        assert children(lab.pid) == []


@pytest.mark.parametrize("fault", ENDS, ids=named)
def test_a_new_connection_is_refused_until_the_process_is_back(stage: Stage, fault: Fault) -> None:
    """At the same port, and nothing of the new process is old."""
    for number in (1, 2):
        stage.run.inject(number, fault)
        assert stage.refused()
        assert not stage.refused("core")
        stage.run.clear(number)
        assert stage.connect().ask().startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("fault", ENDS, ids=named)
def test_an_idle_live_connection_gets_fin(stage: Stage, fault: Fault) -> None:
    """It is the kernel of the process that ends it, and the fault has fired on it."""
    client = stage.connect()
    client.ask()
    stage.run.inject(1, fault)
    assert client.rest() == (b"", "fin")
    assert [(e.by, e.how) for e in stage.of(ConnClosed)] == [("backend", "fin")]
    assert [(e.on, e.fault) for e in stage.of(FaultFired)] == [("connection", 1)]


@pytest.mark.parametrize("fault", ENDS, ids=named)
def test_half_a_request_is_never_answered(stage: Stage, fault: Fault) -> None:
    """FIN in order; of a kill RST, too, where the process had not read what had come of it."""
    stage.run.prepare(fault)
    client = stage.connect()
    client.send(HALF)
    stage.see(RequestStarted)
    stage.run.inject(1, fault)
    told, how = client.rest()
    assert told == b""
    assert how == "fin" or fault.kind == "killed"
    assert [(e.on, e.fault) for e in stage.of(FaultFired)] == [("connection", 1)]
    assert stage.of(EffectApplied) == []


@pytest.mark.parametrize(
    ("fault", "answer", "how"),
    [
        (Stopped(service="orders"), b"HTTP/1.1 201 Created", "fin"),
        (Killed(service="orders"), b"", "rst"),
    ],
    ids=["stopped", "killed"],
)
def test_what_has_arrived_and_was_not_read(
    stage: Stage, fault: Fault, answer: bytes, how: str
) -> None:
    """An orderly end answers it first; a kill leaves it to the kernel, which sends RST."""
    client = stage.connect()
    client.ask()
    stage.run.prepare(Frozen(service="orders"))
    (stub,) = children(stage.lab.pid)
    os.kill(stub, signal.SIGSTOP)  # by nobody of the lab's
    client.send(POST)
    stage.see(RequestStarted, 2)
    if fault.kind == "stopped":
        # SIGTERM waits for it: it ends in order as soon as it goes on.
        threading.Timer(0.2, os.kill, (stub, signal.SIGCONT)).start()
    stage.run.inject(1, fault)
    told, ended = client.rest()
    assert (told.partition(b"\r\n")[0], ended) == (answer, how)
    assert len(stage.of(EffectApplied)) == (1 if answer else 0)


@pytest.mark.parametrize(
    ("fault", "answer"), [(ENDS[0], b"HTTP/1.1 200 OK"), (ENDS[1], b"")], ids=["stopped", "killed"]
)
def test_a_request_that_the_process_works_on(stage: Stage, fault: Fault, answer: bytes) -> None:
    """An orderly end answers it; a kill leaves an effect without an answer."""
    stage.run.serve("slow", parse({"stub": "core", "pace": "measured"}))
    mine = fault.model_copy(update={"service": "slow"})
    stage.run.prepare(mine)
    client = stage.connect("slow")
    client.send(QUERY)
    stage.see(EffectApplied)
    stage.run.inject(1, mine)
    told, how = client.rest()
    assert (told.partition(b"\r\n")[0], how) == (answer, "fin")
    assert len(stage.of(EffectApplied)) == 1


def test_effects_of_a_killed_process_stay_in_the_history(stage: Stage) -> None:
    """What it had reported is the truth, whatever the client was told."""
    assert stage.connect().ask(POST).startswith(b"HTTP/1.1 201")
    stage.run.inject(1, Killed(service="orders"))
    stage.run.clear(1)
    assert stage.connect().ask(POST).startswith(b"HTTP/1.1 201")
    stage.run.inject(2, Killed(service="orders"))
    stage.run.clear(2)
    assert len(stage.of(EffectApplied)) == 2


@pytest.mark.parametrize("kind", [Stopped, Killed])
def test_it_is_started_again_by_itself(stage: Stage, kind: type[Stopped | Killed]) -> None:
    """After no less than the time that was asked for, and then the fault is over."""
    begun = time.monotonic()
    stage.run.inject(1, kind(service="orders", restart=0.3))
    assert stage.refused()
    (cleared,) = stage.see(FaultCleared)
    assert time.monotonic() - begun >= 0.3
    assert cleared.fault == 1
    assert stage.connect().ask().startswith(b"HTTP/1.1 200")
    stage.run.clear(1)  # it is over: this is no mistake
    assert len(stage.of(FaultCleared)) == 1


def test_processes_end_and_halt_by_schedule(stage: Stage) -> None:
    """As every other fault: later, for a time, and the first end is the end."""
    stage.run.inject(1, Frozen(service="core", after=0.1, lasts=0.1))
    stage.run.inject(2, Killed(service="orders", restart=5, lasts=0.2))
    assert stage.refused()
    over = stage.see(FaultCleared, 2)
    assert sorted((event.fault, event.why) for event in over) == [
        (1, "it lasted 0.1 s"),
        (2, "it lasted 0.2 s"),
    ]
    for service in ("orders", "core"):
        assert stage.connect(service).ask(GET).startswith(b"HTTP/1.1 ")


def test_what_waits_for_an_open_breaker_has_ended_the_process_on_return(stage: Stage) -> None:
    """The operation behind it must find no connection that still works."""
    stage.run.inject(1, Stopped(service="orders", after="open"))
    client = stage.connect()
    assert client.ask().startswith(b"HTTP/1.1 200")
    stage.run.opened()
    assert client.sock.recv(1, socket.MSG_DONTWAIT) == b""
    assert stage.refused()


def test_a_process_may_die_of_the_request_that_has_arrived(stage: Stage) -> None:
    """What becomes of it is its kernel's: an answer that was quicker, or an end."""
    stage.run.inject(1, Killed(service="orders", after="request"))
    client = stage.connect()
    client.send(GET)
    client.rest()
    assert [event.fault for event in stage.see(FaultFired)] == [1]
    assert stage.refused()


def test_a_held_answer_does_not_keep_a_stub_from_moving(stage: Stage) -> None:
    """It has been given; the backend has nothing more to do with it."""
    stage.run.inject(1, Latency(service="orders", delay=0.5))
    client = stage.connect()
    client.send(POST)
    stage.see(EffectApplied)
    stage.run.inject(2, Killed(service="orders"))
    assert client.rest()[0].startswith(b"HTTP/1.1 201")


def test_copies_go_to_the_process_that_serves(stage: Stage) -> None:
    """The one before is gone, and so is its port."""
    stage.run.inject(1, Killed(service="orders"))
    stage.run.clear(1)
    stage.run.inject(2, Duplicate(service="orders"))
    assert stage.connect().ask(POST).startswith(b"HTTP/1.1 201")
    assert [event.fault for event in stage.of(EffectApplied)] == [None, 2]


def test_a_process_that_is_down_may_be_killed_anew(stage: Stage) -> None:
    """The later fault replaces the earlier one, and its restart with it."""
    stage.run.inject(1, Killed(service="orders", restart=0.2))
    stage.run.inject(2, Killed(service="orders"))
    assert [event.fault for event in stage.of(FaultCleared)] == [1]
    time.sleep(0.4)
    assert stage.refused()
    stage.run.clear()
    assert not stage.refused()


def test_a_frozen_process_takes_connections_and_says_nothing(stage: Stage) -> None:
    """On a new connection and on a live one; the kernel answers, the process doesn't."""
    live = stage.connect()
    live.ask()
    stage.run.inject(1, Frozen(service="orders"))
    new = stage.connect()
    for client in (live, new):
        client.send(GET)
        assert client.silent()
    fired = stage.of(FaultFired)
    assert [(e.on, e.conn, e.request) for e in fired] == [("request", 1, 2), ("request", 2, 1)]
    stage.run.clear(1)
    for client in (live, new):
        assert client.sock.recv(99).startswith(b"HTTP/1.1 200")


def test_a_request_under_way_is_frozen_too(stage: Stage) -> None:
    """What has come of it is not lost."""
    client = stage.connect()
    client.ask()
    client.send(HALF)
    stage.see(RequestStarted, 2)
    stage.run.prepare(Frozen(service="core"))  # another service is no matter of this one
    with pytest.raises(FaultError, match="`frozen` on orders: a call is under way"):
        stage.run.inject(1, Frozen(service="orders"))
    client.send(b"12345678")
    assert client.sock.recv(99).startswith(b"HTTP/1.1 201")
    stage.run.prepare(Frozen(service="orders"))
    client.send(HALF)
    stage.see(RequestStarted, 3)
    stage.run.inject(2, Frozen(service="orders"))
    assert [(e.on, e.request) for e in stage.of(FaultFired)] == [("request", 3)]
    client.send(b"12345678")
    assert client.silent()
    stage.run.clear(2)
    assert client.sock.recv(99).startswith(b"HTTP/1.1 201")


def test_a_late_request_is_carried_out_when_the_process_goes_on(stage: Stage) -> None:
    """Its client has gone long ago: an effect, and no attempt of the time after."""
    client = stage.connect()
    stage.run.inject(1, Frozen(service="orders"))
    client.send(POST)
    assert client.silent()
    client.sock.close()
    stage.see(ConnClosed)
    assert stage.of(EffectApplied) == []
    stage.run.clear(1)
    (effect,) = stage.see(EffectApplied)
    (attempt,) = read(stage.run.events()).strays
    assert (attempt.observable, attempt.effects) == ("read_timeout_headers", 1)
    assert effect.t > stage.of(FaultCleared)[0].t - 0.001


def test_a_run_that_ends_waits_for_what_is_late(stage: Stage) -> None:
    """A history that ended before would miss its effect."""
    client = stage.connect()
    stage.run.prepare(Frozen(service="orders"))
    (stub,) = children(stage.lab.pid)
    os.kill(stub, signal.SIGSTOP)  # by nobody of the lab's
    client.send(POST)
    stage.see(RequestStarted)
    client.sock.close()
    stage.see(ConnClosed)
    threading.Timer(0.2, os.kill, (stub, signal.SIGCONT)).start()
    (attempt,) = read(stage.run.close()).strays
    assert attempt.effects == 1


def test_a_run_does_not_wait_for_a_backend_that_can_do_nothing(stage: Stage) -> None:
    """The fault that keeps it is in force."""
    client = stage.connect()
    stage.run.inject(1, Frozen(service="orders"))
    client.send(POST)
    stage.see(RequestStarted)
    client.sock.close()
    stage.see(ConnClosed)
    begun = time.monotonic()
    (attempt,) = read(stage.run.close()).strays
    assert (attempt.effects, time.monotonic() - begun < LATE) == (0, True)


def test_a_stub_that_moves_to_its_own_process_takes_its_memory_along(stage: Stage) -> None:
    """A test may freeze a service that it has written to; a new process knows nothing of it."""

    def pending() -> int:
        client = stage.connect("core")
        head, _, body = client.ask(
            b"GET /api/v1/governance/pending HTTP/1.1\r\nHost: x\r\n\r\n"
        ).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        return json.loads(body)["total_pending"]

    def post(path: str, body: dict[str, str]) -> dict[str, str]:
        text = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        client = stage.connect("core")
        answer = client.ask(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
        assert answer.startswith(b"HTTP/1.1 20"), answer
        return json.loads(answer.partition(b"\r\n\r\n")[2])

    before = pending()
    session = post("/api/v1/governance/session/create", {"operator_id": "a", "operator_name": "b"})
    approve(post, session)
    after = pending()
    assert after != before
    stage.run.inject(1, Frozen(service="core"))
    stage.run.clear(1)
    assert pending() == after
    stage.run.inject(2, Killed(service="core"))
    stage.run.clear(2)
    assert pending() == before


def approve(post: Callable[[str, dict[str, str]], object], session: dict[str, str]) -> None:
    """Take one decision off the list."""
    post(
        "/api/v1/governance/decision/dec-1/approve",
        {"session_id": session["session_id"], "comment": "x"},
    )


def test_one_process_has_one_state(stage: Stage) -> None:
    """And a listener one mode: what can't be together is refused by name, and changes nothing."""
    stage.run.inject(1, Killed(service="orders"))
    for fault in (
        Stopped(service="orders"),
        Refused(service="orders"),
        Partition(service="orders"),
    ):
        with pytest.raises(FaultError, match=f"`{fault.kind}` on orders meets `killed`"):
            stage.run.inject(2, fault)
    with pytest.raises(FaultError, match="process can be in one state only"):
        stage.run.inject(2, Frozen(service="orders"))
    stage.run.clear()
    assert stage.connect().ask().startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("fault", KINDS, ids=named)
def test_a_server_of_the_user_s_is_left_alone(stage: Stage, fault: Fault) -> None:
    """The lab has no process to end there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stage.run.serve("pay", parse(f"http://127.0.0.1:{server.getsockname()[1]}"))
        mine = fault.model_copy(update={"service": "pay"})
        with pytest.raises(
            FaultError, match=f"^`{fault.kind}` on pay: the lab did not start its server, http"
        ):
            stage.run.inject(1, mine)
    with pytest.raises(FaultError, match="no such service; here: orders, core, pay"):
        stage.run.inject(2, fault.model_copy(update={"service": "nobody"}))


def test_reports_come_before_what_the_wire_shows_of_them(stage: Stage) -> None:
    """As from a stub inside the lab process, so that no cut history shows an answer from nothing."""
    stage.run.prepare(Killed(service="orders"))
    client = stage.connect()
    for _ in range(50):
        client.ask(POST)
    stage.run.barrier()
    kinds = [
        type(event).__name__
        for event in stage.run.events()
        if type(event).__name__ in ("EffectApplied", "ResponseHead")
    ]
    assert kinds == ["EffectApplied", "ResponseHead"] * 50


def test_a_process_that_dies_of_its_own_is_one_clear_message(stage: Stage) -> None:
    """It would be blamed on the client."""
    stage.run.prepare(Frozen(service="orders"))
    (stub,) = children(stage.lab.pid)
    os.kill(stub, signal.SIGKILL)
    told = "the stub of orders can't be had: its process ended by itself, with code -9"

    def broken() -> bool:
        with contextlib.suppress(SetupError):
            stage.run.barrier()
            return False
        return True

    until(broken)
    with pytest.raises(SetupError, match=told):
        stage.run.close()


@pytest.mark.parametrize("restart", ["never", 0.2])
def test_a_restart_that_fails_is_one_clear_message(stage: Stage, restart: object) -> None:
    """And no hang: whoever waits for it, or comes after it, is told."""
    fault = Killed(service="orders", restart=restart)
    stage.run.prepare(fault)
    both = children(stage.lab.pid)
    stage.run.inject(1, fault)
    (spare,) = children(stage.lab.pid)
    assert spare in both
    os.kill(spare, signal.SIGKILL)
    told = "the stub of orders can't be had: its process ended by itself, with code -9"
    until(lambda: children(stage.lab.pid) == [])
    with pytest.raises(SetupError, match=told):
        stage.run.clear()
    with pytest.raises(SetupError, match=told):
        stage.run.close()


@pytest.mark.parametrize("fault", KINDS, ids=named)
def test_a_closed_run_leaves_no_process(lab: LabProcess, tmp_path: Path, fault: Fault) -> None:
    """However its process stands; a frozen one can't end by itself."""
    feed, events = socket.socketpair()
    with events:
        run = Hosted(lab, SERVICES, header=Header(), path=tmp_path / "h.jsonl", feed=feed)
        run.inject(1, fault)
        assert children(lab.pid)
        run.abandon()
        until(lambda: children(lab.pid) == [])


PARENT = """
import socket, sys
from pathlib import Path
from faultlab.faults import Frozen, Killed
from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.embedded import LabProcess
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.history import Header

process = LabProcess()
feed, events = socket.socketpair()
services = {name: parse({"GET /orders/{id}": {"id": 7}}) for name in ("orders", "pay")}
run = Hosted(process, services, header=Header(), path=Path(sys.argv[1]), feed=feed)
run.prepare(Killed(service="orders"))
run.inject(1, Frozen(service="pay"))
print(process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("victim", ["conductor", "lab process"])
def test_a_kill_leaves_no_process(tmp_path: Path, victim: str) -> None:
    """Serving, spare and frozen ones are gone within a second of the conductor or the lab."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "h.jsonl")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    lab = int(parent.stdout.readline())
    watched = [os.pidfd_open(pid) for pid in (lab, *children(lab))]
    assert len(watched) == 4
    try:
        if victim == "conductor":
            parent.kill()
        else:
            os.kill(lab, signal.SIGKILL)
        limit = time.monotonic() + 2.0
        for one in watched:
            assert select.select([one], [], [], max(0.0, limit - time.monotonic()))[0] == [one]
    finally:
        parent.kill()
        parent.wait(LIMIT)
        parent.stdin.close()
        parent.stdout.close()
        for one in watched:
            os.close(one)
