"""Where a measured time meets a promised one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.tolerance import BASE, eps, within


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (0.9985, "no"),
        (0.9995, "yes"),
        (1.0, "yes"),
        (2.0, "yes"),
        (2.125, "yes"),
        (2.2, "unknown"),
        (2.25, "unknown"),
        (2.3, "no"),
    ],
)
def test_lower_bounds_are_hard_and_upper_bounds_are_not(value: float, answer: str) -> None:
    """A sleep is never shorter than asked; a machine may always be late."""
    assert within(value, 1.0, 2.0, 0.125) == answer


def test_no_bound_is_no_promise() -> None:
    """What the contract leaves open can't be missed."""
    assert within(1e9, None, None, 0.0) == "yes"
    assert within(-1.0, None, 2.0, 0.0) == "yes"
    assert within(1e9, 1.0, None, 0.0) == "yes"


def test_a_coarser_clock_moves_the_lower_bound() -> None:
    """Under uvloop a sleep may end 2 ms early."""
    assert within(0.9985, 1.0, None, 0.0, early=0.002) == "yes"


def test_tolerance_is_what_the_thread_was_kept_waiting() -> None:
    """It belongs to an interval: what happened before it does not count."""
    assert eps(3.0, 3.0) == BASE
    assert eps(3.0, 3.25) == pytest.approx(BASE + 0.25)
    assert eps(3.0, 1.0) == BASE  # another thread's sum


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 1))
def test_more_tolerance_never_turns_yes_into_no(
    value: float, high: float, tolerance: float
) -> None:
    """Else a loaded machine could make a verdict worse than unknown."""
    order = ["no", "unknown", "yes"]
    less = within(value, None, high, tolerance)
    more = within(value, None, high, tolerance * 2)
    assert order.index(more) >= order.index(less)
