"""The connection to the backend of one link."""

from __future__ import annotations

import pytest

from faultlab.lab.proxy.upstream import Upstream


class Owner:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def backend_sent(self, data: bytes) -> None:
        """Note it."""
        self.told.append(data)

    def backend_ended(self, how: str, why: str = "") -> None:
        """Note it."""
        self.told.append((how, why))

    def backend_ready(self) -> None:
        """Note it."""
        self.told.append("ready")


@pytest.fixture
def owner() -> Owner:
    """Nobody yet."""
    return Owner()


def test_what_is_written_before_it_is_connected_waits(net, owner: Owner) -> None:
    """And goes in order, with the FIN behind it."""
    upstream = Upstream(net, ("backend", 1), owner)
    upstream.dial()
    upstream.write(b"a")
    upstream.write(b"bc")
    upstream.fin()
    assert (upstream.waiting, upstream.dialling) == (3, True)
    net.move()
    assert (net.backends[0].took(), net.backends[0].end) == (b"abc", "fin")
    assert (upstream.waiting, upstream.dialling, owner.told) == (0, False, ["ready"])


def test_a_backend_that_is_not_there_is_told_with_its_reason(net, owner: Owner) -> None:
    """The history says why a client's connection ended."""
    net.dead = True
    Upstream(net, ("backend", 1), owner).dial()
    net.move()
    assert owner.told == [("fin", "no connection to the backend: dead")]


def test_once_it_is_over_nothing_is_dialled_written_or_told(net, owner: Owner) -> None:
    """A connection that comes too late is closed."""
    upstream = Upstream(net, ("backend", 1), owner)
    upstream.dial()
    upstream.write(b"a")
    upstream.end()
    upstream.write(b"b")
    net.move()
    assert (net.backends[0].took(), net.backends[0].closed) == (b"", True)
    assert (upstream.waiting, owner.told) == (0, [])


def test_a_move_ends_one_connection_and_begins_another(net, owner: Owner) -> None:
    """Reading stays paused, if it was."""
    upstream = Upstream(net, ("backend", 1), owner)
    upstream.dial()
    net.move()
    upstream.pause(paused=True)
    upstream.move(("backend", 2))
    net.move()
    first, second = net.backends
    upstream.write(b"a")
    assert (first.closed, first.took(), second.took(), second.paused) == (True, b"", b"a", True)


def test_a_backend_that_takes_no_more_makes_it_full(net, owner: Owner) -> None:
    """Until it has taken what was written."""
    upstream = Upstream(net, ("backend", 1), owner)
    upstream.dial()
    net.move()
    net.backends[0].room = 1
    upstream.write(b"abc")
    assert upstream.full
    upstream.drained()
    assert not upstream.full
    assert owner.told == ["ready", "ready"]


def test_a_halted_one_neither_reads_nor_sends(net, owner: Owner) -> None:
    """What came meanwhile goes in order when it goes on, and the FIN behind it."""
    upstream = Upstream(net, ("backend", 1), owner)
    upstream.dial()
    net.move()
    upstream.halt(halted=True)
    upstream.write(b"a")
    upstream.write(b"b")
    upstream.fin()
    (backend,) = net.backends
    assert (backend.took(), backend.end, backend.paused, upstream.waiting) == (b"", "", True, 2)
    upstream.halt(halted=False)
    assert (backend.took(), backend.end, backend.paused, upstream.waiting) == (
        b"ab",
        "fin",
        False,
        0,
    )


def test_one_that_is_connected_while_it_is_halted_waits(net, owner: Owner) -> None:
    """And its reading stays paused behind that, if it was."""
    upstream = Upstream(net, ("backend", 1), owner)
    upstream.halt(halted=True)
    upstream.dial()
    upstream.write(b"a")
    net.move()
    (backend,) = net.backends
    upstream.pause(paused=True)
    assert (backend.took(), backend.paused, owner.told) == (b"", True, [])
    upstream.halt(halted=False)
    assert (backend.took(), backend.paused, owner.told) == (b"a", True, ["ready"])
