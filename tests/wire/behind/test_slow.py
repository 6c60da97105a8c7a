"""Toxics that the lab has Toxiproxy do: the client waits as it should, and the history knows."""

from __future__ import annotations

import time

import pytest

from faultlab.faults import Drip, Latency, Stall, Throttle
from faultlab.lab.history import ConnClosed, FaultArmed, FaultFired, ResponseComplete

pytestmark = pytest.mark.wire

BODY = b"x" * 3800


@pytest.mark.parametrize(
    ("fault", "said", "seconds"),
    [
        (Latency(service="core", delay=0.1), "toxic latency of Toxiproxy", 0.1),
        (Throttle(service="core", rate=40_000), "toxic bandwidth of Toxiproxy", 0.095),
        (Latency(service="core", delay=0.1, jitter=0.01), "link", 0.09),
        (Latency(service="core", delay=0.1, direction="to_backend"), "link", 0.1),
        (Latency(service="core", delay=0.1, endpoint="GET /big"), "gate", 0.1),
        (Drip(service="core", size=1000, interval=0.02), "link", 0.07),
    ],
)
def test_an_answer_is_late(stage, fault, said: str, seconds: float) -> None:
    """On a live connection; the history says so, too."""
    stage.backend.answers["/big"] = (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
    )
    client = stage.connect()
    client.ask("GET /big")
    client.answer()
    number = stage.arm(fault)
    assert stage.of(FaultArmed)[0].mechanism == said
    began = time.monotonic()
    client.ask("GET /big")
    client.answer()
    assert time.monotonic() - began >= seconds
    complete = stage.see(ResponseComplete, 2)
    assert complete[1].t - complete[0].t >= seconds
    assert [event.on for event in stage.of(FaultFired)] == [
        "request" if said == "gate" else "bytes"
    ]
    stage.clear(number)
    client.ask("GET /big")
    assert client.answer()[2] == BODY


def test_a_client_that_gives_up_was_not_answered(stage) -> None:
    """The answer had left the gate long before."""
    client = stage.connect()
    fault = stage.arm(Latency(service="core", delay=1.0))
    client.ask()
    assert stage.served(1)
    assert client.silent(0.05)
    client.close()
    assert [(event.by, event.sent) for event in stage.see(ConnClosed)] == [("client", 0)]
    stage.clear(fault)
    assert stage.of(ResponseComplete) == []


def test_a_stall_is_the_gates_own(stage) -> None:
    """Toxiproxy would drop what is delivered when it ends."""
    client = stage.connect()
    fault = stage.arm(Stall(service="core"))
    client.ask()
    assert client.silent(0.05)
    stage.clear(fault)
    assert client.answer()[0] == 200
