"""Connections from a pool that had ended: the corners of the claim."""

from typing import Any

from faultlab.lab import history as h
from faultlab.lab.contract import builtin

TARGETS = {"read": ("GET", "/orders/{id}"), "write": ("POST", "/orders")}


def stale(story: Any, name: str = "read", how: str = "rst", **fields: Any) -> Any:
    """An operation that takes a connection which the server has ended."""
    told = story().call(1, 0.1, 200).close(1.0, by="lab", how=how).begin(2, 2.0, name, **fields)
    method, target = TARGETS[name]
    return told.on(
        h.RequestStarted,
        2.01,
        op=2,
        attempt=1,
        conn=1,
        request=2,
        method=method,
        target=target,
        reused=True,
    )


def test_it_costs_an_attempt_and_not_the_operation(story: Any, found: Any) -> None:
    """The server's idle time-out is nobody's failure."""
    for how in ("fin", "rst"):
        told = stale(story, how=how).meet(2, 2, 2.4, 200, conn=2).ok(2, 2.5)
        assert found("C72", told).outcome == "pass"
    told = stale(story, how="fin").fail(2, 2.02, "Unreachable")
    finding = found("C72", told)
    assert finding.seen == (
        "`read` took a connection that the server had ended, met stale_eof, and was not tried again"
    )
    assert finding.field == "retry_on.faults.eof: idempotent"


def test_what_surfaces_is_told_once(story: Any, found: Any) -> None:
    """Neither the count nor the retryable set has anything to add."""
    told = stale(story).fail(2, 2.02, "Unreachable")
    assert [found(check, told).outcome for check in ("C02", "C04")] == ["not_exercised"] * 2


def test_what_may_have_been_read_is_not_sent_again(story: Any, found: Any) -> None:
    """The server may have read it before it closed, and nobody can know."""
    assert found("C72", stale(story, "write").fail(2, 2.02, "Unreachable")).outcome == "pass"
    told = stale(story, "write").meet(2, 2, 2.4, 503, conn=2).fail(2, 2.5, "BadStatus")
    finding = found("C72", told)
    assert finding.seen == (
        "POST /orders was sent on a connection that the server had ended, met stale_reset, "
        "and was sent again"
    )
    assert found("C05", told).outcome == "pass"  # the 503 on the second, which was the last


def test_a_client_that_promises_no_retry_is_not_judged(story: Any, found: Any) -> None:
    """Plain httpx lets it surface, and its contract says so."""
    told = stale(story).fail(2, 2.02, "httpx.ReadError")
    assert found("C72", told, builtin("httpx")).outcome == "not_exercised"


def test_a_caller_who_left_is_no_failure(story: Any, found: Any) -> None:
    """Nothing was to follow any more."""
    told = stale(story).on(h.OpCancelRequested, 2.02, op=2).on(h.OpCancelled, 2.021, op=2)
    assert found("C72", told).outcome == "not_exercised"
