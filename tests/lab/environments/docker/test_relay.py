"""A way from another network to a server on the loopback; here both are the loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from faultlab.lab.environments.docker.relay import Relays
from faultlab.lab.errors import SetupError

pytestmark = pytest.mark.wire

LIMIT = 5.0  # seconds after which what is awaited has not come


@pytest.fixture
def relays() -> Iterator[Relays]:
    """None is open yet; a container reaches this machine."""
    relays = Relays("127.0.0.1", lambda _: None)
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
    relays = Relays("192.0.2.1", lambda _: None)
    with pytest.raises(SetupError, match=r"can't be given a way to 127\.0\.0\.1"):
        relays.to(server.getsockname())
    relays.close()


def test_a_container_is_sent_to_knock_once(server: socket.socket) -> None:
    """At an address of the lab's, so that the server sees no connection but its clients'."""
    knocked: list[int] = []

    def run(command: tuple[str, ...]) -> None:
        subprocess.run([sys.executable, *command[1:]], check=True)
        knocked.append(int(command[-1]))

    with closing(Relays("127.0.0.1", run)) as relays, socket.create_server(("127.0.0.1", 0)) as two:
        _, port = relays.to(server.getsockname())
        relays.to(two.getsockname())
        assert len(knocked) == 1
        assert knocked[0] not in (port, server.getsockname()[1])


def test_a_firewall_that_lets_no_container_in_is_told_each_time(server: socket.socket) -> None:
    """Else every request of the baseline would hang, and nobody would know why."""

    def run(_: tuple[str, ...]) -> None:
        raise SetupError(
            "`python3` in container 0123 failed", seen="Traceback\nTimeoutError: timed out"
        )

    with closing(Relays("127.0.0.1", run)) as relays:
        for _ in range(2):
            with pytest.raises(SetupError) as told:
                relays.to(server.getsockname())
            assert str(told.value).splitlines() == [
                "the lab's containers do not reach this machine at 127.0.0.1",
                "  seen       TimeoutError: timed out",
                "  mend       have this machine's firewall let 198.18.0.0/15 in",
            ]


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
