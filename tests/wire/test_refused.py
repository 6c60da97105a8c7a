"""`refused`: what a naive client sees of a service that is down."""

import errno
import socket

import pytest

from faultlab.faults import Partition, Refused, Status
from faultlab.lab.history import (
    ConnClosed,
    ConnOpened,
    FaultArmed,
    FaultCleared,
    FaultFired,
    ListenerMode,
    RequestStarted,
)
from faultlab.lab.proxy.proxy import FaultRefused

pytestmark = [pytest.mark.wire, pytest.mark.nets]


def test_a_new_connection_is_refused_until_the_fault_is_over(stage) -> None:
    """The port stays ours: what refuses is the kernel, and the heal is on the same port."""
    fault = stage.arm(Refused(service="core"))
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            stage.dial()
    stage.clear(fault)
    client = stage.connect()
    client.ask()
    assert client.answer()[0] == 200


def test_a_live_connection_is_closed_and_still_read(stage) -> None:
    """A request on the dying connection was made: the history holds it, the backend doesn't."""
    client = stage.connect()
    client.ask("GET /before")
    client.answer()
    fault = stage.arm(Refused(service="core"))
    client.ask("POST /query", b"late")
    assert client.rest() == (b"", "fin")
    late = stage.see(RequestStarted, 2)[1]
    assert (late.target, late.reused, late.request) == ("/query", True, 2)
    assert [request.line for request in stage.backend.requests] == ["GET /before"]
    fired = stage.see(FaultFired, 2)
    assert [(event.on, event.request, event.fault) for event in fired] == [
        ("connection", None, fault),
        ("request", 2, fault),
    ]
    client.close()
    ends = stage.see(ConnClosed, 2)
    assert [(event.by, event.how) for event in ends] == [("lab", "fin"), ("client", "fin")]


def test_a_live_connection_is_reset(stage) -> None:
    """`live: reset`."""
    client = stage.connect()
    stage.arm(Refused(service="core", live="reset"))
    assert client.rest() == (b"", "rst")
    assert [(e.by, e.how) for e in stage.see(ConnClosed)] == [("lab", "rst")]


def test_a_live_connection_is_kept(stage) -> None:
    """`live: keep`: a rolling restart that drains."""
    client = stage.connect()
    fault = stage.arm(Refused(service="core", live="keep"))
    client.ask()
    assert client.answer()[0] == 200
    with pytest.raises(ConnectionRefusedError):
        stage.dial()
    assert stage.of(FaultFired) == []
    stage.clear(fault)
    client.ask()
    assert client.answer()[0] == 200


def test_the_history_tells_switch_and_fault_in_order(stage) -> None:
    """A refused connect is derived from these events; they must bracket the truth."""
    fault = stage.arm(Refused(service="core"))
    stage.clear(fault)
    told = [
        (event.mode, event.done) if isinstance(event, ListenerMode) else type(event)
        for event in stage.events
    ]
    assert told == [
        ("open", True),
        ("refusing", False),
        ("refusing", True),
        FaultArmed,
        ("open", False),
        ("open", True),
        FaultCleared,
    ]
    armed = stage.of(FaultArmed)[0]
    assert armed.mechanism == (
        f"listener {stage.means['refusing']}; FIN on live connections, read on"
    )


@pytest.mark.loopback
def test_the_port_is_nobody_elses_while_it_refuses(stage) -> None:
    """Another process on the port would answer for the service that is down."""
    stage.arm(Refused(service="core"))
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use") as caught:
            thief.bind(("127.0.0.1", stage.proxy.port))
    assert caught.value.errno == errno.EADDRINUSE


def test_the_modes_cycle_without_a_wrong_answer(stage) -> None:
    """Every switch is complete when the call returns."""
    client = stage.connect()
    for _ in range(50):
        fault = stage.arm(Refused(service="core", live="keep"))
        with pytest.raises(ConnectionRefusedError):
            stage.dial()
        stage.clear(fault)
        fault = stage.arm(Partition(service="core"))
        with pytest.raises(TimeoutError):
            stage.dial(0.002)
        stage.clear(fault)
        stage.dial().close()
    client.ask()
    assert client.answer()[0] == 200


def test_connections_queued_before_a_switch_are_older_than_the_fault(stage) -> None:
    """They were answered by the kernel: a reset on accept would be the lab's own noise."""

    def dial_and_arm() -> None:
        for sock in socks:
            sock.connect(("127.0.0.1", stage.proxy.port))
        stage.proxy.arm(1, Refused(service="core", live="keep"))

    socks = [stage.socket() for _ in range(5)]
    try:
        stage.call(dial_and_arm)
        assert len(stage.of(ConnOpened)) == 5
        for sock in socks:
            sock.sendall(b"GET /state HTTP/1.1\r\n\r\n")
            assert sock.recv(4) == b"HTTP"
    finally:
        for sock in socks:
            sock.close()


def test_a_listener_is_in_one_mode_only(stage) -> None:
    """Two truths about one listener are refused by name, and change nothing."""
    stage.arm(Refused(service="core", live="keep"))
    with pytest.raises(FaultRefused, match="`partition` on core meets `refused`"):
        stage.arm(Partition(service="core"))
    with pytest.raises(FaultRefused, match="for 'maba', not for 'core'"):
        stage.arm(Status(service="maba", code=500))
    assert stage.proxy.mode == "refusing"
    assert len(stage.of(FaultArmed)) == 1
