"""Events whose ids mean nothing where they stand."""

from __future__ import annotations

import pytest

from faultlab.lab.history import (
    AnyEvent,
    ConnClosed,
    ConnOpened,
    FaultArmed,
    FaultFired,
    Header,
    OpInvoked,
    OpOk,
    RequestStarted,
    SubjectOpened,
    numbered,
    refuted,
)

BEGUN: tuple[AnyEvent, ...] = (
    SubjectOpened(t=0.0),
    OpInvoked(t=0.1, op=1, name="read"),
    ConnOpened(t=0.2, conn=1),
    FaultArmed(t=0.3, fault=1, name="status"),
)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (OpOk(t=1.0, op=2), "op.ok of operation 2, which never began before it"),
        (OpOk(t=1.0), "op.ok names no operation"),
        (OpInvoked(t=1.0, op=1, name="read"), "op.invoked of operation 1, which began before"),
        (OpInvoked(t=1.0, name="read"), "op.invoked names no operation"),
        (
            RequestStarted(t=1.0, conn=7, request=1, method="GET", target="/"),
            "request.started of connection 7, which never was opened before it",
        ),
        (
            ConnClosed(t=1.0, conn=7, by="client", how="fin"),
            "conn.closed of connection 7, which never was opened before it",
        ),
        (ConnOpened(t=1.0, conn=1), "conn.opened of connection 1, which was opened before"),
        (FaultFired(t=1.0, fault=9), "fault.fired of fault 9, which never was armed before it"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_an_id_that_means_nothing_is_told_with_its_event(event: AnyEvent, why: str) -> None:
    """A request on a connection that nobody opened would be an attempt that no count sees."""
    assert refuted(numbered(Header(), [*BEGUN, event])) == (5, why)


def test_events_that_go_together_are_not_refuted() -> None:
    """One of each that needs another."""
    more: tuple[AnyEvent, ...] = (
        RequestStarted(t=0.4, conn=1, request=1, method="GET", target="/"),
        FaultFired(t=0.4, fault=1, conn=1, request=1),
        OpOk(t=0.5, op=1),
        ConnClosed(t=0.6, conn=1, by="client", how="fin"),
    )
    assert refuted(numbered(Header(), [*BEGUN, *more])) is None
