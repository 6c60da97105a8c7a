"""Which stretches of time touch which."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.attempts.spans import Spans

TIMES = st.integers(0, 9)
NAMES = st.sampled_from(("core", "nis", ""))


@given(
    st.lists(st.tuples(NAMES, TIMES, TIMES)),
    st.one_of(st.none(), NAMES),
    st.tuples(TIMES, TIMES),
)
def test_a_stretch_touches_what_it_shares_an_instant_with(
    drawn: list[tuple[str, int, int]], service: str | None, asked: tuple[int, int]
) -> None:
    """Whoever goes through all of them, one by one, comes to the same."""
    since, until = sorted(asked)
    stretches = [(name, *sorted(ends)) for name, *ends in drawn]
    assert Spans(stretches).touch(service, since, until) == any(
        service in (None, name) and begin <= until and end >= since
        for name, begin, end in stretches
    )
