"""Bytes that something beyond the link slows: they leave at once, and count when they arrive."""

from __future__ import annotations

import pytest

from faultlab.faults import Latency, Throttle
from faultlab.lab.history import ConnClosed, FaultFired, ResponseComplete, ResponseHead
from faultlab.lab.net import Slowing
from faultlab.lab.proxy.sent import due

GET = b"GET /x HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def slow(house):
    """A proxy on a network that slows."""
    house.net.slowing = "toxic"
    return house


def asked(house):
    """A client, whose request has just been answered by the backend."""
    client, backend = house.connect()
    client.says(GET)
    backend.says(OK)
    return client


def times(house, kind) -> list[float]:
    """When such events were."""
    return [event.t for event in house.events if isinstance(event, kind)]


def test_bytes_leave_at_once_and_are_told_when_they_arrive(slow) -> None:
    """A client that times out in between must not have been answered."""
    assert slow.arm(Latency(service="core", delay=0.5)) == "toxic"
    assert slow.net.listener.slowed == {1: Slowing(0.5, 0)}
    client = asked(slow)
    assert client.took() == OK
    slow.net.move(0.4)
    assert times(slow, ResponseHead) == []
    slow.net.move(0.2)
    assert times(slow, ResponseHead) == times(slow, ResponseComplete) == [0.5]
    assert [event.on for event in slow.events if isinstance(event, FaultFired)] == ["bytes"]


def test_a_client_that_leaves_before_has_had_nothing(slow) -> None:
    """What is on the way to it is nobody's any more."""
    slow.arm(Latency(service="core", delay=0.5))
    client = asked(slow)
    slow.net.move(0.3)
    client.ends()
    slow.net.move(1.0)
    assert times(slow, ResponseHead) == []
    closed = next(event for event in slow.events if isinstance(event, ConnClosed))
    assert (closed.by, closed.sent, closed.sent_at) == ("client", 0, None)


def test_a_rate_is_told_as_it_passes(slow) -> None:
    """Piece by piece; the end comes behind the last."""
    slow.arm(Throttle(service="core", rate=1000))
    client, backend = slow.connect()
    client.says(GET)
    backend.says(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 81)
    backend.ends()
    assert client.end == ""
    slow.net.move(0.2)
    assert client.end == "fin"
    (complete,) = times(slow, ResponseComplete)
    assert complete == pytest.approx(0.1)
    assert next(e for e in slow.events if isinstance(e, ConnClosed)).sent == 100


def test_what_is_over_keeps_nothing_back(slow) -> None:
    """The toxic lets go of what it had."""
    slow.arm(Latency(service="core", delay=5.0))
    client = asked(slow)
    slow.proxy.clear(1)
    assert times(slow, ResponseComplete) == [0.0]
    assert slow.net.listener.slowed == {}
    client.says(GET)
    slow.net.backends[-1].says(OK)
    assert times(slow, ResponseComplete) == [0.0, 0.0]


def test_delays_of_the_link_come_before_those_beyond_it(slow) -> None:
    """They add up."""
    slow.arm(Latency(service="core", delay=0.5), 1)
    slow.arm(Latency(service="core", delay=0.2, endpoint="GET /x"), 2)
    client = asked(slow)
    slow.net.move(0.1)
    assert client.took() == b""
    slow.net.move(0.2)
    assert client.took() == OK
    slow.net.move(1.0)
    assert times(slow, ResponseComplete) == [pytest.approx(0.7)]


def test_one_takes_the_place_of_the_other(slow) -> None:
    """The network has the one that is in force."""
    slow.arm(Latency(service="core", delay=0.5), 1)
    slow.arm(Latency(service="core", delay=0.7), 2)
    assert slow.net.listener.slowed == {2: Slowing(0.7, 0)}


def test_a_note_belongs_to_the_bytes_that_it_is_about() -> None:
    """Of a part, those that end in it; what is about none, with the first."""
    notes = tuple((at, lambda: None) for at in (0, 3, 5))
    assert [[at for at, _ in due(notes, *part)] for part in ((0, 3), (3, 5), (0, 0))] == [
        [0, 3],
        [5],
        [0],
    ]
