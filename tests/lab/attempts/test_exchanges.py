"""What an exchange ended with, and what its client saw of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from faultlab.lab.history import (
    AnyEvent,
    AttemptBegun,
    AttemptEnded,
    ConnClosed,
    ConnectAttempted,
    ConnOpened,
    ConnUnread,
    EffectApplied,
    FaultArmed,
    FaultCleared,
    FaultFired,
    OpCancelled,
    OpCancelRequested,
    OpOk,
    RequestStarted,
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


DRIP = FaultArmed(t=0.05, service="core", fault=1, name="drip", paces=("to_client",))
DRIPS = FaultFired(t=0.2, service="core", fault=1, on="bytes", conn=1, request=1)


def given_up(tell: Tell, *rest: AnyEvent, armed: FaultArmed = DRIP, last: float | None) -> Any:
    """The client leaves at 0.9; its last byte came at `last`."""
    closed = ConnClosed(t=0.9, conn=1, by="client", how="fin", sent_at=last)
    before = [event for event in rest if isinstance(event, FaultArmed)]
    after = [event for event in rest if not isinstance(event, FaultArmed)]
    told = tell.exchange(0.1, *after, closed)
    return tell.only(
        tell.reading(armed, *before, tell.invoked(0.1), *told, tell.failed(1.0)),
    )


@pytest.mark.parametrize(
    ("paces", "last", "observable"),
    [
        (("to_client",), 0.5, "slow_drip"),
        (("to_client", "to_backend"), 0.5, "slow_drip"),
        (("to_client",), 0.15, "read_timeout_headers"),  # of the answer before it
        (("to_client",), None, "read_timeout_headers"),
        (("to_backend",), 0.5, "read_timeout_headers"),  # a pace of the request's
        ((), 0.5, "read_timeout_headers"),
    ],
)
def test_what_is_given_up_while_bytes_come_few_at_a_time_is_a_slow_drip(
    tell: Tell, paces: tuple[str, ...], last: float | None, observable: str
) -> None:
    """Some of it came at the fault's pace, so that no silence can have ended it."""
    attempt = given_up(tell, DRIPS, armed=msgspec.structs.replace(DRIP, paces=paces), last=last)
    assert (attempt.observable, attempt.paced) == (observable, paces)


STALL = FaultArmed(t=0.06, service="core", fault=2, name="stall")
STALLS = FaultFired(t=0.3, service="core", fault=2, on="request", conn=1, request=1)
PARTITION = FaultArmed(t=0.06, service="core", fault=2, name="partition")
HOLDS = FaultFired(t=0.6, service="core", fault=2, on="connection", conn=1)
DRIP_OVER = FaultCleared(t=0.7, service="core", fault=1, name="drip")
OTHER_OVER = FaultCleared(t=0.7, service="core", fault=2)


@pytest.mark.parametrize(
    ("rest", "last", "observable"),
    [
        ([STALL, DRIPS, STALLS, HEAD], 0.5, "read_timeout_body"),
        ([STALL, DRIPS, STALLS], 0.5, "slow_drip"),  # the head was still coming
        ([STALL, DRIPS, STALLS, HEAD, OTHER_OVER], 0.8, "slow_drip"),
        ([PARTITION, DRIPS, HEAD, HOLDS], 0.5, "read_timeout_body"),
        ([PARTITION, DRIPS, HOLDS], 0.5, "read_timeout_headers"),
        ([PARTITION, DRIPS, HOLDS], 0.8, "slow_drip"),  # it held the other direction
        ([PARTITION, DRIPS, HOLDS, OTHER_OVER], 0.8, "slow_drip"),
        ([DRIPS, HEAD, DRIP_OVER], 0.7, "read_timeout_body"),
    ],
)
def test_a_silence_after_a_drip_is_a_read_time_out(
    tell: Tell, rest: list[AnyEvent], last: float, observable: str
) -> None:
    """Another fault stopped what was dripping, or nothing came behind it: silence ended it."""
    assert given_up(tell, *rest, last=last).observable == observable


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


UNREAD = ConnUnread(t=0.25, conn=1, request=1, service="core", why="the backend sent x")
LEFT = ConnClosed(t=0.9, conn=1, service="core", by="client", how="fin")


@pytest.mark.parametrize(
    ("rest", "observable", "seen", "unread"),
    [
        ([UNREAD, LEFT], "unknown", 0.9, "the backend sent x"),
        ([HEAD, UNREAD, LEFT], "unknown", 0.9, "the backend sent x"),
        ([UNREAD], "unknown", None, "the backend sent x"),
        ([HEAD, COMPLETE, UNREAD, LEFT], "ok", 0.3, ""),
    ],
)
def test_what_was_not_read_is_unknown(
    tell: Tell, rest: list[AnyEvent], observable: str, seen: float | None, unread: str
) -> None:
    """The client's FIN behind bytes that nobody read is no time-out."""
    attempt = tell.only(
        tell.reading(tell.invoked(0.1), *tell.exchange(0.1, *rest), tell.failed(1.0))
    )
    assert (attempt.observable, attempt.seen, attempt.unread) == (observable, seen, unread)
    assert not attempt.gave_up


def test_a_connection_without_a_request_that_was_read_is_an_attempt_too(tell: Tell) -> None:
    """A client that speaks TLS to a plain port did try."""
    opened, *_ = tell.exchange(0.1)
    unread = msgspec.structs.replace(UNREAD, t=0.11, request=None)
    attempt = tell.only(tell.reading(tell.invoked(0.05), opened, unread, LEFT, tell.failed(1.0)))
    assert (attempt.observable, attempt.sent, attempt.seen) == ("unknown", 0.11, 0.9)


def test_an_upgrade_that_is_granted_is_a_success(tell: Tell) -> None:
    """101 is what was asked for."""
    switched = ResponseHead(t=0.2, conn=1, request=1, service="core", status=101)
    attempt = tell.only(
        tell.reading(tell.invoked(0.1), *tell.exchange(0.1, switched, COMPLETE), OpOk(t=0.4, op=1))
    )
    assert attempt.observable == "ok"


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


@pytest.mark.parametrize(
    ("error", "observable", "clock"),
    [
        ("asyncio.exceptions.CancelledError", "cancelled", 0.0),
        ("httpx.ReadTimeout", "cancelled", 0.0),
        ("httpx.ReadTimeout", "ok", 0.05),  # nobody can tell which came first
        ("", "ok", 0.0),
    ],
)
def test_an_answer_that_comes_after_its_client_has_gone_is_none(
    tell: Tell, error: str, observable: str, clock: float
) -> None:
    """Behind another proxy the client's own end is heard later than it is meant."""
    opened, started = tell.exchange(0.1)
    read_ = tell.reading(
        tell.invoked(0.1),
        AttemptBegun(t=0.1, op=1, attempt=1, service="core"),
        opened,
        msgspec.structs.replace(started, attempt=1),
        OpCancelRequested(t=0.2, op=1),
        AttemptEnded(t=0.21, op=1, attempt=1, service="core", error=error),
        OpCancelled(t=0.22, op=1),
        tell.head(0.25),
        tell.complete(0.25),
        ConnClosed(t=0.26, conn=1, service="core", by="client", how="fin"),
        clock=clock,
    )
    assert tell.only(read_).observable == observable


def test_what_begins_after_a_cancellation_is_not_cancelled_by_it(tell: Tell) -> None:
    """A client that tries again all the same meets what it meets."""
    opened, started = tell.exchange(0.3)
    read_ = tell.reading(
        tell.invoked(0.1),
        OpCancelRequested(t=0.2, op=1),
        AttemptBegun(t=0.3, op=1, attempt=1, service="core"),
        opened,
        msgspec.structs.replace(started, attempt=1),
        ConnClosed(t=0.9, conn=1, service="core", by="client", how="fin"),
    )
    assert tell.only(read_).observable == "read_timeout_headers"


def unplugged(tell: Tell, *rest: AnyEvent, error: str = "x.ReadTimeout") -> Any:
    """Operation 1 is answered, its connection unplugged from 1.0 to 2.0; 2 is sent meanwhile."""
    return tell.reading(
        tell.invoked(0.1),
        *tell.exchange(0.1, tell.head(0.2), tell.complete(0.2)),
        OpOk(t=0.3, op=1),
        FaultArmed(t=1.0, service="core", fault=1, name="partition"),
        FaultFired(t=1.0, service="core", fault=1, conn=1, on="connection", heard=False),
        tell.invoked(1.1, op=2),
        AttemptBegun(t=1.2, service="core", op=2, attempt=1),
        AttemptEnded(t=1.7, service="core", op=2, attempt=1, error=error),
        tell.failed(1.8, op=2),
        FaultCleared(t=2.0, service="core", fault=1, name="partition"),
        *rest,
    )


def late(tell: Tell, *rest: AnyEvent) -> list[AnyEvent]:
    """The request arrives after the heal, with its tag."""
    started, *after = tell.exchange(2.5, *rest, op=2, request=2)
    return [msgspec.structs.replace(started, attempt=1), *after]


def test_what_arrives_after_the_heal_began_when_its_client_says(tell: Tell) -> None:
    """The wire heard nothing; the client's stamps tell that it gave up in the silence."""
    effect = EffectApplied(t=2.6, conn=1, request=2, op=2, service="core")
    closed = ConnClosed(t=2.7, conn=1, service="core", by="client", how="fin")
    read_ = unplugged(tell, *late(tell, effect, closed))
    (attempt,) = read_.operations[1].attempts
    assert (attempt.observable, attempt.begun, attempt.seen) == ("read_timeout_headers", 1.2, 1.7)
    assert (attempt.gave_up, attempt.effects, attempt.since) == (True, 1, None)
    assert read_.connections[0].unheard is None


def test_an_answer_that_nobody_waits_for_any_more_was_not_seen(tell: Tell) -> None:
    """The request is heard before the FIN behind it, and answered in between."""
    read_ = unplugged(tell, *late(tell, tell.head(2.6, request=2), tell.complete(2.6)))
    (attempt,) = read_.operations[1].attempts
    assert (attempt.observable, attempt.seen) == ("read_timeout_headers", 1.7)
    assert (attempt.answered, attempt.status) == (None, None)


def test_what_has_not_arrived_is_an_attempt_of_which_nothing_is_known(tell: Tell) -> None:
    """No attempt at all would be a claim about what was sent."""
    read_ = unplugged(tell)
    (attempt,) = read_.operations[1].attempts
    assert (attempt.observable, attempt.begun, attempt.seen) == ("unknown", 1.2, 1.7)
    assert read_.connections[0].unheard == 1.0


def test_a_request_without_a_tag_may_have_been_sent_before_the_heal(tell: Tell) -> None:
    """Only its arrival is known, so it is nobody's; the next one on its connection is timely."""
    started, *_ = tell.exchange(2.5, op=None, request=2)
    then, *_ = tell.exchange(3.0, op=None, request=3)
    read_ = unplugged(tell, started, tell.invoked(2.4, op=3), then)
    (stray,) = read_.strays
    assert (stray.begun, stray.since) == (2.501, 1.0)
    assert [a.begun for a in read_.operations[2].attempts] == [3.001]


def test_an_attempt_on_a_connection_of_its_own_went_for_it_before_its_head(tell: Tell) -> None:
    """Until then it may have waited for one; a connect that takes its time is no such wait."""
    reading = tell.reading(
        tell.invoked(0.0),
        ConnectAttempted(t=0.05, op=1, attempt=1, service="core", port=8100, local=5001),
        ConnOpened(t=0.1, conn=1, service="core", port=5001),
        RequestStarted(
            t=0.2, op=1, attempt=1, conn=1, request=1, service="core", method="GET", target="/"
        ),
        HEAD,
        COMPLETE,
        RequestStarted(
            t=0.5,
            op=1,
            attempt=2,
            conn=1,
            request=2,
            service="core",
            method="GET",
            target="/",
            reused=True,
        ),
    )
    assert [attempt.reached for attempt in reading.operations[0].attempts] == [0.05, None]


def test_without_a_connect_its_connection_says_when(tell: Tell) -> None:
    """Not every client reports its connects."""
    reading = tell.reading(tell.invoked(0.0), *tell.exchange(0.1, op=None))
    assert tell.only(reading).reached == 0.1
