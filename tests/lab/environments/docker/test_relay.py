"""A way from another network to a server on the loopback; here both are the loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from faultlab.lab.environments.docker.relay import Relays
from faultlab.lab.errors import SetupError

pytestmark = pytest.mark.wire

LIMIT = 5.0  # seconds after which what is awaited has not come


@pytest.fixture
def relays() -> Iterator[Relays]:
    """None is open yet."""
    relays = Relays("127.0.0.1")
    yield relays
    relays.close()


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A server that is played by hand."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)
        yield listener


def both(relays: Relays, server: socket.socket) -> tuple[socket.socket, socket.socket]:
    """The ends of a connection that goes this way."""
    client = socket.create_connection(relays.to(server.getsockname()), LIMIT)
    client.sendall(b"?")
    there, _ = server.accept()
    there.settimeout(LIMIT)
    assert there.recv(9) == b"?"
    return client, there


def test_bytes_and_half_closes_pass_both_ways(relays: Relays, server: socket.socket) -> None:
    """A client that has sent FIN still gets its answer."""
    client, there = both(relays, server)
    with client, there:
        client.shutdown(socket.SHUT_WR)
        assert there.recv(9) == b""
        there.sendall(b"answer")
        there.close()
        assert client.recv(9) == b"answer"
        assert client.recv(9) == b""


def test_a_reset_of_the_server_s_arrives_as_one(relays: Relays, server: socket.socket) -> None:
    """It decides which error a client raises."""
    client, there = both(relays, server)
    with client:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        there.close()
        with pytest.raises(ConnectionResetError):
            client.recv(9)


def test_one_server_has_one_way(relays: Relays, server: socket.socket) -> None:
    """All runs of a lab share it."""
    assert relays.to(server.getsockname()) == relays.to(server.getsockname())


def test_a_server_that_takes_no_connection_ends_the_other_side(relays: Relays) -> None:
    """Never a hang."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with socket.create_connection(relays.to(nobody.getsockname()), LIMIT) as client:
            assert client.recv(9) == b""


def test_an_address_that_is_not_this_machine_s_is_told(server: socket.socket) -> None:
    """The network's own may be gone."""
    relays = Relays("192.0.2.1")
    with pytest.raises(SetupError, match=r"can't be given a way to 127\.0\.0\.1"):
        relays.to(server.getsockname())
    relays.close()


def test_nothing_is_left_of_closed_ones(relays: Relays, server: socket.socket) -> None:
    """Neither connection, listener nor thread."""
    client, there = both(relays, server)
    place = relays.to(server.getsockname())
    relays.close()
    relays.close()
    with client, there:
        assert client.recv(9) == there.recv(9) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place, LIMIT)
    assert "faultlab-relays" not in {thread.name for thread in threading.enumerate()}
