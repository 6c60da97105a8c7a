"""Who reaches whom, and when."""

from __future__ import annotations

import random

import pytest

from faultlab.lab.environments.simulated.network import SYNS, Link, Network

from .conftest import Hand, World


def nobody(_: object) -> None:
    """Accepts, and does no more."""


def test_a_connect_takes_a_round_trip(world: World) -> None:
    """SYN and SYN-ACK."""
    port = world.there.listen("", accepted=nobody).port
    ends = world.tries(port)
    world.hand.run()
    assert ends == [(0.002, "Endpoint")]


def test_where_nobody_listens_it_is_refused_and_where_nobody_is_it_waits(world: World) -> None:
    """RST, or nothing for the kernel's time."""
    refused, lost = world.tries(9), world.tries(9, "10.9.9.9")
    world.hand.run()
    assert refused == [(0.002, "ConnectionRefusedError")]
    assert lost == [(133.0, "TimeoutError")]


@pytest.mark.parametrize("healed", [0.5, 1.5, 4.0, 8.0, 20.0])
def test_a_dark_listener_is_heard_with_the_next_syn_after_it_is_open(
    world: World, healed: float
) -> None:
    """A recovery takes up to one interval."""
    listening = world.there.listen("", accepted=nobody)
    listening.switch("dark")
    ends = world.tries(listening.port)
    world.hand.run(healed)
    listening.switch("open")
    world.hand.run()
    [(when, what)] = ends
    assert what == "Endpoint"
    assert when == round(next(syn for syn in SYNS if syn >= healed) + 0.002, 6)


def test_from_dark_to_refusing_is_learnt_with_the_next_syn(world: World) -> None:
    """About a second."""
    listening = world.there.listen("", accepted=nobody)
    listening.switch("dark")
    ends = world.tries(listening.port)
    world.hand.run(0.3)
    listening.switch("refusing")
    world.hand.run()
    assert ends == [(1.002, "ConnectionRefusedError")]


def test_the_port_stays_taken_in_every_mode_until_it_is_closed(world: World) -> None:
    """Refusing is not gone."""
    listening = world.there.listen("", accepted=nobody)
    listening.switch("refusing")
    with pytest.raises(OSError, match="Address already in use"):
        world.there.listen("127.0.0.1", listening.port, accepted=nobody)
    listening.close()
    world.there.listen("127.0.0.1", listening.port, accepted=nobody)
    with pytest.raises(OSError, match="Cannot assign"):
        world.there.listen("10.9.9.9", accepted=nobody)


def test_each_host_has_a_loopback_of_its_own(world: World) -> None:
    """127.0.0.1 is never another machine."""
    here = world.here.listen("127.0.0.1", accepted=nobody)
    assert (ends := world.tries(here.port, "127.0.0.1")) == []
    world.there.listen("127.0.0.1", here.port + 1000, accepted=nobody)
    other = world.tries(here.port + 1000, "127.0.0.1")
    outside = world.tries(here.port + 1000)
    world.hand.run()
    assert [ends[0][1], other[0][1], outside[0][1]] == [
        "Endpoint",
        "ConnectionRefusedError",
        "ConnectionRefusedError",
    ]


def test_a_connect_that_was_let_go_is_never_told_nor_accepted(world: World) -> None:
    """A client's own time-out."""
    came: list[object] = []
    listening = world.there.listen("", accepted=came.append)
    connecting = world.here.connect(world.there.addresses[0], listening.port, came.append)
    world.hand.run(0.0015)
    connecting.cancel()
    world.hand.run()
    assert came == []


def test_a_partition_one_way_loses_the_answers(world: World) -> None:
    """The request is carried out, and nobody learns it."""
    client, server = world.pair()
    world.network.partition("there", "here", one_way=True)
    client.endpoint.write(b"ask")
    world.hand.run(world.hand.time + 1)
    server.endpoint.write(b"answer")
    world.hand.run(world.hand.time + 5)
    assert (server.data, client.data) == (b"ask", b"")
    world.network.heal("there", "here", one_way=True)
    world.hand.run()
    assert client.data == b"answer"


def test_partitions_lie_on_one_another(world: World) -> None:
    """The end of one is not the end of the other."""
    world.network.partition("here", {"there", "other"})
    world.network.partition({"here"}, "there")
    world.network.heal("here", {"there", "other"})
    assert not world.network.passes("here", "there")
    assert world.network.passes("here", "other")
    world.network.heal("here", "there")
    assert world.network.passes("here", "there")
    assert world.network.passes("there", "here")


def test_a_slow_link_takes_its_time_for_each_byte(world: World) -> None:
    """And what comes later waits for it."""
    client, server = world.pair()
    world.network.link("here", "there", Link(latency=0.1, bandwidth=1000))
    begun = world.hand.time
    client.endpoint.write(bytes(500))
    client.endpoint.write(bytes(100))
    world.hand.run()
    assert [round(when - begun, 6) for when, _ in server.told] == [0.6, 0.7]


def test_jitter_is_drawn_from_the_seed_and_keeps_the_order() -> None:
    """Both halves: same seed, same times; another, others."""

    def times(seed: int) -> list[float]:
        hand = Hand()
        network = Network(hand, random.Random(seed), link=Link(latency=0.1, jitter=0.5))
        world = World(hand, network, network.host("here"), network.host("there"), patience=5.0)
        client, server = world.pair()
        for byte in range(10):
            client.endpoint.write(bytes([byte]))
        hand.run()
        assert server.data == bytes(range(10))
        return [when for when, _ in server.told]

    assert times(1) == times(1) != times(2)
    assert times(1) == sorted(times(1))


def test_names_and_addresses_are_of_one_host_each(world: World) -> None:
    """Else nobody would know who is meant."""
    with pytest.raises(ValueError, match="a host 'here' already"):
        world.network.host("here")
    with pytest.raises(ValueError, match="is the address of 'there'"):
        world.network.host("third", world.there.addresses[0])
    assert world.network.at(world.there.addresses[0]) is world.there
    assert world.network.named("there") is world.there
    assert world.network.named("nobody") is None
