"""What the lab does to connections without a fault: fresh, reset, drain, close."""

import resource
import socket

import pytest

from faultlab.lab.history import (
    ConnClosed,
    ConnOpened,
    RequestStarted,
    ResponseCut,
    ResponseHead,
)

pytestmark = pytest.mark.wire


def test_fresh_closes_idle_connections_and_no_others(stage) -> None:
    """A phase that begins fresh must not break an exchange under way."""
    idle, busy = stage.connect(), stage.connect()
    idle.ask()
    idle.answer()
    busy.send(b"GET /slow HTTP/1.1\r\n")
    stage.call(stage.proxy.drain)
    stage.call(stage.proxy.fresh)
    assert idle.rest() == (b"", "fin")
    busy.send(b"\r\n")
    assert busy.answer()[0] == 200
    assert [(e.conn, e.by, e.how) for e in stage.of(ConnClosed)] == [(1, "lab", "fin")]


def test_reset_all_unblocks_a_client_that_waits(stage) -> None:
    """Past its limit a blocked call must return, whatever it waits for."""
    idle, waiting = stage.connect(), stage.connect()
    waiting.send(b"POST /query HTTP/1.1\r\nContent-Length: 5\r\n\r\n")
    stage.see(RequestStarted)
    stage.call(stage.proxy.reset_all)
    assert idle.rest() == (b"", "rst")
    assert waiting.rest() == (b"", "rst")
    assert {(e.by, e.how) for e in stage.see(ConnClosed, 2)} == {("lab", "rst")}


def test_drain_records_what_has_arrived_before_it_returns(stage) -> None:
    """The barrier behind every count: what the client sent is in the history."""

    def dial_ask_and_drain() -> tuple[int, int]:
        sock.connect(("127.0.0.1", stage.proxy.port))
        sock.sendall(b"GET /state HTTP/1.1\r\n\r\n")
        stage.proxy.drain()
        return len(stage.of(ConnOpened)), len(stage.of(RequestStarted))

    with socket.socket() as sock:
        assert stage.call(dial_ask_and_drain) == (1, 1)


def test_a_reset_is_one_segment_after_what_was_delivered(stage) -> None:
    """What the client's kernel has it may still read; then the reset, and no FIN before it."""
    stage.backend.answers["/state"] = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"
    for count in range(1, 21):
        client = stage.connect()
        client.ask()
        stage.see(ResponseHead, count)
        stage.call(stage.proxy.reset_all)
        data, end = client.rest()
        assert (data[-4:], end) == (b"half", "rst")
    assert [event.at for event in stage.of(ResponseCut)] == [4] * 20


def test_closing_leaves_nothing_open(stage) -> None:
    """Everything started is stopped."""
    clients = [stage.connect() for _ in range(3)]
    stage.call(stage.proxy.close)
    for client in clients:
        assert client.rest() == (b"", "fin")
    with pytest.raises(ConnectionRefusedError):
        stage.dial()
    assert len(stage.of(ConnClosed, by="lab")) == 3


def test_a_taken_port_is_told(stage) -> None:
    """A port that was asked for is that port or an error."""
    with pytest.raises(OSError, match="in use"):
        stage.call(stage.net.listen, lambda connection: None, stage.proxy.port)


def test_exhausted_descriptors_do_not_spin_the_loop(stage) -> None:
    """The queued connection stays readable; without a rest the loop would turn at full speed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as sock:
        try:
            # A new descriptor is the lowest free one: below it all are taken.
            resource.setrlimit(resource.RLIMIT_NOFILE, (sock.fileno() + 1, hard))
            sock.connect(("127.0.0.1", stage.proxy.port))
            stage.until(lambda: not stage.proxy._listener._reading)
            assert stage.of(ConnOpened) == []
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert len(stage.see(ConnOpened)) == 1
