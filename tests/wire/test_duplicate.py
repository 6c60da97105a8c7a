"""`duplicate`: the backend gets a request twice, and a naive client sees one answer."""

import pytest

from faultlab.faults import Duplicate
from faultlab.lab.history import FaultArmed, FaultFired, RequestStarted, ResponseComplete

pytestmark = [pytest.mark.wire, pytest.mark.nets]


def test_a_request_on_a_new_connection_is_carried_out_again(stage) -> None:
    """One request on the client's side of the wire, one answer; two at the backend by then."""
    fault = stage.arm(Duplicate(service="core"))
    client = stage.connect()
    client.ask("POST /query", b"once")
    assert client.answer()[0] == 200
    assert [(one.line, one.body) for one in stage.backend.requests] == [
        ("POST /query", b"once"),
        ("POST /query", b"once"),
    ]
    assert client.silent(0.02)
    assert (len(stage.of(RequestStarted)), len(stage.of(ResponseComplete))) == (1, 1)
    assert [(e.on, e.request, e.fault) for e in stage.of(FaultFired)] == [("request", 1, fault)]
    assert stage.of(FaultArmed)[0].mechanism == "gate"


def test_a_request_on_a_live_connection_too(stage) -> None:
    """As often as said, and the connection serves on."""
    client = stage.connect()
    client.ask("GET /before")
    client.answer()
    stage.arm(Duplicate(service="core", copies=3, endpoint="POST /query"))
    client.ask("GET /other")
    client.answer()
    client.ask("POST /query", b"again")
    assert client.answer()[0] == 200
    client.ask("GET /after")
    assert client.answer()[0] == 200
    lines = [one.line for one in stage.backend.requests]
    assert lines == ["GET /before", "GET /other", *["POST /query"] * 4, "GET /after"]


def test_nothing_is_left_of_the_copies(stage) -> None:
    """Each has a connection of its own, which ends with its answer."""
    stage.arm(Duplicate(service="core", copies=5))
    client = stage.connect()
    client.ask("POST /query", b"x")
    client.answer()
    stage.until(lambda: len(stage.proxy._copies) == 0)
    assert len(stage.served(6)) == 6
