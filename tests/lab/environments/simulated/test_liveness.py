"""When the other side is asked, and when it is taken for gone."""

from __future__ import annotations

import pytest

from faultlab.lab.environments.simulated.liveness import KeepAlive

from .conftest import World

SHORT = KeepAlive(idle=1.0, interval=1.0, count=2)


@pytest.mark.parametrize(
    ("silence", "probes", "patience", "decided"),
    [
        (0.9, 0, None, "wait"),
        (1.0, 0, None, "probe"),
        (1.9, 1, None, "wait"),
        (2.0, 1, None, "probe"),
        (3.0, 2, None, "gone"),
        (1.0, 0, 0.5, "probe"),  # it has not been asked yet
        (2.0, 1, 1.5, "gone"),
        (9.0, 8, 9.5, "probe"),  # the count does not matter then
    ],
)
def test_what_is_done(silence: float, probes: int, patience: float | None, decided: str) -> None:
    """A table of both sides of each bound."""
    assert SHORT.decide(silence, probes, patience) == decided


def test_a_pulled_cable_ends_an_idle_connection(world: World) -> None:
    """At 3.0 s, as was measured for 1 s, 1 s, twice."""
    client, server = world.pair()
    client.endpoint.keep_alive(SHORT)
    server.endpoint.unplug()
    world.hand.run(60)
    [(when, what)] = client.told
    assert what == "TimeoutError"
    assert when == pytest.approx(3.0, abs=0.01)  # it was heard last when it was made


def test_an_idle_side_that_is_there_answers(world: World) -> None:
    """For as long as it is; then it is forgotten, and answers with RST."""
    client, server = world.pair()
    client.endpoint.keep_alive(SHORT)
    world.hand.run(world.hand.time + 600)
    assert client.told == []
    world.network.partition("here", "there")
    server.endpoint.reset()
    world.hand.run(world.hand.time + 0.5)
    world.network.heal("here", "there")
    world.hand.run(world.hand.time + 5)
    assert [what for _, what in client.told] == ["ConnectionResetError"]


def test_a_probe_is_answered_whoever_reads(world: World) -> None:
    """By the kernel: a program that hangs keeps its connections."""
    client, server = world.pair()
    server.endpoint.pause()
    client.endpoint.keep_alive(SHORT)
    world.hand.run(world.hand.time + 60)
    assert client.told == []
    client.endpoint.keep_alive(None)
    world.hand.run()  # nothing is left to do


def test_unacknowledged_bytes_are_given_up_when_patience_ends(world: World) -> None:
    """TCP_USER_TIMEOUT, instead of a quarter of an hour."""
    client, _ = world.pair()
    begun = world.hand.time
    client.endpoint.patience = 5.0
    world.network.partition("here", "there")
    client.endpoint.write(b"x")
    world.hand.run()
    [(when, what)] = client.told
    assert (what, round(when - begun, 6)) == ("TimeoutError", 5.0)
