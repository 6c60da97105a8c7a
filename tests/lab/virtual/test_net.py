"""What is the simulated net's own; what it shares with loopback sockets stands in tests/wire."""

from __future__ import annotations

import socket

import pytest

from faultlab.lab.addresses import ANY_LOOPBACK
from faultlab.lab.net import Connection
from faultlab.lab.virtual import VirtualNet

from ..environments.simulated.conftest import World


class _Silent:
    """An owner that wants to know nothing."""

    def received(self, data: bytes) -> None:
        """Dropped."""

    ended = drained = lambda _self: None

    def lost(self, reset: bool) -> None:
        """Dropped."""


@pytest.fixture
def nets(world: World) -> tuple[VirtualNet, VirtualNet]:
    """The nets of two hosts, a millisecond apart."""
    return VirtualNet(world.network, world.here), VirtualNet(world.network, world.there)


def test_a_host_is_found_by_name_on_a_port_of_its_own(world: World, nets) -> None:
    """Two hosts may listen on the same number."""
    here, there = nets
    accepted: list[Connection] = []
    got: list[Connection | OSError] = []
    listener = there.listen(accepted.append, 80, ANY_LOOPBACK)
    here.listen(lambda _: None, 80)
    here.connect("there", listener.port, got.append)
    assert got == []
    world.hand.run(1)
    [connection] = got
    assert not isinstance(connection, OSError)
    assert connection.peer == 80
    assert [one.peer for one in accepted] == [connection.local]


def test_an_unknown_name_is_told_by_the_loop(world: World, nets) -> None:
    """Never inside the call."""
    got: list[Connection | OSError] = []
    nets[0].connect("nowhere", 80, got.append)
    assert got == []
    world.hand.run(1)
    assert isinstance(got[0], socket.gaierror)


def test_a_name_that_takes_its_time_counts_against_the_limit(world: World, nets) -> None:
    """Whatever it would have led to."""
    got: list[tuple[float, Connection | OSError]] = []
    here, there = nets
    there.listen(lambda _: None, 80, ANY_LOOPBACK)

    def note(came: Connection | OSError) -> None:
        got.append((round(here.now(), 2), came))

    world.network.names.point("slow", *world.there.addresses, takes=3.0)
    here.connect("slow", 80, note, 2.0)
    here.connect("slow", 80, note, 5.0)
    world.hand.run(10)
    [(early, error), (late, connection)] = got
    assert (early, late) == (2.0, 3.0)
    assert isinstance(error, TimeoutError)
    assert not isinstance(connection, OSError)


def test_a_cut_network_answers_no_connect(world: World, nets) -> None:
    """At the limit that was asked for, not the kernel's."""
    here, there = nets
    got: list[tuple[float, Connection | OSError]] = []
    there.listen(lambda _: None, 80, ANY_LOOPBACK)
    world.network.partition("here", "there")
    here.connect("there", 80, lambda came: got.append((here.now(), came)), 2.5)
    world.hand.run(60)
    [(when, error)] = got
    assert when == 2.5
    assert isinstance(error, TimeoutError)


def test_a_port_that_is_taken_can_not_be_had(nets) -> None:
    """As on a kernel."""
    nets[0].listen(lambda _: None, 80)
    with pytest.raises(OSError, match="in use"):
        nets[0].listen(lambda _: None, 80)


def test_what_has_been_sent_has_arrived_at_the_barrier(world: World, nets) -> None:
    """`when_arrived` waits for what is under way, and no longer than a link takes."""
    net = nets[0]
    accepted: list[Connection] = []
    got: list[Connection | OSError] = []
    listener = net.listen(accepted.append)
    net.connect("127.0.0.1", listener.port, got.append)
    world.hand.run(1)
    heard: list[bytes] = []

    class Hears(_Silent):
        def received(self, data: bytes) -> None:
            heard.append(data)

    accepted[0].bind(Hears())
    assert not isinstance(got[0], OSError)
    got[0].write(b"ask")
    net.when_arrived(lambda: heard.append(b"barrier"))
    world.hand.run(2)
    assert heard == [b"ask", b"barrier"]


def test_a_closed_net_leaves_nothing_behind(world: World, nets) -> None:
    """Listeners, connections and connects under way."""
    here, there = nets
    ends: list[Connection | OSError] = []
    listener = there.listen(lambda connection: connection.bind(_Silent()), 80, ANY_LOOPBACK)
    here.connect("there", 80, ends.append)
    world.hand.run(1)
    here.connect("there", 80, ends.append)
    here.close()
    there.close()
    world.hand.run(world.hand.time + 100)
    assert len(ends) == 1
    there.listen(lambda _: None, listener.port, ANY_LOOPBACK)
