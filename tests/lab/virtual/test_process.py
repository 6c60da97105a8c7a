"""`stopped`, `killed`, `frozen` on simulated processes: what a naive client sees, as tests/wire/test_processes.py."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from faultlab.faults import Fault, Frozen, Killed, Partition, Stopped
from faultlab.lab.backends.pipe import Serve
from faultlab.lab.backends.specification import parse
from faultlab.lab.history import (
    AnyEvent,
    ConnClosed,
    EffectApplied,
    FaultCleared,
    FaultFired,
    Header,
    load,
)
from faultlab.lab.recorder import Recorder
from faultlab.lab.rig import Rig
from faultlab.lab.virtual import VirtualNet
from faultlab.lab.virtual.cuts import VirtualCuts
from faultlab.lab.virtual.process import VirtualProcess, apart
from faultlab.lab.virtual.soon import Soon

from ...wire.simulation import Clock, SimulatedSocket, network

GET = b"GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
HALF = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
ENDS = [Stopped(service="orders"), Killed(service="orders")]


def named(fault: Fault) -> str:
    """A fault's kind, as the name of a case."""
    return fault.kind


class Stage:
    """A rig of one service on a simulated network."""

    def __init__(self, path: Path) -> None:
        self.clock: Clock
        self.net: VirtualNet
        self.clock, self.net = network()
        self.path = path
        self.events: list[AnyEvent] = []
        recorder = Recorder(
            io.FileIO(path, "w"),
            str(path),
            Header(),
            start=0.0,
            soon=lambda call: self.clock.later(0.0, call),
            delay=lambda: 0.0,
        )
        services = {"orders": parse({"GET /orders/{id}": {"id": 7}, "POST /orders": [201, {}]})}
        soon = Soon(self.net.network.scheduler)
        cuts = VirtualCuts(self.net.network, self.net.host.name, soon)
        make = partial(apart, self.net.network, soon=soon, cuts=cuts)
        self.rig = Rig(self.net, services, recorder, seed=7, apart=make)

    def settle(self) -> None:
        """Until the rig is."""
        settled: list[bool] = []
        self.rig.when_settled(lambda: settled.append(True))
        assert self.clock.wait(lambda: bool(settled), 10)
        assert self.rig.broken == ""

    def prepare(self, fault: Fault) -> None:
        """The stub has a process of its own, to which what comes next goes."""
        self.rig.own("orders", fault.kind, again=fault.kind in ("stopped", "killed"))
        self.settle()

    def inject(self, number: int, fault: Fault) -> None:
        """In force on return."""
        self.prepare(fault)
        self.rig.inject(number, fault)
        self.settle()

    def clear(self, number: int) -> None:
        """Over on return."""
        self.rig.clear((number,))
        self.settle()

    def connect(self) -> SimulatedSocket:
        """A live connection."""
        client = SimulatedSocket(self.clock, self.net)
        client.connect(("127.0.0.1", self.rig.ports["orders"]))
        return client

    def refused(self) -> bool:
        """Whether a connect is."""
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return True
        return False

    def of(self, kind: type[AnyEvent]) -> list[AnyEvent]:
        """The events of this kind."""
        self.clock.rest(0.01)
        self.rig.drain()
        return [event for event in load(self.path).events if isinstance(event, kind)]


def ask(client: SimulatedSocket, data: bytes = GET) -> bytes:
    """The status line of the answer, or of what has come of it."""
    client.sendall(data)
    return client.recv(1 << 16).partition(b"\r\n")[0]


def rest(client: SimulatedSocket) -> tuple[bytes, str]:
    """Everything until the end, and which end it was."""
    data = b""
    try:
        while more := client.recv(1 << 16):
            data += more
    except ConnectionResetError:
        return data, "rst"
    return data, "fin"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A rig, closed at its end."""
    stage = Stage(tmp_path / "h.jsonl")
    yield stage
    stage.rig.close()


@pytest.mark.parametrize("fault", ENDS, ids=named)
def test_a_new_connection_is_refused_until_the_process_is_back(stage: Stage, fault: Fault) -> None:
    """At the same port of the proxy."""
    for number in (1, 2):
        stage.inject(number, fault)
        assert stage.refused()
        stage.clear(number)
        assert ask(stage.connect()) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("fault", ENDS, ids=named)
def test_an_idle_live_connection_gets_fin(stage: Stage, fault: Fault) -> None:
    """It is the kernel of the process that ends it, and the fault has fired on it."""
    client = stage.connect()
    ask(client)
    stage.inject(1, fault)
    assert rest(client) == (b"", "fin")
    assert [(e.by, e.how) for e in stage.of(ConnClosed)] == [("backend", "fin")]
    assert [(e.on, e.fault) for e in stage.of(FaultFired)] == [("connection", 1)]


@pytest.mark.parametrize("fault", ENDS, ids=named)
def test_half_a_request_is_never_answered(stage: Stage, fault: Fault) -> None:
    """And has no effect."""
    stage.prepare(fault)
    client = stage.connect()
    client.sendall(HALF)
    stage.clock.rest(0.01)
    stage.inject(1, fault)
    assert rest(client) == (b"", "fin")
    assert stage.of(EffectApplied) == []


def test_effects_of_a_killed_process_stay_in_the_history(stage: Stage) -> None:
    """What it had reported is the truth."""
    for number in (1, 2):
        assert ask(stage.connect(), POST) == b"HTTP/1.1 201 Created"
        stage.inject(number, Killed(service="orders"))
        stage.clear(number)
    assert len(stage.of(EffectApplied)) == 2


def test_it_is_started_again_by_itself(stage: Stage) -> None:
    """After the time that was asked for, and then the fault is over."""
    stage.inject(1, Killed(service="orders", restart=30.0))
    begun = stage.clock.now()
    assert stage.refused()
    stage.clock.rest(29.0)
    assert stage.refused()
    stage.clock.rest(1.1)
    assert ask(stage.connect()) == b"HTTP/1.1 200 OK"
    [cleared] = stage.of(FaultCleared)
    assert cleared.t == pytest.approx(begun + 30.0, abs=0.01)


def test_a_frozen_process_answers_when_it_goes_on(stage: Stage) -> None:
    """Its kernel takes connections and bytes; nothing of them is lost."""
    live = stage.connect()
    ask(live)
    stage.inject(1, Frozen(service="orders"))
    fresh = stage.connect()
    for client in (live, fresh):
        client.sendall(POST)
        client.settimeout(5.0)
        with pytest.raises(TimeoutError):
            client.recv(1)
    assert stage.of(EffectApplied) == []
    stage.clear(1)
    assert [client.recv(12) for client in (live, fresh)] == [b"HTTP/1.1 201"] * 2
    assert len(stage.of(EffectApplied)) == 2


@pytest.mark.parametrize("peer", ["proxy", "network"])
def test_a_backend_that_is_cut_off_falls_silent_until_the_heal(stage: Stage, peer: str) -> None:
    """What was lost is sent again, when a kernel would send it: 3.44 s after a cut of 10 s."""
    fault = Partition(service="orders", between=peer)
    stage.prepare(fault)
    client = stage.connect()
    ask(client)
    stage.inject(1, fault)
    begun = stage.clock.now()
    client.settimeout(10.0)
    client.sendall(POST)
    with pytest.raises(TimeoutError):
        client.recv(1)
    assert stage.of(EffectApplied) == []
    stage.clear(1)
    assert client.recv(12) == b"HTTP/1.1 201"
    assert stage.clock.now() - begun == pytest.approx(13.44, abs=0.05)
    assert [(e.on, e.fault) for e in stage.of(FaultFired)] == [("request", 1), ("bytes", 1)]


def test_a_backend_whose_answers_are_lost_works_on(stage: Stage) -> None:
    """The one-way cut that doubles effects."""
    fault = Partition(service="orders", between="proxy", direction="to_client")
    stage.prepare(fault)
    client = stage.connect()
    ask(client)
    stage.inject(1, fault)
    client.settimeout(1.0)
    client.sendall(POST)
    with pytest.raises(TimeoutError):
        client.recv(1)
    assert len(stage.of(EffectApplied)) == 1
    stage.clear(1)
    client.settimeout(10.0)
    assert client.recv(12) == b"HTTP/1.1 201"
    assert len(stage.of(EffectApplied)) == 1


def serving(stage: Stage) -> tuple[VirtualProcess, list[float], SimulatedSocket]:
    """A process on a host of its own, when its state changed by itself, and a client of it."""
    told: list[float] = []
    host = stage.net.network.host("other")
    process = VirtualProcess(
        stage.net.network,
        host,
        stage.events.append,
        lambda: told.append(stage.clock.now()),
        soon=Soon(stage.net.network.scheduler),
    )
    assert process.state == "starting"
    stage.clock.rest(1.0)
    assert process.state == "ready"
    process.serve(Serve("orders", parse({"GET /orders/{id}": {}}), 0.0, (), process.address[0]))
    stage.clock.rest(1.0)
    assert process.state == "serving"
    client = SimulatedSocket(stage.clock, stage.net)
    client.connect(process.address)
    assert ask(client) == b"HTTP/1.1 200 OK"
    return process, told, client


def test_what_a_killed_process_had_not_read_is_answered_with_a_reset(stage: Stage) -> None:
    """As its kernel does it."""
    process, _, client = serving(stage)
    process.freeze()
    client.sendall(GET)
    process.end("kill")
    assert rest(client)[1] == "rst"
    stage.clock.rest(0.01)
    assert process.state == "gone"


def test_a_frozen_process_that_is_to_stop_is_killed(stage: Stage) -> None:
    """It can't hear that it is to end; after five seconds nobody waits."""
    process, told, _ = serving(stage)
    process.freeze()
    begun = stage.clock.now()
    process.end("stop")
    stage.clock.rest(4.9)
    assert process.state == "ending"
    stage.clock.rest(0.2)
    assert process.state == "gone"
    assert told[-1] == begun + 5.0


def test_an_address_that_can_not_be_had_is_the_process_s_problem(stage: Stage) -> None:
    """Told, never raised into the rig."""
    host = stage.net.network.host("other")
    soon = Soon(stage.net.network.scheduler)
    process = VirtualProcess(stage.net.network, host, stage.events.append, lambda: None, soon=soon)
    process.serve(Serve("orders", parse({"GET /": {}}), 0.0, (), "10.9.9.9"))
    assert process.problem == "Cannot assign requested address"


def test_a_service_s_host_outlives_its_processes(stage: Stage) -> None:
    """A connect finds it there, and is refused."""
    stage.inject(1, Killed(service="orders"))
    host = stage.net.network.named("stub orders")
    assert host is not None
    client = SimulatedSocket(stage.clock, stage.net)
    with pytest.raises(ConnectionRefusedError):
        client.connect((host.addresses[0], 80))
