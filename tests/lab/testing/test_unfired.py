"""What is said of a fault that never acted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faultlab.faults import Fault, Latency, Refused, Status
from faultlab.lab.attempts import read
from faultlab.lab.history import FaultAwaited
from faultlab.lab.testing.unfired import unfired

if TYPE_CHECKING:
    from .conftest import Paper


def said(
    paper: Paper, fault: Fault, call: str = "CALL", elsewhere: tuple[str, ...] = ()
) -> list[str]:
    """The lines for the only fault of the paper's history."""
    reading = read(paper.events())
    (record,) = reading.faults
    return unfired(reading, record, fault, "test_orders.py:19", call, elsewhere).split("\n")


def test_an_unfired_fault_says_where_how_long_and_what_was_called(paper: Paper) -> None:
    """The usual mistake is another service or another moment; the numbers show which."""
    paper.request("orders")
    fault = Refused(service="orders")
    paper.inject(1, fault)
    for _ in range(3):
        paper.request("payments")
    paper.clear()
    paper.request("orders")
    assert said(paper, fault, 'lab.down("orders", unfired="ok")') == [
        "`refused` on orders (test_orders.py:19) was in force 0.007 s and never fired",
        "  meanwhile  0 connects to orders, 3 requests to payments",
        "  mend       arm it where the client calls; if no call is meant, say so:",
        '             lab.down("orders", unfired="ok")',
    ]


def test_an_unfired_scope_shows_the_requests_that_it_missed(paper: Paper) -> None:
    """A pattern that covers nothing is seen beside what was asked for."""
    fault = Status(service="orders", code=503, endpoint="GET /order/*")
    paper.inject(1, fault)
    paper.request("orders", "/orders/7?full=1")
    assert said(paper, fault)[1:3] == [
        '  armed as   code: 503, endpoint: "GET /order/*"',
        "  meanwhile  1 request to orders (GET /orders/7)",
    ]


def test_an_empty_block_is_told_as_one(paper: Paper) -> None:
    """`0 connects to orders` would have its reader look for calls that there are not."""
    paper.request("orders")
    fault = Refused(service="orders")
    paper.inject(1, fault)
    paper.clear()
    assert said(paper, fault)[1] == "  meanwhile  nothing was called, here or on another service"


def test_an_unfired_fault_tells_where_the_client_went_instead(paper: Paper) -> None:
    """A client that ignores the URL it was given calls somewhere else."""
    fault = Latency(service="orders", delay=0.5)
    paper.inject(1, fault)
    assert "  elsewhere  connects since the test began: 127.0.0.1:8080" in said(
        paper, fault, elsewhere=("127.0.0.1:8080",)
    )


def test_a_fault_whose_time_never_came_says_what_it_waited_for(paper: Paper) -> None:
    """Not that nobody met it: it was not there."""
    paper.add(
        FaultAwaited,
        service="orders",
        fault=1,
        name="refused",
        text="after: 5s",
        awaits="5s are over",
    )
    paper.request("orders")
    assert said(paper, Refused(service="orders", after=5.0))[:2] == [
        (
            "`refused` on orders (test_orders.py:19) waited 0.002 s until 5s are over, and never came"
            " into force"
        ),
        "  armed as   after: 5s",
    ]


def test_a_scope_by_tags_that_met_untagged_requests_says_how_to_tag_them(paper: Paper) -> None:
    """They would be met once they are marked."""
    fault = Status(service="orders", code=503, attempt=2)
    paper.inject(1, fault)
    paper.request("payments")
    assert said(paper, fault)[-1] == "             CALL"
    paper.request("orders")
    assert said(paper, fault)[-2:] == [
        "  mend       `attempt` picks among what an operation sends; mark yours:",
        '             with lab.operation("name"): ...',
    ]
