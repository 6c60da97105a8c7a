"""`throttle` and `drip`: what a naive client, and a backend, see of few bytes at a time."""

import pytest

from faultlab.faults import Drip, Fault, Stall, Status, Throttle
from faultlab.lab.history import (
    ConnClosed,
    FaultArmed,
    FaultFired,
    RequestComplete,
    RequestStarted,
    ResponseComplete,
    ResponseHead,
)

pytestmark = [pytest.mark.wire, pytest.mark.nets]

EARLY = 0.001  # seconds by which a timer may fire too early
BODY = bytes(range(256)) * 4
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


def pieces(stage, client, size: int) -> list[tuple[float, int]]:
    """The bytes of an answer as they come: when, and how many there are by then."""
    seen, total = [], 0
    while total < size:
        data = client.sock.recv(size - total)
        assert data, f"the connection ended after {total} of {size} bytes"
        total += len(data)
        seen.append((stage.now(), total))
    return seen


def both(stage):
    """A live connection, which has had an answer, and a new one once the fault is in force."""
    live = stage.connect()
    live.ask("GET /before")
    live.answer()
    yield live
    yield stage.connect()


PACES = [
    (Throttle(service="core", rate=10_000), 10_000),
    (Throttle(service="core", rate=10_000, endpoint="GET /state"), 10_000),
    (Drip(service="core", size=100, interval=0.01), 10_000),
    (Drip(service="core", size=100, interval=0.01, first=2), 10_000),
    (Throttle(service="core", rate=10_000, direction="both"), 10_000),
]


@pytest.mark.parametrize(("fault", "rate"), PACES)
def test_an_answer_comes_no_faster_than_its_pace_and_whole(stage, fault: Fault, rate: int) -> None:
    """By any time no more than the rate allows; on a live connection as on a new one."""
    stage.backend.answers["/state"] = ANSWER
    clients = both(stage)
    live = next(clients)
    stage.arm(fault)
    for client in (live, next(clients)):
        began = stage.now()
        client.ask()
        seen = pieces(stage, client, len(ANSWER))
        for when, total in seen:
            assert when - began >= total / rate - EARLY
        assert len(seen) > 1
    assert [(e.fault, e.on) for e in stage.of(FaultFired)] == [
        (1, "request" if fault.scoped else "bytes")
    ] * 2
    assert [event.length for event in stage.see(ResponseComplete, 3)][1:] == [len(BODY)] * 2


REQUEST = b"POST /query HTTP/1.1\r\nHost: lab\r\nContent-Length: 200\r\n\r\n" + b"x" * 200


@pytest.mark.parametrize("scope", [{}, {"endpoint": "POST /query"}])
@pytest.mark.parametrize(
    "pace",
    [
        {"kind": Throttle, "rate": 2000},
        {"kind": Drip, "size": 20, "interval": 0.01},
        {"kind": Drip, "size": 20, "interval": 0.01, "direction": "both"},
    ],
)
def test_a_slow_request_reaches_the_backend_late_and_whole(stage, pace, scope) -> None:
    """It has arrived at the proxy long before; on a live connection as on a new one."""
    pace = {"direction": "to_backend", **pace}
    clients = both(stage)
    live = next(clients)
    stage.arm(pace.pop("kind")(service="core", **pace, **scope))
    for n, client in enumerate((live, next(clients)), 2):
        began = stage.now()
        client.send(REQUEST)
        stage.served(n)
        assert stage.now() - began >= len(REQUEST) / 2000 - EARLY
        assert stage.backend.requests[-1].body == b"x" * 200
        assert client.answer()[0] == 200
        complete, head = stage.of(RequestComplete)[-1], stage.of(ResponseHead)[-1]
        assert complete.length == 200
        assert head.t - complete.t >= len(REQUEST) / 2000 - EARLY


def test_what_is_out_of_scope_keeps_its_own_speed(stage) -> None:
    """On the same connection, before and after one that drips for an hour."""
    fault = stage.arm(Drip(service="core", interval=3600.0, endpoint="GET /slow"))
    client = stage.connect()
    client.ask("GET /state")
    assert client.answer()[0] == 200
    client.ask("GET /slow")
    assert client.silent(0.05)
    other = stage.connect()
    other.ask("GET /state")
    assert other.answer()[0] == 200
    stage.clear(fault)
    assert client.answer()[0] == 200
    client.ask("GET /state")
    assert client.answer()[0] == 200
    assert len(stage.of(FaultFired)) == 1


def test_an_answer_of_the_gates_own_has_the_pace_too(stage) -> None:
    """The gate stands where the backend does."""
    stage.arm(Drip(service="core", size=20, interval=0.01))
    stage.arm(Status(service="core", code=503, body="x" * 200))
    client = stage.connect()
    began = stage.now()
    client.ask()
    assert client.answer()[0] == 503
    assert stage.now() - began >= 10 * 0.01 - EARLY


def test_the_head_is_recorded_with_its_last_byte_and_the_end_with_its_own(stage) -> None:
    """A head that had only begun is none yet; one that ends with a piece is recorded once."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"
    stage.backend.answers["/state"] = head + b"!" * 40
    assert len(head) == 3 * 13
    stage.arm(Drip(service="core", size=13, interval=0.02))
    client = stage.connect()
    client.ask()
    pieces(stage, client, len(head) + 40)
    (complete,) = stage.see(ResponseComplete)
    (first,) = stage.of(ResponseHead)
    begun = stage.of(RequestStarted)[0].t  # not the head's own time, which may be late
    assert first.t >= begun + 3 * 0.02 - EARLY
    assert complete.t >= begun + (3 + 40 / 13) * 0.02 - EARLY


def test_an_end_comes_behind_the_last_piece(stage) -> None:
    """An end that overtook its body would be another fault."""
    stage.backend.then["/state"] = "fin"
    stage.arm(Drip(service="core", size=20, interval=0.01))
    client = stage.connect()
    client.ask()
    data, end = client.rest()
    assert (data.endswith(b'{"ok": true}'), end) == (True, "fin")


def test_a_pace_and_a_stall_of_the_body_give_a_slow_head_and_silence(stage) -> None:
    """The stated order of composition: the head passes at its pace, then nothing."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    stage.backend.answers["/state"] = head + b"last"
    stage.arm(Throttle(service="core", rate=1000))
    stall = stage.arm(Stall(service="core", at="response_body"))
    client = stage.connect()
    began = stage.now()
    client.ask()
    for when, total in pieces(stage, client, len(head)):
        assert when - began >= total / 1000 - EARLY
    assert client.silent(0.05)
    stage.clear(stall)
    assert pieces(stage, client, 4)[-1][1] == 4


def test_clearing_a_drip_lets_the_rest_go_at_once(stage) -> None:
    """A fault ends with its block."""
    fault = stage.arm(Drip(service="core", interval=30.0))
    client = stage.connect()
    client.ask()
    stage.see(FaultFired)
    stage.clear(fault)
    assert client.answer()[0] == 200


def test_the_history_says_when_a_client_that_left_had_its_last_byte(stage) -> None:
    """The proof that a drip, not silence, was what it gave up on."""
    stage.arm(Drip(service="core", interval=0.02))
    client = stage.connect()
    client.ask()
    client.sock.recv(1)
    client.close()
    (closed,) = stage.see(ConnClosed)
    assert stage.of(FaultArmed)[0].paces == ("to_client",)
    (fired,) = stage.of(FaultFired)
    assert (closed.by, closed.sent >= 1) == ("client", True)
    assert closed.sent_at >= fired.t + 0.02 - EARLY
