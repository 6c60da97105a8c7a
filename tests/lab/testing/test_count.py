"""A number that explains itself."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from faultlab.lab.testing import Count


def attempts(number: int) -> Count:
    """A count as the lab makes it."""
    return Count(number, what="attempts on orders", why="since the test began")


def test_a_count_is_an_int() -> None:
    """A test compares, adds, formats and looks it up as it would the number."""
    three = attempts(3)
    assert three == 3
    assert three + 1 == 4
    assert 2 < three <= 3
    assert {3: "x"}[three] == "x"
    assert hash(three) == hash(3)
    assert (repr(three), str(three), f"{three:03d}") == ("3", "3", "003")
    assert sorted([attempts(2), 1, attempts(0)]) == [0, 1, 2]


@pytest.mark.parametrize("copied", [lambda n: pickle.loads(pickle.dumps(n)), copy.deepcopy])
def test_a_count_travels_whole(copied: Callable[[Count], Count]) -> None:
    """A test distributed over processes may hand it on."""
    one = copied(attempts(1))
    assert (one, one.what, one.why) == (1, "attempts on orders", "since the test began")
    assert one.text == "1 attempt on orders"


@pytest.mark.parametrize(
    ("sign", "other", "line"),
    [
        ("==", 3, "4 attempts on orders != 3"),
        ("!=", 4, "4 attempts on orders == 4"),
        ("<", 3, "4 attempts on orders >= 3"),
        ("<=", 3, "4 attempts on orders > 3"),
        (">", 4, "4 attempts on orders <= 4"),
        (">=", 5, "4 attempts on orders < 5"),
        ("in", (1, 3), "4 attempts on orders not in (1, 3)"),
        ("not in", (4,), "4 attempts on orders in (4,)"),
        ("is", None, "4 attempts on orders is None"),
        ("==", attempts(1), "4 attempts on orders != 1 attempt on orders"),
    ],
)
def test_a_failed_comparison_says_what_was_counted(sign: str, other: object, line: str) -> None:
    """A bare `4 != 3` would send its reader into the code."""
    assert attempts(4).explain(sign, other) == [line, "since the test began"]
