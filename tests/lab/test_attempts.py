"""What counts as an attempt, whose it is, and what it met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from faultlab.lab.attempts import Attempt, Reading, canonical, read
from faultlab.lab.history import (
    AnyEvent,
    AttemptEnded,
    ConnClosed,
    ConnectAttempted,
    ConnOpened,
    EffectApplied,
    FaultArmed,
    FaultCleared,
    FaultFired,
    Header,
    ListenerMode,
    OpCancelled,
    OpCancelRequested,
    OpFailed,
    OpInvoked,
    OpOk,
    Raised,
    RequestReceived,
    RequestStarted,
    ResponseComplete,
    ResponseCut,
    ResponseHead,
    SubjectClosed,
    SubjectOpened,
    numbered,
)

HEADER = Header(scenario="x", ports={"core": 4001})
OPENED = SubjectOpened(t=0.0)
OPEN = ListenerMode(t=0.0, service="core", mode="open")


def reading(*events: AnyEvent) -> Reading:
    """Read these events after the usual first two."""
    return read(numbered(HEADER, (OPENED, OPEN, *events)))


def invoked(t: float, op: int = 1) -> OpInvoked:
    """An operation on core."""
    return OpInvoked(t=t, op=op, name="read", service="core", endpoint="GET /health")


def failed(t: float, op: int = 1) -> OpFailed:
    """Its failure."""
    return OpFailed(t=t, op=op, errors=(Raised(classes=("x.Down",)),))


def exchange(
    t: float, *rest: AnyEvent, op: int | None = 1, conn: int = 1, request: int = 1
) -> Iterator[AnyEvent]:
    """A request on a connection, and what came of it."""
    if request == 1:
        yield ConnOpened(t=t, conn=conn, service="core", port=5000 + conn)
    yield RequestStarted(
        t=t + 0.001,
        op=op,
        conn=conn,
        request=request,
        service="core",
        method="GET",
        target="/health",
        reused=request > 1,
    )
    yield from rest


def head(t: float, status: int = 200, conn: int = 1, request: int = 1) -> ResponseHead:
    """An answer's head."""
    return ResponseHead(t=t, conn=conn, request=request, service="core", status=status)


def complete(t: float, conn: int = 1, damaged: str = "") -> ResponseComplete:
    """An answer's end."""
    return ResponseComplete(t=t, conn=conn, request=1, service="core", damaged=damaged)


def only(read_: Reading) -> Attempt:
    """The one attempt of the one operation."""
    (operation,) = read_.operations
    (attempt,) = operation.attempts
    return attempt


@pytest.mark.parametrize(
    ("rest", "observable", "seen"),
    [
        ([head(0.2), complete(0.3)], "ok", 0.3),
        ([head(0.2, 503), complete(0.3)], "status:503", 0.3),
        ([head(0.2), complete(0.3, damaged="bad_json")], "bad_json", 0.3),
        (
            [head(0.2), ResponseCut(t=0.3, conn=1, request=1, at=9, how="fin")],
            "truncated_length",
            0.3,
        ),
        (
            [head(0.2), ResponseCut(t=0.3, conn=1, request=1, how="fin", chunked=True)],
            "truncated_chunked",
            0.3,
        ),
        (
            [head(0.2), ResponseCut(t=0.3, conn=1, request=1, how="rst")],
            "reset_mid_body",
            0.3,
        ),
        ([ConnClosed(t=0.3, conn=1, by="lab", how="fin")], "eof_before_response", 0.3),
        ([ConnClosed(t=0.3, conn=1, by="lab", how="rst")], "reset_before_response", 0.3),
        ([ConnClosed(t=0.9, conn=1, by="client", how="fin")], "read_timeout_headers", 0.9),
        (
            [head(0.2), ConnClosed(t=0.9, conn=1, by="client", how="fin")],
            "read_timeout_body",
            0.9,
        ),
        ([], "pending", None),
    ],
)
def test_an_attempt_shows_what_its_exchange_ended_with(
    rest: list[AnyEvent], observable: str, seen: float | None
) -> None:
    """Every end on the wire has one contract key, and one instant."""
    attempt = only(reading(invoked(0.1), *exchange(0.1, *rest), failed(1.0)))
    assert (attempt.observable, attempt.seen) == (observable, seen)


def test_a_refused_connect_is_an_attempt_without_a_head() -> None:
    """It reaches no proxy; the listener's mode tells what it met."""
    read_ = reading(
        ListenerMode(t=0.05, service="core", mode="refusing", done=False),
        ListenerMode(t=0.051, service="core", mode="refusing"),
        FaultArmed(t=0.051, service="core", fault=1, name="refused"),
        invoked(0.1),
        ConnectAttempted(t=0.11, op=1, attempt=1, port=4001, local=5001),
        ConnectAttempted(t=0.21, op=1, attempt=2, port=4001, local=5002),
        failed(0.3),
        FaultCleared(t=0.4, fault=1, service="core"),
    )
    (operation,) = read_.operations
    assert [(a.number, a.observable, a.headless) for a in operation.attempts] == [
        (1, "connect_refused", True),
        (2, "connect_refused", True),
    ]
    assert [fault.fired for fault in read_.faults] == [2]


def test_a_connect_in_the_dark_lasts_until_the_client_gives_it_up() -> None:
    """The next attempt, or the operation's end, tells when."""
    read_ = reading(
        ListenerMode(t=0.05, service="core", mode="dark"),
        invoked(0.1),
        ConnectAttempted(t=0.11, op=1, attempt=1, port=4001, local=5001),
        ConnectAttempted(t=0.51, op=1, attempt=2, port=4001, local=5002),
        failed(0.9),
    )
    (operation,) = read_.operations
    assert [(a.observable, a.seen) for a in operation.attempts] == [
        ("connect_timeout", 0.51),
        ("connect_timeout", 0.9),
    ]


def test_a_connect_that_was_not_accepted_never_met_an_open_listener() -> None:
    """A heal right after it is no reason for doubt: open ones are accepted."""
    read_ = reading(
        ListenerMode(t=0.05, service="core", mode="refusing"),
        invoked(0.1),
        ConnectAttempted(t=0.11, op=1, port=4001, local=5001),
        ListenerMode(t=0.112, service="core", mode="open", done=False),
        ListenerMode(t=0.113, service="core", mode="open"),
        failed(0.3),
    )
    assert only(read_).observable == "connect_refused"


def test_a_connect_that_overlaps_two_shut_modes_is_unknown() -> None:
    """Refused or swallowed: never guessed."""
    read_ = reading(
        ListenerMode(t=0.05, service="core", mode="refusing"),
        invoked(0.1),
        ConnectAttempted(t=0.11, op=1, port=4001, local=5001),
        ListenerMode(t=0.112, service="core", mode="dark", done=False),
        ListenerMode(t=0.113, service="core", mode="dark"),
        failed(0.3),
    )
    assert only(read_).observable == "unknown"


def test_the_client_s_own_end_settles_which_mode_it_met() -> None:
    """The instrumented attempt was over before the second switch."""
    read_ = reading(
        ListenerMode(t=0.05, service="core", mode="refusing"),
        invoked(0.1),
        ConnectAttempted(t=0.11, op=1, attempt=1, port=4001, local=5001),
        AttemptEnded(t=0.111, op=1, attempt=1, error="httpx.ConnectError"),
        ListenerMode(t=0.112, service="core", mode="dark", done=False),
        failed(0.3),
    )
    assert only(read_).observable == "connect_refused"


def test_an_accepted_connect_is_no_attempt_of_its_own() -> None:
    """The request that it carried is."""
    read_ = reading(
        invoked(0.1),
        ConnectAttempted(t=0.1, op=1, attempt=1, port=4001, local=5001),
        *exchange(0.101, head(0.2), complete(0.2)),
        OpOk(t=0.3, op=1),
    )
    assert only(read_).observable == "ok"


def test_a_connection_that_the_client_closed_without_a_head_is_no_attempt() -> None:
    """It was answered, and nothing was asked."""
    read_ = reading(
        invoked(0.1),
        ConnOpened(t=0.1, conn=1, service="core", port=5001),
        ConnClosed(t=0.2, conn=1, service="core", by="client", how="fin"),
        OpOk(t=0.3, op=1),
    )
    assert read_.operations[0].attempts == ()


def test_a_connection_that_the_lab_closed_without_a_head_is_one() -> None:
    """The client wanted to ask and could not."""
    read_ = reading(
        invoked(0.1),
        ConnectAttempted(t=0.1, op=1, attempt=1, port=4001, local=5001),
        ConnOpened(t=0.101, conn=1, service="core", port=5001),
        ConnClosed(t=0.2, conn=1, service="core", by="lab", how="rst"),
        failed(0.3),
    )
    assert only(read_).observable == "reset_on_accept"


def test_a_request_on_a_dying_connection_is_stale() -> None:
    """The lab had sent FIN before the client sent its head."""
    read_ = reading(
        invoked(0.1),
        *exchange(0.1, head(0.15), complete(0.15)),
        OpOk(t=0.2, op=1),
        ConnClosed(t=0.3, conn=1, service="core", by="lab", how="fin"),
        invoked(0.29, op=2),
        *exchange(0.31, op=2, request=2),
        failed(0.4, op=2),
    )
    assert [a.observable for a in read_.operations[1].attempts] == ["stale_eof"]


def test_an_untagged_request_belongs_to_the_only_operation_in_flight() -> None:
    """One in flight is exact; two are nobody's."""
    events = (invoked(0.1), *exchange(0.1, head(0.2), complete(0.2), op=None), OpOk(t=0.3, op=1))
    assert len(reading(*events).operations[0].attempts) == 1
    both = reading(*events, invoked(0.09, op=2), OpOk(t=0.4, op=2))
    assert len(both.strays) == 1
    assert both.lacks("attribution") is not None


def test_giving_up_after_a_cancellation_is_cancelled() -> None:
    """A cancelled read is no time-out."""
    read_ = reading(
        invoked(0.1),
        *exchange(0.1),
        OpCancelRequested(t=0.2, op=1),
        ConnClosed(t=0.21, conn=1, service="core", by="client", how="fin"),
        OpCancelled(t=0.22, op=1),
    )
    assert (only(read_).observable, read_.operations[0].ending) == ("cancelled", "cancelled")


def test_an_effect_counts_for_its_operation_however_late() -> None:
    """Held bytes are carried out after the heal; they are no attempt of that time."""
    read_ = reading(
        invoked(0.1),
        *exchange(0.1, ConnClosed(t=0.8, conn=1, service="core", by="client", how="fin")),
        failed(0.9),
        RequestReceived(
            t=2.0, op=1, conn=1, request=1, service="core", method="POST", target="/query"
        ),
        EffectApplied(t=2.0, op=1, conn=1, request=1, service="core"),
    )
    (operation,) = read_.operations
    assert (len(operation.attempts), operation.effects) == (1, 1)


def test_a_backend_without_a_ledger_leaves_effects_unknown() -> None:
    """A real server tells nobody what it did."""
    read_ = reading(invoked(0.1), *exchange(0.1, head(0.2), complete(0.2)), OpOk(t=0.3, op=1))
    assert read_.operations[0].effects is None
    assert read_.lacks("effects") is not None


def test_a_subject_that_hides_its_connects_is_known_to() -> None:
    """Only where a listener was shut: otherwise every connect reached the proxy."""
    hidden = replace_connects("none: uvloop")
    assert read(numbered(HEADER, (hidden, OPEN))).lacks("connects") is None
    shut = read(numbered(HEADER, (hidden, OPEN, replace_mode("refusing"))))
    assert shut.lacks("connects") == "uvloop"


def replace_connects(text: str) -> SubjectOpened:
    """An opening that says how connects are known."""
    return SubjectOpened(t=0.0, connects=text)


def replace_mode(mode: str) -> ListenerMode:
    """A switch of core's listener."""
    return ListenerMode(t=0.1, service="core", mode="refusing" if mode == "refusing" else "dark")


def test_a_fault_s_hits_are_counted_where_they_happened() -> None:
    """The proof that something went wrong, and on what."""
    read_ = reading(
        FaultArmed(t=0.05, service="core", fault=3, name="status", text="code=503"),
        invoked(0.1),
        *exchange(
            0.1,
            FaultFired(t=0.15, service="core", fault=3, conn=1, request=1),
            head(0.2, 503),
            complete(0.2),
        ),
        failed(0.3),
    )
    assert (read_.faults[0].fired, only(read_).faults) == (1, (3,))


def test_connections_know_which_life_of_the_subject_they_belong_to() -> None:
    """A leak is charged to the life that left it."""
    read_ = reading(
        *exchange(0.1, head(0.2), complete(0.2), op=None),
        SubjectClosed(t=0.3),
        SubjectOpened(t=0.4),
        *exchange(0.5, conn=2, op=None),
    )
    assert [c.incarnation for c in read_.connections] == [0, 1]
    assert [i.closed for i in read_.incarnations] == [0.3, None]


def test_the_canonical_digest_ignores_times_and_notices_attempts() -> None:
    """Same story, same digest on any machine; one attempt more is another story."""
    events = (invoked(0.1), *exchange(0.1, head(0.2), complete(0.2)), OpOk(t=0.3, op=1))
    first = reading(*events)
    later = replace(first, operations=tuple(replace(o, invoked=9.0) for o in first.operations))
    more = replace(first, operations=tuple(replace(o, attempts=()) for o in first.operations))
    assert canonical(first) == canonical(later) != canonical(more)
