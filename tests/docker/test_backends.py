"""Containers that serve, stop, die, halt and come back: what a naive client sees of each."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import docker
import pytest

from faultlab.faults import Fault, Frozen, Killed, Partition, Stopped
from faultlab.lab.attempts import read
from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.docker.images import Images
from faultlab.lab.environments.docker.lab import DockerLab
from faultlab.lab.environments.docker.labels import LAB, PART, RUN, SERVICE
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.errors import SetupError
from faultlab.lab.history import (
    AnyEvent,
    ConnClosed,
    EffectApplied,
    FaultArmed,
    FaultCleared,
    FaultFired,
    Header,
    RequestReceived,
    RequestStarted,
    ResponseHead,
    ResponseSent,
)

LIMIT = 20.0  # seconds after which what is awaited has not come
SILENCE = 0.4  # seconds without a byte that are silence
SERVICES = {
    "orders": parse({"GET /orders/{id}": {"id": 7}, "POST /orders": [201, {"id": 8}]}),
    "core": parse("core"),
}
GET = b"GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
HALF = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"


class Client:
    """A blocking socket to one service."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self.sock = socket.create_connection((host, int(port)), timeout=LIMIT)

    def send(self, data: bytes) -> None:
        """These bytes."""
        self.sock.sendall(data)

    def ask(self, data: bytes = GET) -> bytes:
        """What has come of the answer at first."""
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

    def __init__(self, lab: DockerLab, path: Path, stack: ExitStack) -> None:
        self.lab = lab
        self._stack = stack
        feed, events = socket.socketpair()
        stack.callback(events.close)
        self.run = Hosted(lab, SERVICES, header=Header(), path=path, feed=feed)
        stack.callback(self.run.abandon)

    def connect(self, service: str = "orders") -> Client:
        """A live connection."""
        client = Client(self.run.url(service))
        self._stack.callback(client.sock.close)
        return client

    def refused(self) -> bool:
        """Whether a new connection is refused."""
        try:
            self.connect()
        except ConnectionRefusedError:
            return True
        return False

    def of(self, *kinds: type[AnyEvent]) -> list[AnyEvent]:
        """The events of these kinds so far."""
        self.run.barrier()
        return [event for event in self.run.events() if isinstance(event, kinds)]

    def see(self, kind: type[AnyEvent], count: int = 1) -> list[AnyEvent]:
        """Wait for that many of them."""
        until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become so."""
    limit = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < limit


@pytest.fixture(scope="module")
def lab(images: Images) -> Iterator[DockerLab]:
    """One lab for the whole module."""
    with DockerLab(print) as started:
        yield started


@pytest.fixture
def stage(lab: DockerLab, tmp_path: Path) -> Iterator[Stage]:
    """A run of this test's own."""
    with ExitStack() as stack:
        yield Stage(lab, tmp_path / "h.jsonl", stack)


def those(engine: docker.DockerClient, lab: DockerLab, part: str, **more: str) -> list[str]:
    """The containers of a lab that are this part, and have these labels."""
    told = engine.api.inspect_container(lab.site.front.id)["Config"]["Labels"]
    wanted = {LAB: told[LAB], PART: part, **more}
    found = engine.api.containers(
        all=True, filters={"label": [f"{key}={value}" for key, value in wanted.items()]}
    )
    return [one["Id"] for one in found]


def named(fault: Fault) -> str:
    """A fault's kind, as the name of a case."""
    return fault.kind


def test_each_service_has_a_container_that_runs_share(
    stage: Stage, engine: docker.DockerClient, tmp_path: Path
) -> None:
    """Whatever one run's stub was told is in no other's history or memory."""
    with ExitStack() as stack:
        other = Stage(stage.lab, tmp_path / "other.jsonl", stack)
        assert stage.connect().ask(POST).startswith(b"HTTP/1.1 201")
        assert other.connect().ask(GET).startswith(b"HTTP/1.1 200")
        assert len(other.of(EffectApplied)) == 0
        for service in SERVICES:  # an earlier run's own may be on their way out
            until(lambda s=service: len(those(engine, stage.lab, "backend", **{SERVICE: s})) == 1)


def test_reports_come_before_what_the_wire_shows_of_them(stage: Stage) -> None:
    """From another container too, so that no cut history shows an answer from nothing."""
    client = stage.connect()
    for _ in range(100):
        assert client.ask(POST).startswith(b"HTTP/1.1 201")
    kinds = (RequestReceived, EffectApplied, ResponseSent, ResponseHead)
    assert [type(event) for event in stage.of(*kinds)] == [*kinds] * 100


@pytest.mark.parametrize(
    ("fault", "how"),
    [(Stopped(service="orders"), "SIGTERM"), (Killed(service="orders"), "SIGKILL")],
    ids=["stopped", "killed"],
)
def test_a_container_that_has_ended_is_refused_until_it_is_back(
    stage: Stage, fault: Fault, how: str
) -> None:
    """Idle connections end by FIN, new ones are refused; then it serves at the same address."""
    idle = stage.connect()
    assert idle.ask(POST).startswith(b"HTTP/1.1 201")
    stage.run.inject(1, fault)
    assert idle.rest() == (b"", "fin")
    assert stage.refused()
    stage.run.clear(1)
    assert stage.connect().ask(POST).startswith(b"HTTP/1.1 201")
    assert len(stage.of(EffectApplied)) == 2  # what it had reported is the truth
    (armed,) = stage.of(FaultArmed)
    assert armed.mechanism == f"stub container, {how}"
    assert [(event.on, event.conn) for event in stage.of(FaultFired)] == [("connection", 1)]


@pytest.mark.parametrize("fault", [Stopped(service="orders"), Killed(service="orders")], ids=named)
def test_half_a_request_ends_with_the_container(stage: Stage, fault: Fault) -> None:
    """No answer and no effect, whichever way it ends."""
    stage.run.prepare(fault)
    client = stage.connect()
    client.send(HALF)
    stage.see(RequestStarted)
    stage.run.inject(1, fault)
    told, how = client.rest()
    assert told == b""
    assert how == "fin" or fault.kind == "killed"
    assert stage.of(EffectApplied) == []


def test_it_is_started_again_by_itself(stage: Stage) -> None:
    """After no less than the time that was asked for, and then the fault is over."""
    begun = time.monotonic()
    stage.run.inject(1, Killed(service="orders", restart=0.3))
    assert stage.refused()
    (cleared,) = stage.see(FaultCleared)
    assert time.monotonic() - begun >= 0.3
    assert cleared.fault == 1
    until(lambda: not stage.refused())  # Toxiproxy takes its time, and nobody waits for it
    assert stage.connect().ask().startswith(b"HTTP/1.1 200")


def test_it_keeps_its_address_and_may_die_again(stage: Stage, engine: docker.DockerClient) -> None:
    """A holder owns it, whatever becomes of what serves."""
    for number in (1, 2):
        stage.run.inject(number, Killed(service="orders"))
        stage.run.clear(number)
        assert stage.connect().ask().startswith(b"HTTP/1.1 200")
    (holder,) = those(engine, stage.lab, "holder", **{RUN: str(stage.run.number)})
    assert engine.api.inspect_container(holder)["State"]["Running"]
    assert engine.api.inspect_container(holder)["Config"]["Labels"][SERVICE] == "orders"


def test_a_frozen_container_takes_connections_and_says_nothing(stage: Stage) -> None:
    """On a new connection and on a live one; both are answered when it goes on."""
    live = stage.connect()
    live.ask()
    stage.run.inject(1, Frozen(service="orders"))
    new = stage.connect()
    for client in (live, new):
        client.send(GET)
        assert client.silent()
    fired = stage.of(FaultFired)
    assert [(e.on, e.conn, e.request) for e in fired] == [("request", 1, 2), ("request", 2, 1)]
    (armed,) = stage.of(FaultArmed)
    assert armed.mechanism == "stub container, paused by the engine"
    stage.run.clear(1)
    for client in (live, new):
        assert client.sock.recv(99).startswith(b"HTTP/1.1 200")


def test_a_late_request_is_carried_out_when_the_container_goes_on(stage: Stage) -> None:
    """Its client has gone long ago: an effect of the operation that sent it, and no retry."""
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


def test_a_container_killed_from_outside_is_one_clear_message(
    stage: Stage, engine: docker.DockerClient
) -> None:
    """With its name and how it ended: it would be blamed on the client."""
    stage.run.prepare(Frozen(service="orders"))
    (own,) = those(engine, stage.lab, "backend", **{RUN: str(stage.run.number)})
    engine.api.kill(own)
    told = f"the stub of orders can't be had: .*\n.*backend of orders .container {own[:12]}. ended"

    def broken() -> bool:
        stage.run.barrier()
        return False

    with pytest.raises(SetupError, match=told):
        until(broken)
    with pytest.raises(SetupError, match=told):
        stage.run.close()


def test_what_a_shared_container_said_last_is_told(images: Images, tmp_path: Path) -> None:
    """Of every run that had a stub in it."""
    with DockerLab(print) as lab, ExitStack() as stack:
        stage = Stage(lab, tmp_path / "h.jsonl", stack)
        (backend,) = (one for one in lab.site.placed if one.service == "orders")
        engine = docker.from_env()
        stack.callback(engine.close)
        # Its own end, with something to say: SIGABRT has Python's fault handler write nothing.
        engine.api.exec_start(
            engine.api.exec_create(
                backend.id, ["sh", "-c", "echo the last line > /proc/1/fd/2; kill -9 -1"]
            )["Id"]
        )
        with pytest.raises(SetupError, match=r"backend of orders.*ended with(.|\n)*the last line"):
            until(lambda: stage.run.barrier() is not None)


def test_containers_of_a_run_s_own_go_with_it(
    lab: DockerLab, engine: docker.DockerClient, tmp_path: Path
) -> None:
    """However they stand; and their addresses are for the next."""
    for _ in range(2):
        with ExitStack() as stack:
            stage = Stage(lab, tmp_path / "h.jsonl", stack)
            stage.run.inject(1, Killed(service="orders"))
            stage.run.inject(2, Frozen(service="core"))
            assert len(those(engine, lab, "holder", **{RUN: str(stage.run.number)})) == 2
        until(lambda: not those(engine, lab, "holder"))
    assert len(those(engine, lab, "backend")) == 2


def test_one_container_can_serve_all_services(
    images: Images,
    engine: docker.DockerClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each on a port of its own; those of a run's own are apart all the same."""
    monkeypatch.setenv("FAULTLAB_BACKENDS", "one")
    with DockerLab(print) as lab, ExitStack() as stack:
        stage = Stage(lab, tmp_path / "h.jsonl", stack)
        assert len(those(engine, lab, "backend")) == 1
        assert stage.connect().ask().startswith(b"HTTP/1.1 200")
        stage.run.inject(1, Killed(service="orders"))
        assert stage.refused()
        assert stage.connect("core")


@pytest.mark.parametrize("direction", ["both", "to_backend", "to_client"])
def test_a_backend_cut_from_its_proxy_is_silence_and_late_requests_are_effects(
    stage: Stage, direction: Literal["both", "to_backend", "to_client"]
) -> None:
    """TCP delivers after the heal what clients gave up on: an effect, and no attempt of then."""
    live = stage.connect()
    assert live.ask().startswith(b"HTTP/1.1 200")
    fault = Partition(service="orders", between="proxy", direction=direction)
    stage.run.inject(1, fault)
    live.send(POST)
    assert live.silent()
    assert len(stage.of(EffectApplied)) == (1 if direction == "to_client" else 0)
    live.sock.close()
    stage.see(ConnClosed)
    (armed,) = stage.of(FaultArmed)
    way = "" if direction == "both" else f", {direction}"
    assert armed.mechanism == f"packet filter before stub container, cut from proxy{way}"
    stage.run.clear(1)
    assert stage.connect().ask().startswith(b"HTTP/1.1 200")
    (effect,) = stage.see(EffectApplied)
    (cleared,) = stage.of(FaultCleared)
    assert (effect.t > cleared.t) == (direction != "to_client")
    assert cleared.fired == 2  # the request, and the packets that were lost
    late = [one for one in read(stage.run.events()).strays if one.method == "POST"]
    assert [(one.observable, one.effects) for one in late] == [("read_timeout_headers", 1)]


def test_backends_are_cut_from_one_another_and_from_nothing_else(
    stage: Stage, engine: docker.DockerClient
) -> None:
    """Clients are served on; both addresses are the same after the heal."""
    stage.run.inject(1, Partition(service="orders", between="core"))
    (own,) = those(engine, stage.lab, "backend", **{RUN: str(stage.run.number)})
    (core,) = (
        one for one in stage.lab.site.placed if (one.service, one.part) == ("core", "backend")
    )
    dial = (
        "import socket, sys\n"
        "try: socket.create_connection((sys.argv[1], 9), timeout=0.5)\n"
        "except OSError as error: print(type(error).__name__)"
    )

    def dialled() -> str:
        made = engine.api.exec_create(own, ["python3", "-c", dial, core.address])
        told: bytes = engine.api.exec_start(made["Id"])
        return told.decode().strip()

    assert dialled() == "TimeoutError"
    assert stage.connect().ask().startswith(b"HTTP/1.1 200")
    stage.run.clear(1)
    assert dialled() == "ConnectionRefusedError"
    (fired,) = stage.of(FaultFired)
    assert (fired.fault, fired.on) == (1, "bytes")


def test_a_backend_disconnected_from_its_network_is_silence_and_comes_back_as_it_was(
    stage: Stage, engine: docker.DockerClient
) -> None:
    """Its connections live on: the address is the same, and TCP delivers what it kept."""
    live = stage.connect()
    stage.run.inject(1, Partition(service="orders", between="network"))
    (holder,) = those(engine, stage.lab, "holder", **{RUN: str(stage.run.number)})

    def networks() -> dict[str, str]:
        known = engine.api.inspect_container(holder)["NetworkSettings"]["Networks"]
        return {one["NetworkID"]: one["IPAddress"] for one in known.values()}

    assert networks() == {}
    live.send(POST)
    assert live.silent()
    assert stage.of(EffectApplied) == []
    (armed,) = stage.of(FaultArmed)
    assert armed.mechanism == "stub container, disconnected from its network"
    stage.run.clear(1)
    assert live.sock.recv(99).startswith(b"HTTP/1.1 201")
    assert len(stage.see(EffectApplied)) == 1
    assert list(networks()) == [stage.lab.site.network]
    (cleared,) = stage.of(FaultCleared)
    assert cleared.fired == 1


def test_groups_are_cut_by_several_faults_that_heal_apart(stage: Stage) -> None:
    """Each pair has a filter of its own."""
    stage.run.inject(1, Partition(service="orders", between="core"))
    stage.run.inject(2, Partition(service="orders", between="proxy"))
    client = stage.connect()
    client.send(GET)
    assert client.silent()
    stage.run.clear(2)
    assert client.sock.recv(99).startswith(b"HTTP/1.1 200")
    stage.run.clear(1)
    assert [event.fault for event in stage.of(FaultCleared)] == [2, 1]
