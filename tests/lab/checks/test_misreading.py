"""When a misread field explains what was seen, and when it does not."""

from typing import Any

import pytest

from faultlab.lab.attempts import read
from faultlab.lab.checks.misreading import Misreadings
from faultlab.lab.contract import Contract
from faultlab.lab.oracle import demands


def taken(told: Any, contract: Contract, field: Any = "layer") -> dict[int, str]:
    """How each operation was treated on which the field decides."""
    reading = read(told.history())
    return dict(Misreadings(reading, contract, demands(contract, reading)).of(field))


def thrice(told: Any, op: int, t: float, status: int = 503) -> Any:
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


def test_who_counts_attempts_stops_earlier(story: Any, four: Contract) -> None:
    """Two operations have failed, in six attempts."""
    told = thrice(thrice(story(), 1, 0.1), 2, 2.0)
    assert taken(told.call(3, 4.0, 0), four) == {3: "misread"}


def test_who_counts_operations_goes_on(story: Any, four: Contract) -> None:
    """The first operation that only a count of attempts would reject says so."""
    told = thrice(thrice(story(), 1, 0.1), 2, 2.0)
    assert taken(told.call(3, 4.0, 200), four) == {3: "kept"}


def test_whose_count_is_one_short_has_not_counted_attempts(story: Any, four: Contract) -> None:
    """It had let one through that a count of attempts rejects: that explains it no more."""
    told = thrice(thrice(thrice(story(), 1, 0.1), 2, 2.0), 3, 4.0)
    assert taken(told.call(4, 6.0, 0), four) == {3: "kept"}


def test_a_success_in_between_makes_them_agree(story: Any, four: Contract) -> None:
    """Nothing depends on the field then."""
    told = thrice(thrice(story(), 1, 0.1).call(2, 2.0, 200), 3, 3.0)
    assert taken(told.call(4, 5.0, 200), four) == {}


def test_another_circuit_s_rejection_is_not_explained_by_it(story: Any, four: Contract) -> None:
    """A count of attempts on one endpoint opens no other."""
    told = thrice(thrice(story(), 1, 0.1), 2, 2.0)
    assert taken(told.call(3, 4.0, 0, "other"), four) == {}


def test_who_counts_operations_though_attempts_are_declared(story: Any, four: Contract) -> None:
    """The other way round: it should have stopped."""
    each = tuple(one.model_copy(update={"layer": "per_attempt"}) for one in four.breaker or ())
    told = thrice(thrice(story(), 1, 0.1), 2, 2.0)
    declared = four.model_copy(update={"breaker": each})
    assert taken(told.call(3, 4.0, 200), declared) == {3: "misread"}


def test_without_a_second_attempt_there_is_nothing_to_ask(story: Any, four: Contract) -> None:
    """An operation is its attempt."""
    told = story().call(1, 0.1, 500).call(2, 0.2, 500).call(3, 0.3, 0)
    assert taken(told, four) == {}


def late(story: Any, status: int) -> Any:
    """Two failures open the breaker while an operation runs that ends later."""
    told = story().begin(1, 0.1).start(1, 1, 0.11)
    told.begin(2, 1.0).meet(2, 1, 1.01, 500, conn=2).fail(2, 1.02, "BadStatus")
    told.begin(3, 2.0).meet(3, 1, 2.01, 500, conn=2).fail(3, 2.02, "BadStatus")
    told.answer(5.0, status)
    return told.ok(1, 5.01) if status == 200 else told.fail(1, 5.01, "BadStatus")


@pytest.mark.parametrize(
    ("status", "t", "ends", "found"),
    [
        (200, 6.0, 0, "kept"),
        (200, 6.0, 503, "misread"),  # closed by a late success
        (500, 33.0, 503, "kept"),
        (500, 33.0, 0, "misread"),  # open for another 30 s since a late failure
    ],
)
def test_a_late_result_changes_nothing(
    story: Any, contract: Contract, status: int, t: float, ends: int, found: str
) -> None:
    """A success does not close what others have opened, nor does a failure open it anew."""
    told = late(story, status).call(4, t, ends)
    assert taken(told, contract, "late_results") == {4: found}


def test_where_late_results_count_they_change_it(story: Any, contract: Contract) -> None:
    """A late failure restarts the time."""
    counting = tuple(
        one.model_copy(update={"late_results": "count"}) for one in contract.breaker or ()
    )
    declared = contract.model_copy(update={"breaker": counting})
    told = late(story, 500).call(4, 33.0, 503)
    assert taken(told, declared, "late_results") == {4: "misread"}


def test_what_is_left_open_is_not_misread(story: Any, contract: Contract) -> None:
    """Nobody promised anything."""
    silent = tuple(one.model_copy(update={"late_results": None}) for one in contract.breaker or ())
    told = late(story, 200).call(4, 6.0, 503)
    assert taken(told, contract.model_copy(update={"breaker": silent}), "late_results") == {}
    assert taken(told, contract.model_copy(update={"breaker": ()}), "late_results") == {}
