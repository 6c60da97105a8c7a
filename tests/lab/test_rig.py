"""The rig of one run, on a network in memory: what is started, armed, told, and stopped again."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faultlab.faults import Fault, Frozen, Killed, Latency, Partition, Refused, Status
from faultlab.lab.backends.shared import Shared
from faultlab.lab.backends.specification import Specification, Url, parse
from faultlab.lab.history import (
    AnyEvent,
    ConnectAttempted,
    EffectApplied,
    FaultArmed,
    FaultCleared,
    Header,
    History,
    ListenerMode,
    OpUnknown,
    PhaseEntered,
    load,
)
from faultlab.lab.net import Connection, Listener, Means, Mode, Slowing, Timer
from faultlab.lab.recorder import Recorder
from faultlab.lab.rig import FaultRefused, MakeStub, Rig

ORDERS: dict[str, Specification] = {"orders": parse({"GET /orders/{id}": {"id": 7}})}


class Port:
    """A listener that is only remembered."""

    mechanism = "in memory"

    def __init__(self, net: Net, port: int) -> None:
        self.port = port
        self.mode: Mode = "open"
        self.drained = 0
        self._net = net

    def slow(self, wanted: Mapping[int, Slowing]) -> None:
        """Nothing here is slowed."""

    def switch(self, mode: Mode, *, keeps: bool = True) -> None:
        """Remember it."""
        self.mode = mode

    def drain(self) -> None:
        """Count it."""
        self.drained += 1

    def close(self) -> None:
        """Give the port back."""
        self._net.ports.pop(self.port, None)


@dataclass
class Net:
    """Ports from 4000 on, and a clock that the test moves."""

    time: float = 100.0
    ports: dict[int, Port] = field(default_factory=dict)

    unplugging = "minimum TTL"
    reads_on = True
    problem = ""
    doubt = ""

    def lacks(self, means: Means) -> str:
        """Nothing."""
        return ""

    def when_settled(self, call: Callable[[], None]) -> None:
        """Always at once."""
        call()

    when_arrived = when_settled

    def slows(self, slowing: Slowing) -> str:
        """It does not."""
        return ""

    def now(self) -> float:
        """The test's time."""
        return self.time

    def later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Nothing here waits."""
        raise AssertionError

    def listen(
        self,
        accepted: Callable[[Connection], None],
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        starved: Callable[[str], None] | None = None,
    ) -> Listener:
        """Take this port, or the next one."""
        if port in self.ports:
            raise OSError(errno.EADDRINUSE, "Address already in use")
        taken = port if port else max(self.ports, default=3999) + 1
        self.ports[taken] = Port(self, taken)
        return self.ports[taken]

    def connect(
        self, host: str, port: int, done: Callable[[Connection | OSError], None], limit: float = 5.0
    ) -> None:
        """Nobody calls here."""
        raise AssertionError


@dataclass
class Stage:
    """A network, a file for the history, and what was told of faults that acted."""

    path: Path
    net: Net = field(default_factory=Net)
    told: list[tuple[int, AnyEvent]] = field(default_factory=list)
    over: list[tuple[int, AnyEvent]] = field(default_factory=list)
    rigs: list[Rig] = field(default_factory=list)

    def rig(
        self,
        services: dict[str, Specification] = ORDERS,
        shared: MakeStub[Shared] | None = None,
        **ports: int,
    ) -> Rig:
        """A rig that started at second 100."""
        recorder = Recorder(
            self.path.open("wb", buffering=0),
            str(self.path),
            Header(),
            start=100.0,
            soon=lambda call: call(),
            delay=lambda: 0.0,
        )
        rig = Rig(
            self.net,
            services,
            recorder,
            seed=7,
            ports=ports,
            fired=lambda number, event: self.told.append((number, event)),
            over=lambda number, event: self.over.append((number, event)),
            shared=shared,
        )
        self.rigs.append(rig)
        return rig

    def history(self) -> History:
        """What was written so far."""
        return load(self.path)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage of this test's own; what it started is closed."""
    stage = Stage(tmp_path / "h.jsonl")
    yield stage
    for rig in stage.rigs:
        rig.close()


def test_each_service_has_a_listener_before_it(stage: Stage) -> None:
    """The subject is given the proxy's port, never the stub's."""
    rig = stage.rig({**ORDERS, "away": Url("http://10.0.0.1:80")})
    assert rig.ports == {"orders": 4001, "away": 4002}
    assert sorted(stage.net.ports) == [4000, 4001, 4002]  # the stub of orders; away has none
    assert rig.serve("side", ORDERS["orders"]) == 4004
    assert rig.ports == {"orders": 4001, "away": 4002, "side": 4004}


def test_a_taken_port_is_named_and_nothing_stays(stage: Stage) -> None:
    """What had started before it is stopped again."""
    stage.net.listen(print, 5000)
    with pytest.raises(OSError, match="port 5000 of side can't be had: Address already in use"):
        stage.rig({**ORDERS, "side": ORDERS["orders"]}, side=5000)
    assert list(stage.net.ports) == [5000]


def test_a_fault_is_in_force_until_it_is_cleared(stage: Stage) -> None:
    """The listener's mode says so; clearing twice does no harm."""
    rig = stage.rig()
    listener = stage.net.ports[rig.ports["orders"]]
    assert rig.inject(1, Refused(service="orders")).startswith("listener in memory")
    assert listener.mode == "refusing"
    rig.clear((1,))
    rig.clear((1,))
    assert listener.mode == "open"


def test_clearing_without_a_number_ends_every_fault(stage: Stage) -> None:
    """Recovery begins with nothing in force."""
    rig = stage.rig({**ORDERS, "side": ORDERS["orders"]})
    rig.inject(1, Latency(service="orders", delay=0.1))
    rig.inject(2, Status(service="side", code=503))
    rig.clear()
    assert [type(event) for event in stage.history() if event.fault is not None] == [
        FaultArmed,
        FaultArmed,
        FaultCleared,
        FaultCleared,
    ]


def test_a_fault_on_an_unknown_service_names_the_known(stage: Stage) -> None:
    """And nothing is armed."""
    rig = stage.rig()
    with pytest.raises(
        FaultRefused, match="`refused` on 'payments': no such service; here: orders"
    ):
        rig.inject(1, Refused(service="payments"))
    with pytest.raises(FaultRefused, match="`latency` on 'payments': no such service"):
        rig.demand_fit([Refused(service="orders"), Latency(service="payments", delay=1)])
    rig.clear()
    assert [event for event in stage.history() if event.fault is not None] == []


def test_the_end_of_a_fault_is_told_whatever_ended_it(stage: Stage) -> None:
    """Cleared, or replaced by another of its kind."""
    rig = stage.rig()
    rig.inject(1, Refused(service="orders"))
    rig.inject(2, Refused(service="orders", live="reset"))
    assert [number for number, _ in stage.over] == [1]
    rig.clear()
    assert [(number, type(event)) for number, event in stage.over] == [
        (1, FaultCleared),
        (2, FaultCleared),
    ]


def test_events_belong_to_the_phase_that_was_entered(stage: Stage) -> None:
    """By order of arrival, whoever stamped them."""
    rig = stage.rig()
    stage.net.time = 102.5
    rig.enter("control")
    rig.note(OpUnknown(t=9.0, op=1))
    rig.enter("fault")
    rig.note(OpUnknown(t=1.0, op=2))
    entered, first, _, second = stage.history().events[-4:]
    assert isinstance(entered, PhaseEntered)
    assert entered.t == 2.5
    assert (first.op, first.phase) == (1, "control")
    assert (second.op, second.phase) == (2, "fault")


def test_a_connect_into_a_shut_listener_tells_its_fault_once(stage: Stage) -> None:
    """It reaches no proxy, and whoever waits for the fault must learn of it all the same."""
    rig = stage.rig()
    port = rig.ports["orders"]
    rig.feed(ConnectAttempted(t=0.1, port=port))
    assert stage.told == []
    rig.inject(3, Refused(service="orders"))
    rig.feed(ConnectAttempted(t=0.2, port=port + 99))
    assert stage.told == []
    rig.feed(ConnectAttempted(t=0.3, port=port))
    rig.feed(ConnectAttempted(t=0.4, port=port))
    assert [(number, event.t) for number, event in stage.told] == [(3, 0.3)]


def test_a_drain_reaches_every_listener(stage: Stage) -> None:
    """A barrier must miss no service."""
    rig = stage.rig({**ORDERS, "side": ORDERS["orders"]})
    rig.drain()
    assert [stage.net.ports[port].drained for port in rig.ports.values()] == [1, 1]


def test_closing_gives_every_port_back_and_ends_the_history(stage: Stage) -> None:
    """Nothing of a run is left, and what comes late is dropped."""
    rig = stage.rig()
    rig.inject(1, Refused(service="orders"))
    rig.close()
    assert stage.net.ports == {}
    before = len(stage.history())
    rig.note(OpUnknown(t=9.0, op=1))
    assert len(stage.history()) == before


def test_a_backend_is_cut_from_services_of_the_run_only(stage: Stage) -> None:
    """A name that is none would cut nothing, and pass."""
    rig = stage.rig({**ORDERS, "away": Url("http://10.0.0.1:80")})
    with pytest.raises(
        FaultRefused, match="`partition` on 'pay': no such service; here: orders, aw"
    ):
        rig.inject(1, Partition(service="orders", between="pay"))
    with pytest.raises(
        FaultRefused, match=r"between orders and away: http://10\.0\.0\.1:80 is in no net"
    ):
        rig.demand_fit([Partition(service="orders", between="away")])


@pytest.mark.parametrize("fault", [Killed(service="orders"), Frozen(service="orders")])
def test_a_place_without_processes_refuses_what_needs_one(stage: Stage, fault: Fault) -> None:
    """By name, and nothing is armed: a fault that did nothing would pass."""
    rig = stage.rig()
    with pytest.raises(FaultRefused, match=f"^`{fault.kind}` on orders: stubs have no processes"):
        rig.own("orders", fault.kind, again=True)
    with pytest.raises(FaultRefused, match="its backend has no process of its own"):
        rig.inject(1, fault)
    assert [event for event in stage.history() if event.fault is not None] == []


def test_a_server_that_the_lab_did_not_start_gets_no_process(stage: Stage) -> None:
    """It is named with its address, and so is a service that is not there."""
    rig = stage.rig({**ORDERS, "away": Url("http://10.0.0.1:80")})
    with pytest.raises(FaultRefused, match="`killed` on away: the lab did not start its server, h"):
        rig.own("away", "killed", again=True)
    with pytest.raises(FaultRefused, match="`killed` on 'pay': no such service; here: orders, aw"):
        rig.own("pay", "killed", again=True)


def test_a_rig_without_processes_is_always_settled(stage: Stage) -> None:
    """Whoever waits for it goes on at once."""
    called: list[int] = []
    stage.rig().when_settled(lambda: called.append(1))
    assert called == [1]


class Elsewhere:
    """A backend in another process that the test plays."""

    def __init__(self) -> None:
        self.address = ("10.1.2.3", 0)
        self.problem = ""
        self.reports: list[AnyEvent] = []
        self.closed = False

    def __call__(self, service, specification, record, *, start, changed) -> Elsewhere:
        """It is made for this service."""
        assert (service, start) == ("orders", 100.0)
        self.record, self.changed = record, changed
        return self

    @property
    def settled(self) -> bool:
        """Whether it serves, or never will."""
        return bool(self.problem or self.address[1])

    def drain(self) -> None:
        """Tell what it has done."""
        while self.reports:
            self.record(self.reports.pop(0))

    def close(self) -> None:
        """Remember it."""
        self.closed = True


def test_a_backend_elsewhere_is_waited_for(stage: Stage) -> None:
    """Whoever waits for the rig goes on when it serves."""
    backend, called = Elsewhere(), []
    rig = stage.rig(shared=backend)
    rig.when_settled(lambda: called.append(1))
    backend.changed()
    assert called == []
    backend.address = ("10.1.2.3", 5000)
    backend.changed()
    assert (called, rig.broken) == ([1], "")
    rig.close()
    assert backend.closed


def test_a_backend_elsewhere_that_can_not_be_had_breaks_the_run(stage: Stage) -> None:
    """With its own words, and nobody waits."""
    backend, called = Elsewhere(), []
    rig = stage.rig(shared=backend)
    rig.when_settled(lambda: called.append(1))
    backend.problem = "the stub of orders can't be had: no port"
    backend.changed()
    assert (called, rig.broken) == ([1], "the stub of orders can't be had: no port")


def test_reports_from_elsewhere_stand_before_what_the_wire_shows(stage: Stage) -> None:
    """They lie in the pipe when the wire's event comes."""
    backend = Elsewhere()
    rig = stage.rig(shared=backend)
    backend.reports.append(EffectApplied(t=1.0, service="orders"))
    rig.inject(1, Refused(service="orders"))
    kinds = [type(event) for event in stage.history() if event.t == 1.0 or event.where == "wire"]
    assert kinds == [ListenerMode, EffectApplied, ListenerMode, ListenerMode]
