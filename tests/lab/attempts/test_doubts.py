"""Why what was seen of an operation may not be all."""

from __future__ import annotations

from typing import Any

from faultlab.lab.attempts import doubt, unattributed
from faultlab.lab.history import (
    FaultArmed,
    ListenerMode,
    OpFailed,
    OpInvoked,
    OpOk,
    Raised,
    SubjectOpened,
)

Tell = Any  # the writer of events in conftest.py


def test_an_operation_whose_requests_may_be_a_stray_has_not_done_without(tell: Tell) -> None:
    """Two commands at once: one request could be either's, so that neither is known to have none."""
    reading = tell.reading(
        tell.invoked(0.1),
        tell.invoked(0.11, op=2),
        *tell.exchange(0.12, tell.head(0.13, 503), tell.complete(0.14), op=None),
        OpFailed(t=0.2, op=1, errors=(Raised(classes=("exit 22",)),)),
        OpOk(t=0.21, op=2),
        tell.invoked(0.3, op=3),
        *tell.exchange(0.31, tell.head(0.32, conn=2), tell.complete(0.33, conn=2), op=3, conn=2),
        OpOk(t=0.4, op=3),
    )
    first, second, third = reading.operations
    assert first.attempts == ()
    assert doubt(reading, first) == unattributed(reading, first) != ""
    assert doubt(reading, second) == doubt(reading, first)
    assert doubt(reading, third) == ""


def test_of_an_operation_without_a_known_service_any_hidden_connect_may_be(tell: Tell) -> None:
    """It was marked by a test, made no attempt that was seen, and declares nothing."""
    marked = OpInvoked(t=0.3, op=1, name="get", idempotent=True)
    shut = (
        FaultArmed(t=0.1, service="core", fault=1, name="refused", listener="refusing"),
        ListenerMode(t=0.1, service="core", mode="refusing"),
    )
    blind = SubjectOpened(t=0.0, connects="none: uvloop hides them")
    reading = tell.reading(*shut, marked, tell.failed(0.4), opened=blind)
    (operation,) = reading.operations
    assert operation.service == ""
    assert doubt(reading, operation) == "connects that reach no proxy: uvloop hides them"
