"""Marking operations: what is no name, and which there are."""

from __future__ import annotations

import pytest

from faultlab.lab.errors import UsageError
from faultlab.lab.testing import Lab


@pytest.mark.parametrize("name", ["", " ", None, 7, "a\nb"])
def test_what_is_no_name_is_told_one(lab: Lab, name: object) -> None:
    """It would stand in reports."""
    with pytest.raises(UsageError) as caught:
        lab.operation(name)  # type: ignore[arg-type]
    assert str(caught.value) == f"lab.operation({name!r})\n  expected   a name, like get_order"


def test_idempotent_is_true_or_false(lab: Lab) -> None:
    """A text that is true would make a write one that may be repeated."""
    with pytest.raises(UsageError, match=r"lab\.operation\('add', idempotent='no'\)"):
        lab.operation("add", idempotent="no")  # type: ignore[arg-type]


def test_an_operation_that_never_began_is_named_with_those_that_did(lab: Lab) -> None:
    """A misspelt name that counted 0 would pass."""
    with lab.operation("get_order"):
        pass
    with pytest.raises(UsageError) as caught:
        lab.attempts(operation="get_orders")
    assert str(caught.value) == (
        "operation='get_orders': no operation of this name has begun in this test\n"
        "  expected   get_order\n"
        "  nearest    get_order\n"
        '  mend       with lab.operation("get_orders"): ...'
    )


def test_a_test_that_is_over_has_no_operations_any_more(lab: Lab) -> None:
    """A thread that outlives its test is told so."""
    lab.close()
    with pytest.raises(UsageError, match="this test is over"):
        lab.operation("late")
