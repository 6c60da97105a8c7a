"""Without a fault the proxy is not there: bytes, ends and order are the backend's."""

import pytest

from faultlab.lab.history import (
    ConnClosed,
    ConnOpened,
    RequestComplete,
    RequestStarted,
    ResponseComplete,
    ResponseHead,
)

pytestmark = [pytest.mark.wire, pytest.mark.nets]


def test_two_requests_on_one_connection(stage) -> None:
    """Keep-alive must hold both ways, or every client would look as if it reconnected."""
    client = stage.connect()
    for n in (1, 2):
        client.ask(f"GET /state?n={n}")
        assert client.answer()[2] == b'{"ok": true}'
    assert [request.line for request in stage.backend.requests] == [
        "GET /state?n=1",
        "GET /state?n=2",
    ]
    first, second = stage.see(RequestStarted, 2)
    assert (first.reused, second.reused) == (False, True)
    assert (first.conn, first.request, second.request) == (1, 1, 2)


def test_events_of_one_exchange_stand_in_order(stage) -> None:
    """The history is read as a story; a later fact must not be told first."""
    client = stage.connect()
    client.ask("POST /query", b"hello")
    client.answer()
    client.close()
    stage.see(ConnClosed)
    kinds = [type(event) for event in stage.events[1:]]
    assert kinds == [
        ConnOpened,
        RequestStarted,
        RequestComplete,
        ResponseHead,
        ResponseComplete,
        ConnClosed,
    ]
    closed = stage.of(ConnClosed)[0]
    assert (closed.by, closed.how) == ("client", "fin")
    assert closed.sent == len(stage.backend.answer(stage.backend.requests[0])[0])
    assert stage.of(RequestComplete)[0].length == 5


def test_pipelined_requests_are_answered_in_order(stage) -> None:
    """A client may send the next request before the answer."""
    client = stage.connect()
    stage.backend.answers = {"/a": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"}
    client.send(b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n")
    assert client.answer()[2] == b"a"
    assert client.answer()[2] == b'{"ok": true}'


def test_the_backends_fin_and_rst_are_relayed_as_they_are(stage) -> None:
    """Toxiproxy turns RST into FIN; here the client sees which it was."""
    for how in ("fin", "rst"):
        stage.backend.answers["/end"] = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
        stage.backend.then["/end"] = how
        client = stage.connect()
        client.ask("GET /end")
        data, end = client.rest()
        assert (data[-4:], end) == (b"half", how)
    closed = stage.see(ConnClosed, 2, by="backend")
    assert [event.how for event in closed] == ["fin", "rst"]


def test_a_dead_backend_ends_the_connection_with_fin(stage) -> None:
    """Nobody listens there: the proxy's own port still answers, so the client must learn it."""
    stage.call(stage.backend.listener.close)
    client = stage.dial()
    assert client.rest() == (b"", "fin")
    assert stage.see(ConnClosed)[0].by == "backend"


def test_bytes_that_are_no_http_pass_unread(stage) -> None:
    """A protocol that the lab can't follow must not be harmed by it."""
    client = stage.connect()
    client.send(b"\x16\x03\x01 hello\r\n\r\n")
    stage.until(lambda: stage.backend.received == b"\x16\x03\x01 hello\r\n\r\n")
    assert stage.of(RequestStarted) == []


def test_an_upgrade_opens_a_tunnel(stage) -> None:
    """After 101 the bytes are another protocol's."""
    stage.backend.answers["/ws"] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x01"
    client = stage.connect()
    client.ask("GET /ws", b"", "Upgrade: websocket", "Connection: Upgrade")
    assert client.sock.recv(36) + client.sock.recv(2) == stage.backend.answers["/ws"]
    client.send(b"\x81\x80ping")
    stage.until(lambda: stage.backend.received.endswith(b"\x81\x80ping"))


def test_a_client_that_leaves_does_not_stop_the_backend(stage) -> None:
    """The work was asked for; that its answer finds nobody is the finding."""
    client = stage.connect()
    client.ask("POST /query", b"x")
    client.close()
    assert stage.served(1) == ["POST /query"]


def test_the_tag_is_taken_off_and_recorded(stage) -> None:
    """The backend must see what the client alone would send."""
    client = stage.connect()
    client.ask("GET /state", b"", "X-Faultlab-Op: 12.3", "Authorization: Bearer abc")
    client.answer()
    assert stage.backend.received == (
        b"GET /state HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer abc\r\n\r\n"
    )
    started = stage.of(RequestStarted)[0]
    assert (started.op, started.attempt) == (12, 3)
    assert started.headers == {"authorization": "[redacted]"}


def test_large_bodies_pass_whole(stage) -> None:
    """Back-pressure must lose nothing."""
    body = bytes(range(256)) * 40_000
    stage.backend.answers["/big"] = (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    client = stage.connect()
    client.ask("POST /big", body)
    assert client.answer()[2] == body
    assert stage.backend.requests[0].body == body
