"""Idle time on a clock that the test moves."""

import pytest

from faultlab.faults import Latency, Partition, Stale
from faultlab.lab.history import ConnClosed

GET = b"GET /x HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def used(house):
    """A house with one connection that has carried an exchange, at time 0."""
    house.client, house.backend = house.connect()
    answer(house)
    return house


def answer(house) -> None:
    """One exchange."""
    house.client.says(GET)
    house.backend.says(OK)


def ends(house) -> list[tuple[str, float]]:
    """How the lab ended connections, and when."""
    return [(e.how, e.t) for e in house.events if isinstance(e, ConnClosed) and e.by == "lab"]


def test_the_time_of_each_idle_span_is_counted_anew(used) -> None:
    """A client that comes in time keeps its connection."""
    used.arm(Stale(service="core", idle=1.0, at="idle"))
    used.net.move(0.9)
    answer(used)
    used.net.move(0.9)
    assert ends(used) == []
    used.net.move(0.1)
    assert ends(used) == [("fin", 1.9)]


def test_at_reuse_only_a_request_ends_it(used) -> None:
    """And only one that comes too late."""
    used.arm(Stale(service="core", idle=1.0, by="rst"))
    used.net.move(0.5)
    answer(used)
    used.net.move(5.0)
    assert ends(used) == []
    used.client.says(GET)
    assert ends(used) == [("rst", 5.5)]


def test_a_delayed_answer_is_awaited(house) -> None:
    """The connection is idle from when the answer left, not from when it came."""
    house.client, house.backend = house.connect()
    house.arm(Latency(service="core", delay=2.0), 1)
    house.arm(Stale(service="core", idle=1.0, at="idle"), 2)
    answer(house)
    house.net.move(2.5)
    assert ends(house) == []
    house.net.move(0.5)
    assert ends(house) == [("fin", 3.0)]


def test_a_held_connection_is_not_idle(used) -> None:
    """Silence is asked of it; an end would be a sign of life."""
    used.arm(Stale(service="core", idle=1.0, at="idle"), 1)
    used.arm(Partition(service="core"), 2)
    used.net.move(3.0)
    assert ends(used) == []
    used.proxy.clear(2)
    used.net.move(1.0)
    assert ends(used) == [("fin", 4.0)]


def test_first_counts_connections(house) -> None:
    """The next one lives on."""
    house.arm(Stale(service="core", first=1))
    for _ in range(2):
        house.client, house.backend = house.connect()
        answer(house)
        house.client.says(GET)
    assert ends(house) == [("fin", 0.0)]


def test_nothing_waits_for_a_connection_that_is_over(used) -> None:
    """A timer that outlives its connection would act on nobody."""
    used.arm(Stale(service="core", idle=1.0, at="idle"))
    used.client.ends()
    used.net.move(2.0)
    assert ends(used) == []
    assert all(timer.call is None for _, _, timer in used.net.timers)
