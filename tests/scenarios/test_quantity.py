import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.faults.written import shifted
from faultlab.scenarios.model import FIELDS, Quantity, Unit
from faultlab.scenarios.quantity import (
    LONGEST,
    MOST,
    QuantityError,
    count,
    duration,
    pattern,
    shift,
    text_of,
)


@pytest.mark.parametrize(
    ("text", "seconds"), [("+90s", 90.0), ("-2m", -120.0), ("- 500ms", -0.5), ("+1h", None)]
)
def test_a_shift_says_its_direction(text: str, seconds: float | None) -> None:
    """Of a duration as anywhere; what comes of it is written with its sign, too."""
    if seconds is None:
        with pytest.raises(QuantityError, match=r"expected \+ or - and a duration"):
            shift(text)
        return
    assert shift(text) == seconds
    assert shift(shifted(seconds)) == seconds


@pytest.mark.parametrize("text", ["90s", "+", "", "+90", "-timeouts.read", "+0s", "+61m"])
def test_what_is_no_shift_is_told_so(text: str) -> None:
    """A clock that is set by nothing is a slip."""
    with pytest.raises(QuantityError):
        shift(text)


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("500ms", Quantity(0.5)),
        ("30s", Quantity(30)),
        ("2m", Quantity(120)),
        ("1.5s", Quantity(1.5)),
        ("0s", Quantity(0)),
        ("timeouts.read", Quantity(1, "timeouts.read")),
        ("2 x timeouts.read", Quantity(2, "timeouts.read")),
        ("0.5x breaker.reset_timeout", Quantity(0.5, "breaker.reset_timeout")),
    ],
)
def test_a_duration_is_seconds_or_a_field(text: str, quantity: Quantity) -> None:
    """Units end in the loader; inside there are seconds."""
    assert duration(text) == quantity


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("500", "`500` has no unit; write 500ms or 500s"),
        ("3h", "`3h`: unknown unit `h`; expected ms, s or m"),
        ("61m", "`61m` is longer than an hour"),
        ("-1s", "`-1s`: expected a duration like 500ms, 30s, 2m, or a contract field like timeouts.read"),
        ("soon", "`soon`: expected a duration like 500ms, 30s, 2m, or a contract field like timeouts.read"),
        ("breaker.fail_max", "`breaker.fail_max` measures a count; expected a duration like 500ms, 30s, 2m"),
        ("timeouts.raed", "`timeouts.raed` is not a contract field that a file may use; nearest: timeouts.read"),
        ("0 x timeouts.read", "`0 x timeouts.read`: a factor of 0; expected more"),
        ("2000 x timeouts.read", "`2000 x timeouts.read`: a factor over 1000"),
    ],
)  # fmt: skip
def test_what_is_no_duration_is_told_what_to_write(text: str, message: str) -> None:
    """The message holds the value and the form."""
    with pytest.raises(QuantityError) as caught:
        duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("3", Quantity(3)),
        ("breaker.fail_max", Quantity(1, "breaker.fail_max")),
        ("2 x attempts.max", Quantity(2, "attempts.max")),
    ],
)
def test_a_count_is_whole_or_a_field(text: str, quantity: Quantity) -> None:
    """How often is never a fraction."""
    assert count(text) == quantity


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", f"`0`: expected 1 to {MOST}"),
        ("10001", f"`10001`: expected 1 to {MOST}"),
        ("1.5", "`1.5`: expected a whole number, or a contract field like breaker.fail_max"),
        ("1_000", "`1_000`: expected a whole number, or a contract field like breaker.fail_max"),
        ("1.5 x attempts.max", "`1.5 x attempts.max`: expected a whole factor"),
        ("timeouts.read", "`timeouts.read` measures seconds; expected a whole number"),
    ],
)
def test_what_is_no_count_is_told_what_to_write(text: str, message: str) -> None:
    """A count of nothing, or of a thousand thousand, is a slip."""
    with pytest.raises(QuantityError) as caught:
        count(text)
    assert str(caught.value) == message


def of(unit: Unit) -> st.SearchStrategy[Quantity]:
    """Every quantity of a unit."""
    fields = st.sampled_from([name for name, measured in FIELDS.items() if measured == unit])
    whole = st.integers(1, 1000)
    if unit == "count":
        return st.builds(Quantity, st.integers(1, MOST)) | st.builds(Quantity, whole, fields)
    seconds = st.integers(0, int(LONGEST * 1000)).map(lambda ms: ms / 1000)
    return st.builds(Quantity, seconds) | st.builds(Quantity, whole, fields)


@given(of("seconds"))
def test_durations_survive_their_text(quantity: Quantity) -> None:
    """A saved file asks for the same time as the scenario it came from."""
    assert duration(text_of(quantity, "seconds")) == quantity


@given(of("count"))
def test_counts_survive_their_text(quantity: Quantity) -> None:
    """And for the same number."""
    assert count(text_of(quantity, "count")) == quantity


def test_short_durations_are_written_in_milliseconds() -> None:
    """As people write them."""
    assert text_of(Quantity(0.5), "seconds") == "500ms"
    assert text_of(Quantity(2), "seconds") == "2s"


@given(st.text())
def test_no_text_crashes_a_quantity(text: str) -> None:
    """Only its own error leaves it."""
    for reader in (count, duration):
        with contextlib.suppress(QuantityError):
            reader(text)


@given(st.sampled_from(("seconds", "count")), st.data())
def test_every_quantity_s_text_has_its_pattern(unit: Unit, data: st.DataObject) -> None:
    """An editor that checks by it must mark nothing that is read."""
    assert re.search(pattern(unit), text_of(data.draw(of(unit)), unit))


@pytest.mark.parametrize("text", ["500", "5 h", "breaker.fail_max", "2 x", "1s\n2s", ""])
def test_what_is_no_duration_has_not_its_pattern(text: str) -> None:
    """Nor is it read as one."""
    assert re.search(pattern("seconds"), text) is None
    with pytest.raises(QuantityError):
        duration(text)
