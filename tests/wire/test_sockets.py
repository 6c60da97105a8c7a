"""RealNet, call by call, against the other end as a plain socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytestmark = [pytest.mark.wire, pytest.mark.nets]


class _Owner:
    """Keeps what the net tells of one connection."""

    def __init__(self) -> None:
        self.told: list = []
        self.changed = threading.Event()

    def received(self, data: bytes) -> None:
        self.tell(data)

    def ended(self) -> None:
        self.tell("ended")

    def lost(self, reset: bool) -> None:
        self.tell("reset" if reset else "over")

    def drained(self) -> None:
        self.tell("drained")

    def tell(self, what: object) -> None:
        self.told.append(what)
        self.changed.set()


@contextmanager
def pair(stage) -> Iterator[tuple]:
    """An accepted connection, its owner, and the client's socket."""
    accepted: list = []
    listener = stage.call(stage.net.listen, accepted.append)
    with stage.socket() as client:
        client.settimeout(10)
        client.connect(("127.0.0.1", listener.port))
        stage.call(listener.drain)
        stage.until(lambda: bool(accepted))
        owner = _Owner()
        stage.call(accepted[0].bind, owner)
        yield accepted[0], owner, client
    stage.call(listener.close)


def test_close_with_unread_bytes_is_fin_and_not_reset(stage) -> None:
    """A plain close would send RST, which is another observable."""
    with pair(stage) as (connection, _, client):
        stage.call(connection.pause)
        client.sendall(b"unread")
        stage.call(connection.write, b"last words")
        stage.call(connection.close)
        assert client.recv(100) == b"last words"
        assert client.recv(100) == b""
        client.sendall(b"more")
        client.sendall(b"and more")


def test_reset_is_reset(stage) -> None:
    """What was delivered before is still read."""
    with pair(stage) as (connection, owner, client):
        stage.call(connection.write, b"before")
        stage.call(connection.reset)
        assert client.recv(100) == b"before"
        with pytest.raises(ConnectionResetError):
            client.recv(100)
        assert owner.told == []


def test_fin_is_half_a_close(stage) -> None:
    """The owner goes on hearing; when both have ended it is over."""
    with pair(stage) as (connection, owner, client):
        stage.call(connection.fin)
        assert client.recv(1) == b""
        client.sendall(b"still here")
        stage.until(lambda: owner.told == [b"still here"])
        client.shutdown(socket.SHUT_WR)
        stage.until(lambda: owner.told[1:] == ["ended", "over"])


def test_the_peers_reset_is_told(stage) -> None:
    """Apart from its FIN."""
    with pair(stage) as (_, owner, client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        stage.until(lambda: owner.told == ["reset"])


def test_drain_reads_what_is_there(stage) -> None:
    """Inside the call, so that a barrier can wait for it."""
    with pair(stage) as (connection, owner, client):

        def send_and_drain() -> list:
            client.sendall(b"here")
            connection.drain()
            return list(owner.told)

        assert stage.call(send_and_drain) == [b"here"]


def test_a_paused_connection_reads_nothing(stage) -> None:
    """Back-pressure; `drain` keeps to it."""
    with pair(stage) as (connection, owner, client):
        stage.call(connection.pause)
        client.sendall(b"here")
        stage.call(connection.drain)
        assert owner.told == []
        stage.call(connection.resume)
        stage.until(lambda: owner.told == [b"here"])


def test_a_writer_is_told_when_to_pause_and_when_to_go_on(stage) -> None:
    """And everything arrives, in order."""
    data = bytes(range(256)) * 40_000
    with pair(stage) as (connection, owner, client):
        assert stage.call(connection.write, data) is False
        got = b""
        while len(got) < len(data):
            got += client.recv(1 << 20)
        assert got == data
        stage.until(lambda: owner.told == ["drained"])


def test_what_a_peer_sent_before_its_reset_is_read_first(stage) -> None:
    """A server may answer and leave while the request is still being written."""
    with pair(stage) as (connection, owner, client):
        stage.call(connection.pause)
        client.sendall(b"answer")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        stage.call(connection.resume)
        stage.until(lambda: owner.told == [b"answer", "reset"])


def test_a_connect_that_nobody_answers_ends_at_its_limit(stage) -> None:
    """Bounded, and by name of the error."""
    results: list = []
    dark = stage.call(stage.net.listen, lambda connection: None)
    stage.call(dark.switch, "dark")
    stage.call(stage.net.connect, "127.0.0.1", dark.port, results.append, 0.05)
    stage.until(lambda: len(results) == 1)
    assert isinstance(results[0], TimeoutError)
    stage.call(dark.close)


def test_a_refused_connect_and_an_unknown_host_are_told(stage) -> None:
    """As errors, never raised into the caller's loop."""
    results: list = []
    shut = stage.call(stage.net.listen, lambda connection: None)
    stage.call(shut.switch, "refusing")
    stage.call(stage.net.connect, "127.0.0.1", shut.port, results.append)
    stage.until(lambda: len(results) == 1)
    assert isinstance(results[0], ConnectionRefusedError)
    stage.call(stage.net.connect, "", -1, results.append)
    stage.until(lambda: len(results) == 2)
    assert isinstance(results[1], OSError)
    stage.call(shut.close)


def test_a_name_with_two_addresses_is_tried_in_order(stage) -> None:
    """`localhost` is often IPv6 first, and the server often isn't."""
    results: list = []
    accepted: list = []
    listener = stage.call(stage.net.listen, accepted.append)
    stage.call(stage.net.connect, "localhost", listener.port, results.append)
    stage.until(lambda: len(results) == 1)
    assert results[0].peer == listener.port
    stage.call(listener.close)


def test_a_dark_listener_keeps_its_live_connections(stage) -> None:
    """An accepted socket must not inherit the darkness, whichever way it was accepted."""
    accepted: list = []
    listener = stage.call(stage.net.listen, accepted.append)

    def queue_and_darken() -> None:
        early.connect(("127.0.0.1", listener.port))
        listener.switch("dark")

    with stage.socket() as early:
        early.settimeout(10)
        stage.call(queue_and_darken)
        owner = _Owner()
        stage.call(accepted[0].bind, owner)
        early.sendall(b"heard")
        stage.until(lambda: owner.told == [b"heard"])
        stage.call(accepted[0].write, b"answered")
        assert early.recv(8) == b"answered"
    stage.call(listener.close)


@pytest.mark.parametrize("where", ["stage", "stage_without_ttl"])
def test_a_mode_leads_to_each_other_mode(request, where) -> None:
    """No order of faults may leave a listener in a mode it doesn't show."""
    stage = request.getfixturevalue(where)
    listener = stage.call(stage.net.listen, lambda connection: None)

    def seen() -> str:
        with socket.socket() as sock:
            sock.settimeout(0.02)
            try:
                sock.connect(("127.0.0.1", listener.port))
            except ConnectionRefusedError:
                return "refusing"
            except TimeoutError:
                return "dark"
            return "open"

    for mode in ("refusing", "dark", "refusing", "open", "dark", "open", "refusing", "open"):
        stage.call(listener.switch, mode)
        assert (seen(), listener.mode) == (mode, mode)
    stage.call(listener.close)
