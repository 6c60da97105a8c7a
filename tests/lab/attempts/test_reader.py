"""Whose an attempt is, and what stands around the operations."""

from __future__ import annotations

from typing import Any

import msgspec

from faultlab.lab.history import (
    ConnClosed,
    ConnectAttempted,
    ConnectsHidden,
    EffectApplied,
    FaultArmed,
    FaultFired,
    Left,
    ListenerMode,
    OpOk,
    RequestReceived,
    Sample,
    SubjectClosed,
    SubjectOpened,
)

Tell = Any  # the writer of events in conftest.py


def test_a_connect_in_the_dark_lasts_until_the_client_gives_it_up(tell: Tell) -> None:
    """The next attempt, or the operation's end, tells when."""
    read_ = tell.reading(
        ListenerMode(t=0.05, service="core", mode="dark"),
        tell.invoked(0.1),
        ConnectAttempted(t=0.11, op=1, attempt=1, service="core", port=4001, local=5001),
        ConnectAttempted(t=0.51, op=1, attempt=2, service="core", port=4001, local=5002),
        tell.failed(0.9),
    )
    (operation,) = read_.operations
    assert [(a.observable, a.seen) for a in operation.attempts] == [
        ("connect_timeout", 0.51),
        ("connect_timeout", 0.9),
    ]


def test_an_untagged_request_belongs_to_the_only_operation_in_flight(tell: Tell) -> None:
    """One in flight is exact; two are nobody's."""
    events = (
        tell.invoked(0.1),
        *tell.exchange(0.1, tell.head(0.2), tell.complete(0.2), op=None),
        OpOk(t=0.3, op=1),
    )
    assert len(tell.reading(*events).operations[0].attempts) == 1
    both = tell.reading(*events, tell.invoked(0.09, op=2), OpOk(t=0.4, op=2))
    assert len(both.strays) == 1
    assert both.lacks("attribution") is not None


def test_what_a_worker_sends_after_its_operation_may_be_another_s(tell: Tell) -> None:
    """It keeps the context in which it was started, and gets its work by a queue."""
    events = (
        tell.invoked(0.1),
        *tell.exchange(0.1, tell.head(0.2), tell.complete(0.2)),
        OpOk(t=0.3, op=1),
        *tell.exchange(0.5, conn=2),
    )
    assert len(tell.reading(*events).operations[0].attempts) == 2  # late, and nobody else's
    both = tell.reading(*events, tell.invoked(0.4, op=2), OpOk(t=0.9, op=2))
    assert [len(operation.attempts) for operation in both.operations] == [1, 0]
    assert [stray.begun for stray in both.strays] == [0.501]
    assert both.lacks("attribution") == "1 attempts belong to no single operation"


def test_what_a_failed_operation_leaves_behind_is_its_own(tell: Tell) -> None:
    """Its caller gave up on it, and it goes on trying."""
    read_ = tell.reading(
        tell.invoked(0.1),
        tell.failed(0.3),
        tell.invoked(0.4, op=2),
        *tell.exchange(0.5, conn=2),
        OpOk(t=0.9, op=2),
    )
    assert [len(operation.attempts) for operation in read_.operations] == [1, 0]


def test_a_life_is_tagged_while_each_of_its_requests_is(tell: Tell) -> None:
    """A client that the lab does not know sends without a tag; what a factory sends has none either."""
    untagged = tell.exchange(0.5, conn=1, op=None)
    before = tell.reading(*untagged, tell.invoked(0.6), tell.failed(0.7))
    assert [life.tagged for life in before.incarnations] == [True]
    untagged = tell.exchange(0.5, conn=1, op=None)
    within = tell.reading(
        tell.invoked(0.4),
        *untagged,
        tell.failed(0.7),
        SubjectClosed(t=0.8),
        SubjectOpened(t=0.9),
    )
    assert [life.tagged for life in within.incarnations] == [False, True]


def test_an_effect_counts_for_its_operation_however_late(tell: Tell) -> None:
    """Held bytes are carried out after the heal; they are no attempt of that time."""
    read_ = tell.reading(
        tell.invoked(0.1),
        *tell.exchange(0.1, ConnClosed(t=0.8, conn=1, service="core", by="client", how="fin")),
        tell.failed(0.9),
        RequestReceived(
            t=2.0, op=1, conn=1, request=1, service="core", method="POST", target="/query"
        ),
        EffectApplied(t=2.0, op=1, conn=1, request=1, service="core"),
    )
    (operation,) = read_.operations
    assert (len(operation.attempts), operation.effects) == (1, 1)


def test_an_effect_of_an_untagged_request_is_its_operation_s(tell: Tell) -> None:
    """A command that writes twice must not look as if it had written nothing."""
    applied = EffectApplied(t=0.15, conn=1, request=1, service="core")
    events = (
        tell.invoked(0.1),
        *tell.exchange(0.1, applied, tell.head(0.2), tell.complete(0.2), op=None),
        OpOk(t=0.3, op=1),
    )
    assert tell.reading(*events).operations[0].effects == 1


def test_a_backend_without_a_ledger_leaves_effects_unknown(tell: Tell) -> None:
    """A real server tells nobody what it did."""
    read_ = tell.reading(
        tell.invoked(0.1),
        *tell.exchange(0.1, tell.head(0.2), tell.complete(0.2)),
        OpOk(t=0.3, op=1),
    )
    assert read_.operations[0].effects is None
    assert read_.lacks("effects") is not None


def test_a_subject_that_hides_its_connects_is_known_to(tell: Tell) -> None:
    """Only where a listener was shut: otherwise every connect reached the proxy."""
    hidden = SubjectOpened(t=0.0, connects="none: uvloop")
    assert tell.reading(opened=hidden).lacks("connects") is None
    shut = tell.reading(ListenerMode(t=0.1, service="core", mode="refusing"), opened=hidden)
    assert shut.lacks("connects") == "uvloop"


def test_a_connection_that_nobody_was_seen_to_make_hides_connects(tell: Tell) -> None:
    """A child process made it, or a library in C: then refused ones are not seen either."""
    made = ConnectAttempted(t=0.1, service="core", port=4001, local=5001)
    events = (*tell.exchange(0.1), ListenerMode(t=0.2, service="core", mode="refusing"))
    other = ListenerMode(t=0.2, service="penelope", mode="refusing")
    assert tell.reading(made, *events).lacks("connects") is None
    assert tell.reading(*tell.exchange(0.1), other).lacks("connects") is None
    assert tell.reading(*events).lacks("connects") == (
        "a connection was made by a child process, or past Python's sockets"
    )


def test_connects_told_by_the_packets_or_the_simulated_network_are_known(tell: Tell) -> None:
    """They are every one, as those of the audit event are."""
    shut = ListenerMode(t=0.05, service="core", mode="refusing")
    for connects, lacks in (
        ("packets", None),
        ("network", None),
        ("none: no rights", "no rights"),
    ):
        opened = SubjectOpened(t=0.0, connects=connects)
        assert tell.reading(opened, shut).lacks("connects") == lacks


def test_connects_that_may_have_got_lost_are_unknown(tell: Tell) -> None:
    """A capture that overflowed, or that holds connects of the lab's own, counts nothing."""
    opened = SubjectOpened(t=0.0, connects="packets")
    shut = ListenerMode(t=0.05, service="core", mode="dark")
    armed = FaultArmed(t=0.05, fault=1, service="core", name="partition")
    filled = msgspec.structs.replace(armed, mechanism="listener full backlog; no live connections")
    hidden = ConnectsHidden(t=0.1, why="too many")
    assert tell.reading(opened, shut, armed).lacks("connects") is None
    assert tell.reading(opened, shut, armed, hidden).lacks("connects") == "too many"
    told = "the lab itself filled a backlog with connects"
    assert tell.reading(opened, shut, filled).lacks("connects") == told


def test_a_fault_s_hits_are_counted_where_they_happened(tell: Tell) -> None:
    """The proof that something went wrong, and on what."""
    read_ = tell.reading(
        FaultArmed(t=0.05, service="core", fault=3, name="status", text="code: 503"),
        tell.invoked(0.1),
        *tell.exchange(
            0.1,
            FaultFired(t=0.15, service="core", fault=3, conn=1, request=1),
            tell.head(0.2, 503),
            tell.complete(0.2),
        ),
        tell.failed(0.3),
    )
    assert (read_.faults[0].fired, tell.only(read_).faults) == (1, (3,))


def test_connections_know_which_life_of_the_subject_they_belong_to(tell: Tell) -> None:
    """A leak is charged to the life that left it."""
    read_ = tell.reading(
        *tell.exchange(0.1, tell.head(0.2), tell.complete(0.2), op=None),
        SubjectClosed(t=0.3),
        SubjectOpened(t=0.4),
        *tell.exchange(0.5, conn=2, op=None),
    )
    assert [c.incarnation for c in read_.connections] == [0, 1]
    assert [i.closed for i in read_.incarnations] == [0.3, None]


def test_effects_of_the_lab_s_own_copies_are_the_fault_s(tell: Tell) -> None:
    """The client made one attempt, whatever the network did with it."""
    own = {"conn": 1, "request": 1, "op": 1, "service": "core"}
    read_ = tell.reading(
        FaultArmed(t=0.05, service="core", fault=4, name="duplicate"),
        tell.invoked(0.1),
        *tell.exchange(0.1),
        RequestReceived(t=0.2, method="POST", target="/x", **own),
        EffectApplied(t=0.2, **own),
        RequestReceived(t=0.3, method="POST", target="/x", fault=4, **own),
        EffectApplied(t=0.3, fault=4, **own),
        tell.head(0.4),
        tell.complete(0.4),
        OpOk(t=0.5, op=1),
    )
    (operation,) = read_.operations
    attempt = tell.only(read_)
    assert (operation.effects, attempt.effects) == (1, 1)
    assert attempt.events == (6, 7, 8, 11, 12)  # not 9 and 10, which the copy left
    assert [fault.effects for fault in read_.faults] == [1]


def test_each_life_knows_what_it_left(tell: Tell) -> None:
    """A life that nobody looked at, or that never ended, left nothing that is known."""
    left = (Left(kind="task", name="poll"),)
    read_ = tell.reading(
        Sample(t=0.1, at="open"),
        SubjectClosed(t=0.3),
        Sample(t=0.35, at="close", left=left),
        SubjectOpened(t=0.4),
        Sample(t=0.45, at="open"),
        SubjectOpened(t=0.6),
        SubjectClosed(t=0.7),
    )
    lives = [(life.counted, life.closed, life.left) for life in read_.incarnations]
    assert lives == [(True, 0.3, left), (True, None, None), (False, 0.7, None)]
