"""The descriptor of a simulated connection tells the truth when it is polled."""

from __future__ import annotations

import select
import socket
import struct

from faultlab.lab.environments.simulated.sockets import ConnectedSocket, ListeningSocket

from .conftest import World


def readable(sock: ConnectedSocket) -> bool:
    """As httpcore and urllib3 look."""
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def test_it_is_readable_while_bytes_wait_or_the_end_has_come(world: World) -> None:
    """Pools decide by that whether a connection can be used again."""
    client, server = world.pair()
    sock = ConnectedSocket(client.endpoint)
    assert not readable(sock)
    client.endpoint.pause()
    server.endpoint.write(b"x")
    world.hand.run()
    assert readable(sock)
    client.endpoint.resume()
    world.hand.run()
    assert not readable(sock)
    server.endpoint.shutdown()
    world.hand.run()
    assert readable(sock)
    sock.close()


def test_the_user_s_time_out_is_the_connection_s(world: World) -> None:
    """In milliseconds; 0 is the kernel's own."""
    client, _ = world.pair()
    sock = ConnectedSocket(client.endpoint)
    sock.setsockopt(socket.IPPROTO_TCP, 18, 1500)
    assert client.endpoint.patience == 1.5
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, 18, 0)
    assert client.endpoint.patience is None
    sock.close()


def test_a_broken_connection_is_readable(world: World) -> None:
    """A read would raise at once."""
    client, server = world.pair()
    server.endpoint.reset()
    world.hand.run()
    sock = ConnectedSocket(client.endpoint)
    assert readable(sock)
    sock.close()


def test_closed_it_has_no_descriptor(world: World) -> None:
    """Which means dead to those who look."""
    client, _ = world.pair()
    sock = ConnectedSocket(client.endpoint)
    assert sock.fileno() == sock.fileno() >= 0
    sock.close()
    sock.close()
    assert sock.fileno() == -1


def test_it_has_the_names_and_options_that_clients_ask_for(world: World) -> None:
    """`TCP_NODELAY` is set by most."""
    client, server = world.pair()
    sock = ConnectedSocket(client.endpoint)
    assert sock.getpeername() == tuple(server.endpoint.local)
    assert sock.getsockname() == tuple(server.endpoint.peer)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    assert (sock.family, sock.type, sock.gettimeout()) == (socket.AF_INET, socket.SOCK_STREAM, 0.0)


def test_without_lingering_its_closing_is_a_reset(world: World) -> None:
    """SO_LINGER of no time; of some time it is not."""
    client, _ = world.pair()
    sock = ConnectedSocket(client.endpoint)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
    assert not sock.resets
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert sock.resets


def test_a_listeners_says_where_it_is(world: World) -> None:
    """Port 0 was asked for."""
    listening = world.there.listen("", accepted=lambda _: None)
    assert ListeningSocket(listening).getsockname() == ("0.0.0.0", listening.port)
    assert ListeningSocket(listening).fileno() == -1
