"""Connects of which the wire saw no head."""

from __future__ import annotations

from typing import Any

from faultlab.lab.history import (
    AttemptBegun,
    AttemptEnded,
    ConnClosed,
    ConnectAttempted,
    ConnOpened,
    FaultArmed,
    FaultCleared,
    FaultFired,
    ListenerMode,
    OpOk,
    RequestStarted,
)

Tell = Any  # the writer of events in conftest.py


def test_a_connect_while_a_connection_is_unplugged_is_one_attempt(tell: Tell) -> None:
    """It is known by the audit event, and nothing of it lies in the unplugged connection."""
    read_ = tell.reading(
        tell.invoked(0.1),
        *tell.exchange(0.1, tell.head(0.2), tell.complete(0.2)),
        OpOk(t=0.3, op=1),
        ListenerMode(t=0.9, service="core", mode="dark"),
        FaultArmed(t=1.0, service="core", fault=1, name="partition"),
        FaultFired(t=1.0, service="core", fault=1, conn=1, on="connection", heard=False),
        tell.invoked(1.1, op=2),
        AttemptBegun(t=1.2, service="core", op=2, attempt=1),
        ConnectAttempted(t=1.21, op=2, attempt=1, service="core", port=4001, local=6001),
        AttemptEnded(t=1.5, service="core", op=2, attempt=1, error="x.ConnectTimeout"),
        tell.failed(1.6, op=2),
    )
    assert [a.observable for a in read_.operations[1].attempts] == ["connect_timeout"]


def test_a_refused_connect_is_an_attempt_without_a_head(tell: Tell) -> None:
    """It reaches no proxy; the listener's mode tells what it met."""
    read_ = tell.reading(
        ListenerMode(t=0.05, service="core", mode="refusing", done=False),
        ListenerMode(t=0.051, service="core", mode="refusing"),
        FaultArmed(t=0.051, service="core", fault=1, name="refused", listener="refusing"),
        tell.invoked(0.1),
        ConnectAttempted(t=0.11, op=1, attempt=1, service="core", port=4001, local=5001),
        ConnectAttempted(t=0.21, op=1, attempt=2, service="core", port=4001, local=5002),
        tell.failed(0.3),
        FaultCleared(t=0.4, fault=1, service="core"),
    )
    (operation,) = read_.operations
    assert [(a.number, a.observable, a.headless) for a in operation.attempts] == [
        (1, "connect_refused", True),
        (2, "connect_refused", True),
    ]
    assert [fault.fired for fault in read_.faults] == [2]


def test_connects_of_one_request_are_attempts_with_times_of_their_own(tell: Tell) -> None:
    """httpx's `retries=` connects again within what it was asked to send once."""
    tagged = {"op": 1, "attempt": 1, "service": "core"}
    read_ = tell.reading(
        ListenerMode(t=0.05, service="core", mode="refusing"),
        tell.invoked(0.1),
        AttemptBegun(t=0.1, **tagged),
        ConnectAttempted(t=0.11, port=4001, local=6001, **tagged),
        ConnectAttempted(t=0.12, port=4001, local=6002, **tagged),
        ListenerMode(t=0.3, service="core", mode="open"),
        ConnectAttempted(t=0.62, port=4001, local=5001, **tagged),
        ConnOpened(t=0.63, conn=1, service="core", port=5001),
        RequestStarted(t=0.64, conn=1, request=1, method="GET", target="/health", **tagged),
        tell.head(0.7),
        tell.complete(0.7),
        AttemptEnded(t=0.71, **tagged),
        OpOk(t=0.8, op=1),
    )
    (operation,) = read_.operations
    told = [(a.observable, a.seen, a.told.begun, a.told.ended) for a in operation.attempts]
    assert told == [
        ("connect_refused", 0.11, 0.1, None),
        ("connect_refused", 0.12, 0.12, None),
        ("ok", 0.7, 0.62, 0.71),
    ]


def test_a_port_that_was_given_again_makes_no_connect_of_another_s_connection(tell: Tell) -> None:
    """A refused connect, and much later one from the same port that is accepted."""
    read_ = tell.reading(
        ListenerMode(t=0.05, service="core", mode="refusing"),
        FaultArmed(t=0.05, service="core", fault=1, name="refused", listener="refusing"),
        tell.invoked(0.1),
        ConnectAttempted(t=0.11, op=1, attempt=1, service="core", port=4001, local=5007),
        ConnectAttempted(t=0.21, op=1, attempt=2, service="core", port=4001, local=5002),
        tell.failed(0.3),
        FaultCleared(t=0.4, fault=1, service="core"),
        ListenerMode(t=0.4, service="core", mode="open"),
        tell.invoked(2.0, op=2),
        ConnectAttempted(t=2.0, op=2, attempt=1, service="core", port=4001, local=5007),
        *tell.exchange(2.001, tell.head(2.2, conn=7), tell.complete(2.3, conn=7), op=2, conn=7),
        OpOk(t=2.4, op=2),
    )
    first, second = read_.operations
    assert [a.observable for a in first.attempts] == ["connect_refused"] * 2
    assert [a.observable for a in second.attempts] == ["ok"]


def test_a_port_that_is_given_again_at_once_makes_no_connect_of_an_earlier_connection(
    tell: Tell,
) -> None:
    """An accepted connect, and milliseconds later one from the same port that is refused."""
    read_ = tell.reading(
        tell.invoked(0.1),
        ConnectAttempted(t=0.1, op=1, attempt=1, service="core", port=4001, local=5001),
        *tell.exchange(0.101, tell.head(0.1025), tell.complete(0.103)),
        ConnClosed(t=0.104, conn=1, service="core", by="lab", how="rst"),
        OpOk(t=0.105, op=1),
        ListenerMode(t=0.106, service="core", mode="refusing"),
        FaultArmed(t=0.106, service="core", fault=1, name="refused", listener="refusing"),
        tell.invoked(0.107, op=2),
        ConnectAttempted(t=0.108, op=2, attempt=1, service="core", port=4001, local=5001),
        tell.failed(0.11, op=2),
    )
    first, second = read_.operations
    assert [a.observable for a in first.attempts] == ["ok"]
    assert [a.observable for a in second.attempts] == ["connect_refused"]


def test_connects_behind_connections_that_nobody_can_be_told_of_are_no_attempts(
    tell: Tell,
) -> None:
    """Two at once: one carries the request of who made it, the other that of somebody else."""
    read_ = tell.reading(
        ListenerMode(t=0.0, service="core", mode="open"),
        tell.invoked(0.1),
        tell.invoked(0.1, op=2),
        tell.invoked(0.1, op=3),
        ConnectAttempted(t=0.11, op=1, attempt=1, service="core", port=4001, local=5001),
        ConnectAttempted(t=0.11, op=2, attempt=1, service="core", port=4001, local=5002),
        ConnectAttempted(t=0.11, op=3, attempt=1, service="core", port=4001, local=5003),
        ConnOpened(t=0.12, conn=1, service="core"),
        ConnOpened(t=0.12, conn=2, service="core"),
        RequestStarted(t=0.13, conn=1, op=1, attempt=1, service="core", method="GET", target="/a"),
        RequestStarted(t=0.13, conn=2, op=4, attempt=1, service="core", method="GET", target="/a"),
        OpOk(t=0.3, op=1),
        OpOk(t=0.3, op=2),
        OpOk(t=0.3, op=3),
    )
    first, second, third = (operation.attempts for operation in read_.operations)
    assert [attempt.begun for attempt in first] == [0.13]
    assert second == ()
    assert [attempt.observable for attempt in third] == ["unknown"]  # two came of three


def test_a_connect_that_may_have_been_refused_is_not_taken_for_one_of_those(tell: Tell) -> None:
    """Accepted later, on another port: the refusal is an attempt all the same."""
    read_ = tell.reading(
        ListenerMode(t=0.0, service="core", mode="refusing"),
        tell.invoked(0.1),
        ConnectAttempted(t=0.11, op=1, attempt=1, service="core", port=4001, local=5001),
        ListenerMode(t=0.5, service="core", mode="open"),
        ConnOpened(t=0.6, conn=1, service="core"),
        tell.failed(0.7),
    )
    assert tell.only(read_).observable == "connect_refused"


def test_a_connect_that_was_not_accepted_never_met_an_open_listener(tell: Tell) -> None:
    """A heal right after it is no reason for doubt: open ones are accepted."""
    read_ = tell.reading(
        ListenerMode(t=0.05, service="core", mode="refusing"),
        tell.invoked(0.1),
        ConnectAttempted(t=0.11, op=1, service="core", port=4001, local=5001),
        ListenerMode(t=0.112, service="core", mode="open", done=False),
        ListenerMode(t=0.113, service="core", mode="open"),
        tell.failed(0.3),
    )
    assert tell.only(read_).observable == "connect_refused"


def test_a_connect_that_overlaps_two_shut_modes_is_unknown(tell: Tell) -> None:
    """Refused or swallowed: never guessed."""
    read_ = tell.reading(
        ListenerMode(t=0.05, service="core", mode="refusing"),
        tell.invoked(0.1),
        ConnectAttempted(t=0.11, op=1, service="core", port=4001, local=5001),
        ListenerMode(t=0.112, service="core", mode="dark", done=False),
        ListenerMode(t=0.113, service="core", mode="dark"),
        tell.failed(0.3),
    )
    assert tell.only(read_).observable == "unknown"


def test_the_client_s_own_end_settles_which_mode_it_met(tell: Tell) -> None:
    """The instrumented attempt was over before the second switch."""
    read_ = tell.reading(
        ListenerMode(t=0.05, service="core", mode="refusing"),
        tell.invoked(0.1),
        ConnectAttempted(t=0.11, op=1, attempt=1, service="core", port=4001, local=5001),
        AttemptEnded(t=0.111, op=1, attempt=1, error="httpx.ConnectError"),
        ListenerMode(t=0.112, service="core", mode="dark", done=False),
        tell.failed(0.3),
    )
    assert tell.only(read_).observable == "connect_refused"


def test_an_accepted_connect_is_no_attempt_of_its_own(tell: Tell) -> None:
    """The request that it carried is."""
    read_ = tell.reading(
        tell.invoked(0.1),
        ConnectAttempted(t=0.1, op=1, attempt=1, service="core", port=4001, local=5001),
        *tell.exchange(0.101, tell.head(0.2), tell.complete(0.2)),
        OpOk(t=0.3, op=1),
    )
    assert tell.only(read_).observable == "ok"


def test_a_connection_that_the_client_closed_without_a_head_is_no_attempt(tell: Tell) -> None:
    """It was answered, and nothing was asked."""
    read_ = tell.reading(
        tell.invoked(0.1),
        ConnOpened(t=0.1, conn=1, service="core", port=5001),
        ConnClosed(t=0.2, conn=1, service="core", by="client", how="fin"),
        OpOk(t=0.3, op=1),
    )
    assert read_.operations[0].attempts == ()


def test_a_connection_that_the_lab_closed_without_a_head_is_one(tell: Tell) -> None:
    """The client wanted to ask and could not."""
    read_ = tell.reading(
        tell.invoked(0.1),
        ConnectAttempted(t=0.1, op=1, attempt=1, service="core", port=4001, local=5001),
        ConnOpened(t=0.101, conn=1, service="core", port=5001),
        ConnClosed(t=0.2, conn=1, service="core", by="lab", how="rst"),
        tell.failed(0.3),
    )
    assert tell.only(read_).observable == "reset_on_accept"
