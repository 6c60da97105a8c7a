"""When misread late results explain what was seen, and when they do not."""

from typing import Any

import pytest

from faultlab.lab.attempts import read
from faultlab.lab.checks.misreading import Misreading
from faultlab.lab.contract import Contract
from faultlab.lab.oracle import demands


def taken(told: Any, contract: Contract) -> dict[int, str]:
    """How each operation was treated on which the field decides."""
    reading = read(told.history())
    return dict(Misreading(reading, contract, demands(contract, reading)).taken)


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
    assert taken(told, contract) == {4: found}


def test_where_late_results_count_they_change_it(story: Any, contract: Contract) -> None:
    """A late failure restarts the time."""
    counting = tuple(
        one.model_copy(update={"late_results": "count"}) for one in contract.breaker or ()
    )
    declared = contract.model_copy(update={"breaker": counting})
    told = late(story, 500).call(4, 33.0, 503)
    assert taken(told, declared) == {4: "misread"}


def test_what_is_left_open_is_not_misread(story: Any, contract: Contract) -> None:
    """Nobody promised anything."""
    silent = tuple(one.model_copy(update={"late_results": None}) for one in contract.breaker or ())
    told = late(story, 200).call(4, 6.0, 503)
    assert taken(told, contract.model_copy(update={"breaker": silent})) == {}
    assert taken(told, contract.model_copy(update={"breaker": ()})) == {}
