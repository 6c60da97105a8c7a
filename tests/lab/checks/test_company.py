"""How many stretches of time overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.checks.company import Company

TIMES = st.integers(0, 9)
STRETCHES = st.lists(st.tuples(TIMES, st.one_of(st.none(), TIMES)))


@given(STRETCHES, TIMES, TIMES)
def test_counting_comes_to_the_same_as_going_through_them(
    drawn: list[tuple[int, int | None]], one: int, other: int
) -> None:
    """One that ends before it begins was never under way."""
    since, until = sorted((one, other))
    real = [(begin, 99 if end is None else end) for begin, end in drawn]
    real = [(begin, end) for begin, end in real if begin <= end]
    company = Company(drawn)
    assert company.during(since, until) == sum(b <= until and e >= since for b, e in real)
    assert company.at(one) == sum(b <= one < e for b, e in real)
