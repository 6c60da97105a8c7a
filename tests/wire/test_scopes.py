"""Scopes and schedules: whom a fault meets, and when, as bare sockets see it."""

import pytest

from faultlab.faults import Cut, Latency, Partition, Refused, Stall, Status
from faultlab.lab.history import FaultArmed, FaultAwaited, FaultCleared, FaultFired, ListenerMode

pytestmark = [pytest.mark.wire, pytest.mark.nets]

EARLY = 0.001  # seconds by which a timer may fire too early


def ask(client, op: int, attempt: int) -> int:
    """One tagged request; the status of its answer."""
    client.ask("GET /state", b"", f"X-Faultlab-Op: {op}.{attempt}")
    return client.answer()[0]


def test_one_attempt_of_each_operation_fails(stage) -> None:
    """On a live connection as on a new one."""
    live = stage.connect()
    assert ask(live, 1, 1) == 200
    stage.arm(Status(service="core", code=503, attempt=2))
    for op, client in ((2, live), (3, stage.connect())):
        assert [ask(client, op, attempt) for attempt in (1, 2, 3)] == [200, 503, 200]
    hit = [(event.op, event.attempt) for event in stage.of(FaultFired)]
    assert hit == [(2, 2), (3, 2)]


def test_one_operation_fails(stage) -> None:
    """The second that meets the fault, in all its attempts."""
    live = stage.connect()
    stage.arm(Status(service="core", code=503, operation=2))
    for client in (live, stage.connect()):
        assert [ask(client, op, 1) for op in (5, 7, 9)] == [200, 503, 200]


def test_every_second_request_fails(stage) -> None:
    """Counted over all connections."""
    live = stage.connect()
    stage.arm(Status(service="core", code=503, every_nth=2))
    found = []
    for client in (live, stage.connect()):
        for _ in range(3):
            client.ask()
            found.append(client.answer()[0])
    assert found == [200, 503] * 3


def test_new_connections_are_hit_and_live_ones_are_not(stage) -> None:
    """And the other way round."""
    for connections, statuses in (("new", [200, 503]), ("live", [503, 200])):
        live = stage.connect()
        fault = stage.arm(Status(service="core", code=503, connections=connections))
        found = []
        for client in (live, stage.connect()):
            client.ask()
            found.append(client.answer()[0])
        assert found == statuses
        stage.clear(fault)


def test_every_second_connection_is_cut_as_it_is_accepted(stage) -> None:
    """Before any request; a live one lives on."""
    live = stage.connect()
    stage.arm(Cut(service="core", at="accept", every_nth=2))
    ends = []
    for _ in range(4):
        client = stage.connect()
        client.ask()
        ends.append("open" if client.sock.recv(4) else "fin")
    assert ends == ["open", "fin", "open", "fin"]
    live.ask()
    assert live.answer()[0] == 200


def test_a_fraction_is_the_same_for_the_same_seed(stage) -> None:
    """Whichever connection they come on; the stage's seed is fixed."""
    live = stage.connect()
    stage.arm(Status(service="core", code=503, fraction=0.5))
    found = [ask(live, op, 1) for op in range(1, 21)]
    assert [ask(stage.connect(), op, 1) for op in range(1, 21)] == found
    assert {200, 503} == set(found)


def test_a_service_goes_down_and_comes_up_by_itself(stage) -> None:
    """After its time, for its time: the history has the reasons."""
    live = stage.connect()
    began = stage.now()
    stage.arm(Refused(service="core", after=0.05, lasts=0.1))
    assert live.rest() == (b"", "fin")
    assert stage.now() - began >= 0.05 - EARLY
    stage.see(FaultCleared)
    assert stage.now() - began >= 0.15 - 2 * EARLY
    stage.connect().ask()
    assert [event.mode for event in stage.of(ListenerMode, done=True)] == [
        "open",
        "refusing",
        "open",
    ]
    (waits,), (comes,), (over,) = (
        stage.of(kind) for kind in (FaultAwaited, FaultArmed, FaultCleared)
    )
    assert (waits.awaits, comes.why, over.why) == (
        "50ms are over",
        "50ms are over",
        "it lasted 0.1 s",
    )


def test_a_partition_begins_in_the_middle_of_an_exchange(stage) -> None:
    """The request that it waited for is carried out, and its answer is held."""
    live = stage.connect()
    stage.backend.busy.add("/slow")
    fault = stage.arm(Partition(service="core", after="request"))
    live.ask("GET /slow")
    stage.see(FaultArmed)
    stage.until(lambda: len(stage.backend.working) == 1)
    stage.call(stage.backend.finish)
    assert live.silent(0.05)
    with pytest.raises(TimeoutError):
        stage.dial(timeout=0.1)
    stage.clear(fault)
    assert live.answer()[0] == 200
    assert [event.mode for event in stage.of(ListenerMode, done=True)] == ["open", "dark", "open"]


def test_a_stall_begins_behind_so_many_bytes(stage) -> None:
    """Of answers, over all connections."""
    live = stage.connect()
    live.ask()
    size = (
        len(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n") + 12
    )
    live.answer()
    stage.arm(Stall(service="core", after=f"{size + 1}B"))
    live.ask()
    live.answer()
    fresh = stage.connect()
    fresh.ask()
    fresh.answer()
    stage.see(FaultArmed)
    for client in (live, fresh):
        client.ask()
    assert live.silent(0.05)
    assert fresh.silent(0.05)


def test_a_latency_of_one_attempt_delays_no_other(stage) -> None:
    """What is out of scope passes untouched."""
    stage.arm(Latency(service="core", delay=0.1, attempt=1))
    client = stage.connect()
    began = stage.now()
    assert ask(client, 1, 1) == 200
    assert stage.now() - began >= 0.1 - EARLY
    assert ask(client, 1, 2) == 200
    assert len(stage.of(FaultFired)) == 1
