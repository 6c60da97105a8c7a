"""What an exchange ended with, and what its client saw of it."""

from __future__ import annotations

from typing import Any

import pytest

from faultlab.lab.history import (
    AnyEvent,
    ConnClosed,
    OpCancelled,
    OpCancelRequested,
    OpOk,
    ResponseComplete,
    ResponseCut,
    ResponseHead,
)

Tell = Any  # the writer of events in conftest.py

HEAD = ResponseHead(t=0.2, conn=1, request=1, service="core", status=200)
UNAVAILABLE = ResponseHead(t=0.2, conn=1, request=1, service="core", status=503)
COMPLETE = ResponseComplete(t=0.3, conn=1, request=1, service="core")
DAMAGED = ResponseComplete(t=0.3, conn=1, request=1, service="core", damaged="bad_json")


@pytest.mark.parametrize(
    ("rest", "observable", "seen"),
    [
        ([HEAD, COMPLETE], "ok", 0.3),
        ([UNAVAILABLE, COMPLETE], "status:503", 0.3),
        ([HEAD, DAMAGED], "bad_json", 0.3),
        (
            [HEAD, ResponseCut(t=0.3, conn=1, request=1, at=9, how="fin")],
            "truncated_length",
            0.3,
        ),
        (
            [HEAD, ResponseCut(t=0.3, conn=1, request=1, how="fin", chunked=True)],
            "truncated_chunked",
            0.3,
        ),
        (
            [HEAD, ResponseCut(t=0.3, conn=1, request=1, how="rst")],
            "reset_mid_body",
            0.3,
        ),
        ([ConnClosed(t=0.3, conn=1, by="lab", how="fin")], "eof_before_response", 0.3),
        ([ConnClosed(t=0.3, conn=1, by="lab", how="rst")], "reset_before_response", 0.3),
        ([ConnClosed(t=0.9, conn=1, by="client", how="fin")], "read_timeout_headers", 0.9),
        (
            [HEAD, ConnClosed(t=0.9, conn=1, by="client", how="fin")],
            "read_timeout_body",
            0.9,
        ),
        ([], "pending", None),
    ],
)
def test_an_attempt_shows_what_its_exchange_ended_with(
    tell: Tell, rest: list[AnyEvent], observable: str, seen: float | None
) -> None:
    """Every end on the wire has one contract key, and one instant."""
    attempt = tell.only(
        tell.reading(tell.invoked(0.1), *tell.exchange(0.1, *rest), tell.failed(1.0))
    )
    assert (attempt.observable, attempt.seen) == (observable, seen)


def test_a_request_on_a_dying_connection_is_stale(tell: Tell) -> None:
    """The lab had sent FIN before the client sent its head."""
    read_ = tell.reading(
        tell.invoked(0.1),
        *tell.exchange(0.1, tell.head(0.15), tell.complete(0.15)),
        OpOk(t=0.2, op=1),
        ConnClosed(t=0.3, conn=1, service="core", by="lab", how="fin"),
        tell.invoked(0.29, op=2),
        *tell.exchange(0.31, op=2, request=2),
        tell.failed(0.4, op=2),
    )
    assert [a.observable for a in read_.operations[1].attempts] == ["stale_eof"]


@pytest.mark.parametrize(("how", "seen"), [("fin", "eof_on_accept"), ("rst", "reset_on_accept")])
def test_a_request_on_a_connection_that_ended_before_any_met_the_end_on_accept(
    tell: Tell, how: str, seen: str
) -> None:
    """The client had begun to send before the lab's FIN reached it."""
    end = ConnClosed(t=0.1005, conn=1, service="core", by="lab", how=how)
    read_ = tell.reading(tell.invoked(0.05), *tell.exchange(0.1, end), tell.failed(0.2))
    assert tell.only(read_).observable == seen


def test_giving_up_after_a_cancellation_is_cancelled(tell: Tell) -> None:
    """A cancelled read is no time-out."""
    read_ = tell.reading(
        tell.invoked(0.1),
        *tell.exchange(0.1),
        OpCancelRequested(t=0.2, op=1),
        ConnClosed(t=0.21, conn=1, service="core", by="client", how="fin"),
        OpCancelled(t=0.22, op=1),
    )
    assert (tell.only(read_).observable, read_.operations[0].ending) == ("cancelled", "cancelled")
