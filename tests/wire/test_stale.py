"""`stale`: what a naive client sees of a connection whose keep-alive is over."""

import pytest

from faultlab.faults import Latency, Stale
from faultlab.lab.history import ConnClosed, FaultArmed, FaultFired, RequestStarted

pytestmark = [pytest.mark.wire, pytest.mark.nets]


def warm(stage):
    """A connection that has carried a request."""
    client = stage.connect()
    client.ask("GET /before")
    assert client.answer()[0] == 200
    return client


@pytest.mark.parametrize("by", ["fin", "rst"])
def test_a_live_connection_ends_as_it_is_used_again(stage, by: str) -> None:
    """Request and end have crossed: it is on the wire, and nothing of it is carried out."""
    client = warm(stage)
    fault = stage.arm(Stale(service="core", by=by))
    client.ask("POST /query", b"crossed")
    assert client.rest() == (b"", by)
    late = stage.see(RequestStarted, 2)[1]
    assert (late.target, late.reused) == ("/query", True)
    (closed,) = stage.of(ConnClosed, by="lab")
    assert (closed.how, closed.t <= late.t) == (by, True)
    assert [request.line for request in stage.backend.requests] == ["GET /before"]
    assert [(e.on, e.request, e.fault) for e in stage.see(FaultFired, 2)] == [
        ("connection", None, fault),
        ("request", 2, fault),
    ]
    assert stage.of(FaultArmed)[0].mechanism == "link"


def test_a_new_connection_works_once(stage) -> None:
    """It has carried no request yet, however long it stood; the second request finds it stale."""
    stage.arm(Stale(service="core"))
    client = stage.connect()
    client.ask()
    assert client.answer()[0] == 200
    client.ask()
    assert client.rest() == (b"", "fin")


def test_what_was_idle_for_less_lives_on(stage) -> None:
    """A busy client never meets the server's keep-alive time."""
    client = warm(stage)
    stage.arm(Stale(service="core", idle=60.0))
    client.ask()
    assert client.answer()[0] == 200
    assert stage.of(FaultFired) == []


def test_an_idle_connection_ends_when_its_time_is_over(stage) -> None:
    """By itself, so that a client that looks before it uses it again can see it."""
    stage.arm(Stale(service="core", idle=0.05, at="idle"))
    client = warm(stage)
    answered = stage.now()
    assert client.rest() == (b"", "fin")
    assert stage.now() - answered >= 0.045
    client.ask("GET /late")  # read on: a request that crosses the FIN is seen
    late = stage.see(RequestStarted, 2)[1]
    assert (late.target, late.reused) == ("/late", True)
    assert len(stage.backend.requests) == 1


def test_the_time_before_the_fault_counts(stage) -> None:
    """What is idle already for so long ends as the fault is armed."""
    client = warm(stage)
    stage.rest(0.03)
    stage.arm(Stale(service="core", idle=0.02, at="idle", by="rst"))
    assert [event.how for event in stage.of(ConnClosed, by="lab")] == ["rst"]
    assert client.rest() == (b"", "rst")


def test_an_exchange_under_way_is_no_idle_connection(stage) -> None:
    """The answer is late, and arrives; the time begins with its last byte."""
    stage.arm(Latency(service="core", delay=0.1))
    stage.arm(Stale(service="core", idle=0.02, at="idle"))
    client = warm(stage)
    assert client.rest() == (b"", "fin")


def test_a_connection_is_left_alone_after_the_fault(stage) -> None:
    """Its clock stops with it."""
    client = warm(stage)
    fault = stage.arm(Stale(service="core", idle=0.05, at="idle"))
    stage.clear(fault)
    assert client.silent(0.1)
    client.ask()
    assert client.answer()[0] == 200
