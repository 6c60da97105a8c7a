"""How an operation ended: the corners of the claims."""

from typing import Any

from faultlab.lab import history as h
from faultlab.lab.contract import builtin


def test_an_unmapped_key_is_unknown_and_named(story: Any, found: Any, contract: Any) -> None:
    """The contract's owner is told what to add; nobody is blamed."""
    vague = contract.model_copy(update={"errors": {"timeout": ("TimedOut",)}})
    finding = found("C61", story().call(1, 0.1, 404), vague)
    assert finding.outcome == "unknown"
    assert finding.missing == "the contract says nothing of `status:404`"
    assert finding.to_know == "add `status:404` to the contract's errors"


def test_a_foreign_exception_is_reported_once(story: Any, found: Any) -> None:
    """It is outside the hierarchy; that it is also not the declared one goes without saying."""
    told = story().begin(1, 0.1).meet(1, 1, 0.2, 404).fail(1, 0.3, "json.JSONDecodeError")
    assert (found("C60", told).outcome, found("C61", told).outcome) == ("fail", "not_exercised")


def test_the_wrong_class_of_the_own_hierarchy_is_seen(story: Any, found: Any) -> None:
    """A time-out told as a bad status sends its reader to the wrong team."""
    told = story().begin(1, 0.1, "write").start(1, 1, 0.2).close(10.2).fail(1, 10.3, "BadStatus")
    finding = found("C61", told)
    assert finding.seen == "`write` met read_timeout_headers and ended as shop.BadStatus"
    assert finding.promised == "read_timeout_headers ends as TimedOut"
    assert finding.field == "errors.timeout: TimedOut"


def test_a_rejection_has_its_own_class(story: Any, found: Any) -> None:
    """An open breaker is no connection error."""
    told = story().call(1, 0.1, 503, "write").call(2, 1.1, 503, "write")
    assert found("C61", told.call(3, 2.0, 0, "write")).outcome == "pass"
    told.events = told.events[:-1]
    assert found("C61", told.fail(3, 2.001, "Unreachable")).outcome == "fail"


def test_what_a_pending_attempt_met_is_not_guessed(story: Any, found: Any) -> None:
    """The client left the connection open, so the wire does not tell why it gave up."""
    told = story().begin(1, 0.1, "write").start(1, 1, 0.2).fail(1, 5.0, "BadStatus")
    finding = found("C61", told)
    assert finding.missing == "what its last attempt met can't be told"


def test_a_returned_status_is_no_swallow(story: Any, found: Any) -> None:
    """Plain httpx returns the answer, and its contract says so."""
    told = story().begin(1, 0.1).meet(1, 1, 0.2, 503).ok(1, 0.3)
    assert found("C63", told, builtin("httpx")).outcome == "not_exercised"
    assert found("C63", told, None).outcome == "not_exercised"
    assert found("C63", told).outcome == "fail"


def test_ok_without_any_attempt_is_a_swallow(story: Any, found: Any) -> None:
    """A default that looks like an answer."""
    finding = found("C63", story().begin(1, 0.1).ok(1, 0.2))
    assert finding.seen == "`read` made no attempt and ended ok"


def test_ok_after_a_lost_answer_is_a_swallow_for_every_client(story: Any, found: Any) -> None:
    """No contract can call that a success."""
    told = story().begin(1, 0.1).start(1, 1, 0.2).close(0.3, by="lab").ok(1, 0.4)
    assert found("C63", told, None).outcome == "fail"


def test_a_cut_body_is_reported_once(story: Any, found: Any) -> None:
    """A truncated answer that is accepted breaks integrity, and is not also called a swallow."""
    told = story().begin(1, 0.1).start(1, 1, 0.2)
    told.on(h.ResponseHead, 0.21, conn=1, request=1, status=200)
    told.on(h.ResponseCut, 0.22, conn=1, request=1, at=10).close(0.22, by="lab").ok(1, 0.3)
    assert (found("C65", told).outcome, found("C63", told).outcome) == ("fail", "not_exercised")


def test_an_unusable_answer_counts_where_an_error_is_promised(story: Any, found: Any) -> None:
    """Whoever returns raw bodies leaves it to the caller whether they are JSON."""
    told = story().begin(1, 0.1).meet(1, 1, 0.2, 200, damaged="bad_json").ok(1, 0.3)
    assert found("C65", told).outcome == "fail"
    assert found("C65", told, builtin("httpx")).outcome == "not_exercised"


def test_a_damaged_answer_that_was_made_good_is_none(story: Any, found: Any) -> None:
    """Only the last answer is what the caller got."""
    told = story().begin(1, 0.1).start(1, 1, 0.2)
    told.on(h.ResponseHead, 0.21, conn=1, request=1, status=200)
    told.on(h.ResponseCut, 0.22, conn=1, request=1, at=10).close(0.22, by="lab")
    assert found("C65", told.meet(1, 2, 0.6, 200, conn=2).ok(1, 0.7)).outcome == "not_exercised"
