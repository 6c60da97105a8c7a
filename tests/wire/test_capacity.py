"""`capacity`: what naive clients see of a backend that is busy."""

import pytest

from faultlab.faults import Capacity
from faultlab.lab.history import FaultArmed, FaultFired, RequestStarted

pytestmark = [pytest.mark.wire, pytest.mark.nets]

SLOW = "POST /slow"


@pytest.fixture
def busy(stage):
    """A backend that answers `/slow` only when told."""
    stage.backend.busy.add("/slow")
    return stage


def works(stage, number: int) -> None:
    """Wait until the backend works on so many requests."""
    stage.until(lambda: len(stage.backend.working) == number)


def finish(stage) -> None:
    """The backend answers them."""
    stage.call(stage.backend.finish)


def warm(stage):
    """A live connection."""
    client = stage.connect()
    client.ask("GET /before")
    assert client.answer()[0] == 200
    return client


def test_new_connections_wait_their_turn_and_the_rest_is_refused(busy) -> None:
    """One works, one waits in silence, one gets a 503 at once; then the second's turn comes."""
    fault = busy.arm(Capacity(service="core", workers=1, queue=1))
    first, second, third = busy.connect(), busy.connect(), busy.connect()
    first.ask(SLOW, b"1")
    works(busy, 1)
    second.ask(SLOW, b"2")
    busy.see(RequestStarted, 2)
    third.ask(SLOW, b"3")
    status, headers, _ = third.answer()
    assert (status, "retry-after" in headers) == (503, False)
    assert second.silent(0.05)
    assert len(busy.backend.working) == 1
    finish(busy)
    assert first.answer()[0] == 200
    works(busy, 1)
    finish(busy)
    assert second.answer()[0] == 200
    assert [(e.conn, e.fault) for e in busy.of(FaultFired)] == [(2, fault), (3, fault)]
    assert busy.of(FaultArmed)[0].mechanism == "gate"


def test_live_connections_wait_as_well(busy) -> None:
    """And one that was refused serves on."""
    first, second = warm(busy), warm(busy)
    busy.arm(Capacity(service="core", workers=1))
    first.ask(SLOW, b"1")
    works(busy, 1)
    second.ask("GET /now")
    assert second.answer()[0] == 503
    finish(busy)
    assert first.answer()[0] == 200
    second.ask("GET /now")
    assert second.answer()[0] == 200


def test_who_leaves_the_queue_is_served_without_seeing_it(busy) -> None:
    """The work of a full backend does not get less when its clients give up."""
    first, second = warm(busy), warm(busy)
    busy.arm(Capacity(service="core", workers=1, queue=1))
    first.ask(SLOW, b"1")
    works(busy, 1)
    second.ask("POST /late", b"2")
    busy.see(RequestStarted, 4)
    second.close()
    finish(busy)
    assert first.answer()[0] == 200
    busy.until(lambda: "POST /late" in [one.line for one in busy.backend.requests])


def test_a_queue_goes_on_when_the_fault_ends(busy) -> None:
    """All that wait, at once."""
    fault = busy.arm(Capacity(service="core", workers=1, queue=5))
    clients = [busy.connect() for _ in range(4)]
    for number, client in enumerate(clients, 1):
        client.ask(SLOW, b"x")
        busy.see(RequestStarted, number)
    works(busy, 1)
    busy.clear(fault)
    works(busy, 4)
    finish(busy)
    assert [client.answer()[0] for client in clients] == [200] * 4
