"""Which ways between which hosts are cut, and what was lost on them."""

from __future__ import annotations

import pytest

from faultlab.lab.backends.container import Contained, Way
from faultlab.lab.virtual.cuts import VirtualCuts, host_of
from faultlab.lab.virtual.soon import Soon

from ..environments.simulated.conftest import World


@pytest.fixture
def cuts(world: World) -> VirtualCuts:
    """Those of a network with a proxy's host and two stubs'."""
    for service in ("orders", "core"):
        world.network.host(host_of(service))
    return VirtualCuts(world.network, "here", Soon(world.hand))


@pytest.mark.parametrize(
    ("peer", "ways", "lost"),
    [
        ("proxy", ("to_backend", "to_client"), {("here", "orders"), ("orders", "here")}),
        ("proxy", ("to_backend",), {("here", "orders")}),
        ("proxy", ("to_client",), {("orders", "here")}),
        ("core", ("to_backend", "to_client"), {("core", "orders"), ("orders", "core")}),
        (
            "network",
            ("to_backend", "to_client"),
            {(a, b) for a in ("here", "there", "core") for a, b in ((a, "orders"), ("orders", a))},
        ),
    ],
)
def test_these_ways_are_cut_until_they_are_joined(
    world: World, cuts: VirtualCuts, peer: str, ways: tuple[Way, ...], lost: set[tuple[str, str]]
) -> None:
    """And no others."""
    names = {"here": "here", "there": "there", "orders": "stub orders", "core": "stub core"}

    def closed() -> set[tuple[str, str]]:
        pairs = [(a, b) for a in names for b in names if a != b]
        return {(a, b) for a, b in pairs if not world.network.passes(names[a], names[b])}

    told: list[Contained] = []
    cuts.cut("orders", peer, ways, told.append)
    assert closed() == lost
    assert told == []
    cuts.join("orders", peer, told.append)
    assert closed() == set()
    world.hand.run(1)
    assert told == [Contained(), Contained()]


def test_what_is_lost_is_counted_from_the_cut_on(world: World, cuts: VirtualCuts) -> None:
    """Each time that it is sent."""
    told: list[Contained] = []
    cuts.cut("orders", "proxy", ("to_backend",), told.append)
    world.here.connect(*(world.network.names.ask(host_of("orders")).addresses[0], 80), print)
    world.hand.run(2.5)
    cuts.join("orders", "proxy", told.append)
    world.hand.run(2.6)
    assert [one.lost for one in told] == [0, 3]
