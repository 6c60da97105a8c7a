"""Failures in a row, counted or not."""

from typing import Any

from faultlab.lab import history as h
from faultlab.lab.attempts import read
from faultlab.lab.checks.rows import Rows, met
from faultlab.lab.oracle import Key


def rows(told: Any, scope: Any = "endpoint", life: int = 0) -> list[tuple[int, str]]:
    """The failures in a row before the last operation, the latest first."""
    reading = read(told.history())
    service = "" if scope == "client" else "orders"
    endpoint = "GET /orders/{id}" if scope == "endpoint" else ""
    found = Rows(reading).before(reading.operations[-1], Key(0, scope, service, endpoint, life))
    return [(one.id, met(one)) for one in found]


def test_a_row_ends_at_the_last_success(story: Any) -> None:
    """What came before it is forgotten by every breaker that counts in a row."""
    told = story().call(1, 0.1, 503).call(2, 0.2, 200).call(3, 0.3, 404).call(4, 0.4, 503)
    assert rows(told.call(5, 0.5, 200)) == [(4, "status:503"), (3, "status:404")]


def test_only_what_the_circuit_sees_is_in_it(story: Any) -> None:
    """Another endpoint's failures are its own, and the service's too."""
    told = story().call(1, 0.1, 503).call(2, 0.2, 503, "other").call(3, 0.3, 200)
    assert rows(told) == [(1, "status:503")]
    assert rows(told, "service") == rows(told, "client") == [(2, "status:503"), (1, "status:503")]
    assert rows(told, life=1) == []


def test_what_is_still_running_is_not_in_it(story: Any) -> None:
    """Its result may be anything."""
    told = story().call(1, 0.1, 503).begin(2, 0.2).start(2, 1, 0.21, conn=2).call(3, 0.3, 200)
    assert rows(told.answer(0.9, 503, conn=2).fail(2, 1.0, "BadStatus")) == [(1, "status:503")]


def test_a_rejection_is_no_failure_and_a_cancellation_may_be_taken_for_one(story: Any) -> None:
    """A cancelled operation counts by that, whatever its last attempt had met."""
    told = story().call(1, 0.1, 0).begin(2, 0.2).meet(2, 1, 0.21, 503)
    told.on(h.OpCancelRequested, 0.3, op=2).on(h.OpCancelled, 0.301, op=2)
    told.begin(3, 0.4).on(h.OpCancelled, 0.5, op=3)
    assert rows(told.call(4, 0.6, 200)) == [(3, "cancelled"), (2, "cancelled")]
