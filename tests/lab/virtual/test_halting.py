"""A program that is halted where it stands: what waits, and what its kernel does meanwhile."""

from __future__ import annotations

import pytest

from faultlab.lab.net import Connection
from faultlab.lab.virtual.halting import HaltingNet

from ..environments.simulated.conftest import World


class Told:
    """An owner that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def received(self, data: bytes) -> None:
        """Bytes."""
        self.told.append(data)

    def ended(self) -> None:
        """FIN."""
        self.told.append("ended")

    def lost(self, reset: bool) -> None:
        """Over."""
        self.told.append("reset" if reset else "over")

    def drained(self) -> None:
        """Room."""
        self.told.append("drained")


@pytest.fixture
def net(world: World) -> HaltingNet:
    """The net of the host there."""
    return HaltingNet(world.network, world.there)


def test_what_falls_due_waits_in_its_order(world: World, net: HaltingNet) -> None:
    """And what is let go meanwhile is never called."""
    called: list[int] = []
    timers = [net.later(delay, lambda n=n: called.append(n)) for n, delay in enumerate((2, 1, 3))]
    net.halt()
    world.hand.run(10)
    timers[2].cancel()
    assert called == []
    net.go_on()
    assert called == [1, 0]
    net.later(1, lambda: called.append(9))
    world.hand.run(20)
    assert called == [1, 0, 9]


def test_its_kernel_completes_connects_and_keeps_bytes(world: World, net: HaltingNet) -> None:
    """The program finds both when it goes on."""
    accepted: list[Connection] = []
    listener = net.listen(accepted.append, host="10.0.0.2")
    net.halt()
    ends = world.tries(listener.port)
    world.hand.run(1)
    assert [what for _, what in ends] == ["Endpoint"]
    assert accepted == []
    net.go_on()
    assert len(accepted) == 1


def test_a_live_connection_falls_silent_and_goes_on(world: World, net: HaltingNet) -> None:
    """Unless its program had stopped reading by itself."""
    owner = Told()
    accepted: list[Connection] = []
    listener = net.listen(accepted.append, host="10.0.0.2")
    client = HaltingNet(world.network, world.here)
    got: list[Connection | OSError] = []
    client.connect("there", listener.port, got.append)
    world.hand.run(1)
    assert not isinstance(got[0], OSError)
    accepted[0].bind(owner)
    net.halt()
    got[0].write(b"ask")
    world.hand.run(2)
    assert owner.told == []
    net.go_on()
    world.hand.run(3)
    assert owner.told == [b"ask"]
    accepted[0].pause()
    net.halt()
    net.go_on()
    got[0].write(b"more")
    world.hand.run(4)
    assert owner.told == [b"ask"]


def test_whom_no_queue_has_room_for_is_not_answered(world: World, net: HaltingNet) -> None:
    """One more than the backlog, as on Linux; a later SYN gets in when the program goes on."""
    accepted: list[Connection] = []
    listener = net.listen(accepted.append, host="10.0.0.2")
    net.halt()
    ends = [world.tries(listener.port) for _ in range(1025)]
    world.hand.run(0.5)
    late = world.tries(listener.port)
    world.hand.run(1.2)
    assert all(ends)
    assert late == []
    net.go_on()
    world.hand.run(3)
    assert [round(when, 1) for when, _ in late] == [1.5]
    assert len(accepted) == 1026


def test_a_halted_program_that_dies_resets_who_waited(world: World, net: HaltingNet) -> None:
    """Its listener closes, and with it what nobody had accepted."""
    owner = Told()
    listener = net.listen(lambda _: None, host="10.0.0.2")
    client = HaltingNet(world.network, world.here)
    got: list[Connection | OSError] = []
    net.halt()
    client.connect("there", listener.port, got.append)
    world.hand.run(1)
    assert not isinstance(got[0], OSError)
    got[0].bind(owner)
    net.close()
    world.hand.run(2)
    assert owner.told == ["reset"]
