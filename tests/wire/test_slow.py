"""`latency` and `stall`: what a naive client sees of a slow service."""

import socket

import pytest

from faultlab.faults import Cut, Latency, Stall, Status
from faultlab.lab.history import (
    ConnClosed,
    FaultFired,
    ListenerMode,
    RequestStarted,
    ResponseComplete,
    ResponseHead,
)

pytestmark = [pytest.mark.wire, pytest.mark.nets]

EARLY = 0.001  # seconds by which a timer may fire too early


def test_answers_come_late(stage) -> None:
    """On a live connection as on a new one; the request itself isn't late."""
    live = stage.connect()
    live.ask()
    live.answer()
    stage.arm(Latency(service="core", delay=0.1))
    for n, client in enumerate((live, stage.connect()), 2):
        began = stage.now()
        client.ask()
        stage.served(n)
        client.answer()
        assert stage.now() - began >= 0.1 - EARLY
    started = stage.of(RequestStarted)[-1]
    head = stage.of(ResponseHead)[-1]
    assert head.t - started.t >= 0.1 - EARLY
    assert [event.on for event in stage.of(FaultFired)] == ["bytes", "bytes"]


def test_requests_reach_the_backend_late(stage) -> None:
    """`to_backend`; the history has the arrival at the proxy, not the release."""
    stage.arm(Latency(service="core", delay=0.1, direction="to_backend"))
    client = stage.connect()
    began = stage.now()
    client.ask()
    stage.see(RequestStarted)
    assert stage.backend.requests == []
    client.answer()
    assert stage.now() - began >= 0.1 - EARLY


def test_delays_of_both_directions_and_of_two_faults_add_up(stage) -> None:
    """The stated order of composition, also for an answer of the gate's own."""
    stage.arm(Latency(service="core", delay=0.05, direction="both"))
    stage.arm(Latency(service="core", delay=0.05, endpoint="GET /*"))
    stage.arm(Status(service="core", code=503, endpoint="GET /sick"))
    client = stage.connect()
    for path, status in (("/well", 200), ("/sick", 503)):
        began = stage.now()
        client.ask(f"GET {path}")
        assert client.answer()[0] == status
        assert stage.now() - began >= 0.15 - EARLY


def test_a_delayed_end_comes_behind_the_delayed_bytes(stage) -> None:
    """Order is kept: an end that overtook its body would be another fault."""
    stage.backend.then["/state"] = "fin"
    stage.arm(Latency(service="core", delay=0.05))
    client = stage.connect()
    began = stage.now()
    client.ask()
    data, end = client.rest()
    assert data.endswith(b'{"ok": true}')
    assert end == "fin"
    assert stage.now() - began >= 0.05 - EARLY


def test_clearing_a_latency_releases_what_it_held_back(stage) -> None:
    """A fault ends with its block."""
    fault = stage.arm(Latency(service="core", delay=60.0))
    client = stage.connect()
    client.ask()
    stage.see(FaultFired)
    assert client.silent(0.05)
    stage.clear(fault)
    assert client.answer()[0] == 200


def test_a_stalled_answer_is_silence_then_the_answer(stage) -> None:
    """The backend works; where the head should begin there is nothing until the heal."""
    live = stage.connect()
    live.ask("GET /before")
    live.answer()
    fault = stage.arm(Stall(service="core"))
    fresh = stage.connect()
    for client in (live, fresh):
        client.ask("POST /query", b"x")
    assert stage.served(3)[1:] == ["POST /query"] * 2
    assert live.silent(0.05)
    assert fresh.silent(0.05)
    assert len(stage.of(ResponseHead)) == 1
    stage.clear(fault)
    assert live.answer()[0] == 200
    assert fresh.answer()[0] == 200
    assert len(stage.of(ResponseComplete)) == 3


def test_a_stalled_body_is_a_head_then_silence_then_the_body(stage) -> None:
    """On a live connection as on a new one; an answer without a body passes whole."""
    live = stage.connect()
    live.ask()
    live.answer()
    stage.backend.answers["/empty"] = b"HTTP/1.1 204 No Content\r\n\r\n"
    fault = stage.arm(Stall(service="core", at="response_body"))
    for client in (live, stage.connect()):
        client.ask("GET /empty")
        assert client.sock.recv(1000) == stage.backend.answers["/empty"]
        client.ask()
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.sock.recv(1)
        assert client.silent(0.05)
    assert len(stage.of(ResponseHead)) == 5
    assert [(event.on, event.request) for event in stage.of(FaultFired)] == [
        ("request", 3),
        ("request", 2),
    ]
    stage.clear(fault)
    for client in (live, stage.clients[-1]):
        assert client.sock.recv(1000) == b'{"ok": true}'


CHUNKED = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\n{}\r\n0\r\n\r\n", "")
TO_THE_END = (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b'{"ok": true}', "fin")


@pytest.mark.parametrize(("head", "body", "end"), [CHUNKED, TO_THE_END])
def test_a_body_stalls_however_its_end_is_told(stage, head: bytes, body: bytes, end: str) -> None:
    """The end of the connection is a part of it, and is withheld with it."""
    stage.backend.answers["/state"] = head + body
    stage.backend.then["/state"] = end
    fault = stage.arm(Stall(service="core", at="response_body"))
    client = stage.connect()
    client.ask()
    assert client.sock.recv(len(head), socket.MSG_WAITALL) == head
    assert client.silent(0.05)
    assert (stage.of(ConnClosed), stage.of(ResponseComplete)) == ([], [])
    stage.clear(fault)
    assert client.sock.recv(len(body), socket.MSG_WAITALL) == body
    if end:
        assert client.rest() == (b"", end)
    assert len(stage.see(ResponseComplete)) == 1


def test_an_answer_to_head_has_no_body_that_could_stall(stage) -> None:
    """Its length is another answer's."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    stage.backend.answers["/state"] = head
    stage.arm(Stall(service="core", at="response_body"))
    client = stage.connect()
    for _ in range(2):
        client.ask("HEAD /state")
        assert client.sock.recv(len(head), socket.MSG_WAITALL) == head
    assert stage.of(FaultFired) == []


def test_only_the_bodies_in_scope_stall(stage) -> None:
    """The first so many, of an endpoint; the next one on another connection passes whole."""
    fault = stage.arm(Stall(service="core", at="response_body", endpoint="GET /state", first=1))
    stalled, other = stage.connect(), stage.connect()
    stalled.ask()
    stage.see(FaultFired)
    for line in ("GET /other", "GET /state"):
        other.ask(line)
        assert other.answer()[0] == 200
    stage.clear(fault)
    assert stalled.answer()[0] == 200


def test_a_stalled_connect_stays_unanswered_and_live_connections_live_on(stage) -> None:
    """As a listener whose packets are dropped; after the clear it connects by itself."""
    live = stage.connect()
    fault = stage.arm(Stall(service="core", at="connect"))
    with pytest.raises(TimeoutError):
        stage.dial(timeout=0.1)
    live.ask()
    assert live.answer()[0] == 200
    stage.clear(fault)
    assert [event.mode for event in stage.of(ListenerMode, done=True)] == ["open", "dark", "open"]
    stage.connect().ask()


def test_a_stall_elsewhere_in_its_place_opens_the_listener(stage) -> None:
    """One fault of a kind and scope: what replaces it must not leave its darkness behind."""
    stage.arm(Stall(service="core", at="connect"))
    stage.arm(Stall(service="core", at="response_head"))
    client = stage.connect()
    client.ask()
    assert client.silent(0.05)


def test_a_client_that_gave_up_on_a_stall_gets_no_answer_recorded(stage) -> None:
    """Its FIN may lie unread in the kernel when the fault ends: it left first all the same."""
    fault = stage.arm(Stall(service="core"))
    client = stage.connect()
    client.ask()
    stage.served(1)

    def leave_and_clear() -> None:
        client.close()
        stage.proxy.clear(fault)

    stage.call(leave_and_clear)
    assert stage.of(ConnClosed)[0].by == "client"
    assert stage.of(ResponseHead) == []


def test_what_arrived_before_the_fault_is_outside_it(stage) -> None:
    """Also where the loop hadn't come to read it."""
    client = stage.connect()

    def ask_and_arm() -> None:
        client.ask()
        stage.proxy.arm(1, Cut(service="core", at="request_head"))

    stage.call(ask_and_arm)
    assert client.answer()[0] == 200
    client.ask()
    assert client.rest() == (b"", "fin")


def test_a_request_begun_before_the_fault_is_outside_it(stage) -> None:
    """`inject` promises requests whose head begins after it, no other."""
    client = stage.connect()
    client.send(b"GET /state HT")
    stage.call(stage.proxy.drain)
    fault = stage.arm(Cut(service="core", at="request_head"))
    client.send(b"TP/1.1\r\n\r\n")
    assert client.answer()[0] == 200
    client.send(b"GET /state HT")
    stage.call(stage.proxy.drain)
    stage.clear(fault)
    client.send(b"TP/1.1\r\n\r\n")
    assert client.answer()[0] == 200
    assert stage.of(FaultFired) == []
