"""What a breaker counts: the corners of the claims."""

from typing import Any

import pytest

from faultlab.lab.contract import Contract


def thrice(story: Any) -> Any:
    """One operation that fails three times."""
    told = story().begin(1, 0.01)
    for number, at in ((1, 0.02), (2, 0.42), (3, 1.12)):
        told.meet(1, number, at, 503)
    return told.fail(1, 1.13, "BadStatus")


def test_a_deviation_is_told_once_by_the_field_that_was_misread(story: Any, found: Any) -> None:
    """Rejected before the threshold, and why; not twice."""
    told = thrice(story).call(2, 2.0, 0)
    finding = found("C43", told)
    assert finding.seen == "`read` was rejected after 1 operation had failed, in 3 attempts"
    assert finding.field == "breaker.layer: per_call"
    assert [found(check, told).outcome for check in ("C41", "C42")] == ["not_exercised"] * 2


def test_what_no_misreading_explains_is_early(story: Any, found: Any) -> None:
    """One attempt of one operation: nothing has met a threshold of two."""
    told = story().call(1, 0.1, 500).call(2, 1.0, 0)
    assert [found(check, told).outcome for check in ("C41", "C43")] == ["fail", "not_exercised"]


def test_a_late_result_that_closes_is_told_once(story: Any, found: Any) -> None:
    """That it was let through while the breaker was open is the same deed."""
    told = story().begin(1, 0.1).start(1, 1, 0.11)
    told.begin(2, 1.0).meet(2, 1, 1.01, 500, conn=2).fail(2, 1.02, "BadStatus")
    told.begin(3, 2.0).meet(3, 1, 2.01, 500, conn=2).fail(3, 2.02, "BadStatus")
    told = told.answer(5.0, 200).ok(1, 5.01).call(4, 6.0, 503)
    finding = found("C47", told)
    assert finding.field == "breaker.late_results: ignore"
    assert finding.promised == "such a result changes nothing"
    assert {1, 3} <= {event.op for event in told.history() if event.index in finding.events}
    assert found("C40", told).outcome == "not_exercised"


def test_who_never_opens_has_not_misread_late_results(story: Any, found: Any) -> None:
    """Without a late result nothing was decided by one."""
    told = story().call(1, 0.1, 500).call(2, 1.0, 500).call(3, 2.0, 500)
    assert [found(check, told).outcome for check in ("C40", "C47")] == ["fail", "not_exercised"]


def again(told: Any, op: int, t: float, status: int = 503) -> Any:
    """One operation of three attempts."""
    told.begin(op, t)
    for number, at in ((1, 0.01), (2, 0.4), (3, 1.1)):
        told.meet(op, number, t + at, status)
    return told.fail(op, t + 1.2, "BadStatus")


@pytest.fixture
def four(contract: Contract) -> Contract:
    """It opens after four."""
    return contract.model_copy(
        update={
            "breaker": tuple(
                one.model_copy(update={"fail_max": 4}) for one in contract.breaker or ()
            )
        }
    )


def test_who_counts_attempts_stops_earlier(story: Any, found: Any, four: Contract) -> None:
    """Two operations have failed, in six attempts."""
    told = again(again(story(), 1, 0.1), 2, 2.0)
    assert found("C43", told.call(3, 4.0, 0), four).outcome == "fail"


def test_who_counts_operations_goes_on(story: Any, found: Any, four: Contract) -> None:
    """The first operation that only a count of attempts would reject says so."""
    told = again(again(story(), 1, 0.1), 2, 2.0)
    assert found("C43", told.call(3, 4.0, 200), four).outcome == "pass"


def test_whose_count_is_one_short_has_not_counted_attempts(
    story: Any, found: Any, four: Contract
) -> None:
    """It had let one through that a count of attempts rejects: that explains it no more."""
    told = again(again(again(story(), 1, 0.1), 2, 2.0), 3, 4.0)
    told.call(4, 6.0, 0)
    assert [found(check, told, four).outcome for check in ("C41", "C43")] == ["fail", "pass"]


def test_a_success_in_between_makes_them_agree(story: Any, found: Any, four: Contract) -> None:
    """Nothing depends on the field then."""
    told = again(again(story(), 1, 0.1).call(2, 2.0, 200), 3, 3.0)
    assert found("C43", told.call(4, 5.0, 200), four).outcome == "not_exercised"


def test_another_circuit_s_rejection_is_not_explained_by_it(
    story: Any, found: Any, four: Contract
) -> None:
    """A count of attempts on one endpoint opens no other."""
    told = again(again(story(), 1, 0.1), 2, 2.0)
    told.call(3, 4.0, 0, "other")
    assert [found(check, told, four).outcome for check in ("C41", "C43")] == [
        "fail",
        "not_exercised",
    ]


def test_who_counts_operations_though_attempts_are_declared(
    story: Any, found: Any, four: Contract
) -> None:
    """The other way round: it should have stopped."""
    each = tuple(one.model_copy(update={"layer": "per_attempt"}) for one in four.breaker or ())
    told = again(again(story(), 1, 0.1), 2, 2.0)
    declared = four.model_copy(update={"breaker": each})
    told.call(3, 4.0, 200)
    assert found("C43", told, declared).field == "breaker.layer: per_attempt"
    assert found("C40", told, declared).outcome == "not_exercised"


def test_without_a_second_attempt_there_is_nothing_to_ask(
    story: Any, found: Any, four: Contract
) -> None:
    """An operation is its attempt."""
    told = story().call(1, 0.1, 500).call(2, 0.2, 500).call(3, 0.3, 0)
    assert found("C43", told, four).outcome == "not_exercised"
