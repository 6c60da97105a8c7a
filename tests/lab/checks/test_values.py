"""What an operation returns: the corners of the claim, and that it is said once."""

from typing import Any

import pytest

from faultlab.lab import history as h
from faultlab.lab.contract import builtin


def returned(
    story: Any, *, damaged: str = "", value: str = "builtins.str", status: int = 200
) -> Any:
    """A read that returned an order, and one that met something and returned another value."""
    told = story().begin(1, 0.1).meet(1, 1, 0.11, 200).on(h.OpOk, 0.12, op=1, type="shop.Order")
    told.begin(2, 0.2).meet(2, 1, 0.21, status, damaged=damaged)
    return told.on(h.OpOk, 0.22, op=2, type=value)


def test_a_value_of_another_type_is_told_with_what_it_was_made_of(story: Any, found: Any) -> None:
    """The caller's next line fails on it, and names neither client nor service."""
    finding = found("C66", returned(story, damaged="wrong_content_type"))
    assert finding.seen == "`read` returned builtins.str for an answer that was wrong_content_type"
    assert finding.promised == "`read` returns shop.Order, as it does without a fault"


@pytest.mark.parametrize(
    ("value", "says"),
    [("builtins.str", "C66"), ("builtins.NoneType", "C66"), ("shop.Order", "C65")],
)
def test_an_unusable_answer_is_reported_once(story: Any, found: Any, value: str, says: str) -> None:
    """What it was made into says more than that it was accepted."""
    told = returned(story, damaged="empty_body", value=value)
    failed = [check for check in ("C63", "C65", "C66") if found(check, told).outcome == "fail"]
    assert failed == [says]


def test_a_client_that_returns_the_answer_itself_is_stable(story: Any, found: Any) -> None:
    """Whatever is in it."""
    told = returned(story, damaged="wrong_content_type", value="shop.Order")
    assert found("C66", told, builtin("httpx")).outcome == "pass"


def test_another_type_after_a_retry_is_one(story: Any, found: Any) -> None:
    """The second attempt may go another way through the code."""
    told = returned(story, status=503)
    told.events = told.events[:-1]
    told.meet(2, 2, 0.7, 200).on(h.OpOk, 0.8, op=2, type="httpx.Response")
    assert found("C66", told).seen == "`read` returned httpx.Response after 2 attempts"


def test_a_good_answer_that_a_fault_touched_counts(story: Any, found: Any) -> None:
    """A fault may answer 200 with another content type, which the wire finds whole."""
    told = returned(story)
    assert found("C66", told).outcome == "not_exercised"
    told.arm(0.19, "status").on(h.FaultFired, 0.21, fault=1, conn=1, request=2)
    assert found("C66", told).outcome == "fail"


def test_a_value_for_an_error_status_is_another_matter(story: Any, found: Any) -> None:
    """None for a 404 may be what the client says with it."""
    assert found("C66", returned(story, status=404)).outcome == "not_exercised"


def test_what_returned_only_with_faults_has_nothing_to_be_like(story: Any, found: Any) -> None:
    """Which type is right no contract says."""
    told = story().begin(1, 0.1).meet(1, 1, 0.11, 200, damaged="bad_json")
    told.on(h.OpOk, 0.12, op=1, type="builtins.str")
    assert found("C66", told).outcome == "not_exercised"


def test_several_types_without_a_fault_are_all_right(story: Any, found: Any) -> None:
    """An operation may answer with one of several."""
    told = returned(story, damaged="bad_json", value="shop.Draft")
    told.begin(3, 0.3).meet(3, 1, 0.31, 200).on(h.OpOk, 0.32, op=3, type="shop.Draft")
    assert found("C66", told, None).outcome == "pass"


def test_a_value_that_nobody_knows_is_not_judged(story: Any, found: Any) -> None:
    """In a test the lab sees what was called, and not what came of it."""
    assert found("C66", returned(story, damaged="bad_json", value="")).outcome == "not_exercised"
