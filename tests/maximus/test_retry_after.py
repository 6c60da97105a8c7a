from datetime import UTC, datetime
from email.utils import format_datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maximus.retry_after import seconds_to_wait

NOW = datetime(2026, 11, 23, 4, 31, 46, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("1", 1.0),
        ("007", 7.0),
        (" 30\t", 30.0),
        ("9" * 5000, inf),
        ("Mon, 23 Nov 2026 04:32:46 GMT", 60.0),
        ("Monday, 23-Nov-26 04:32:46 GMT", 60.0),
        ("Mon Nov 23 04:32:46 2026", 60.0),
        ("Tue Dec  1 04:31:46 2026", 8 * 86400.0),
        ("Mon, 23 Nov 2026 04:31:60 GMT", 14.0),
        ("Mon, 23 Nov 2026 04:30:46 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
    ],
)
def test_the_two_forms_of_the_grammar_are_understood(value, seconds):
    """RFC 9110 has seconds and three spellings of a date; a past date asks for no wait."""
    assert seconds_to_wait(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "1.5",
        "-1",
        "+1",
        "1e3",
        "1, 2",
        "1 s",
        "\u00b2",
        "\u0661",
        "soon",
        "2026-11-23T04:32:46Z",
        "Mon, 23 Nov 2026 04:32:46 +0000",
        "Mon, 23 Nov 2026 04:32:46",
        "mon, 23 nov 2026 04:32:46 gmt",
        "Mon, 31 Feb 2026 04:32:46 GMT",
        "Mon, 23 Nov 2026 24:00:00 GMT",
        "Mon, 23 Nov 2026 04:32:61 GMT",
        "Mon, 23 Nov 0000 04:32:46 GMT",
        "Fri, 31 Dec 9999 23:59:60 GMT",
    ],
)
def test_everything_else_is_as_if_absent(value):
    """A wait guessed from a broken field would be a promise that nobody made."""
    assert seconds_to_wait(value, NOW) is None


def test_a_two_digit_year_far_ahead_is_the_past():
    """RFC 9110 5.6.7: more than 50 years ahead means the last century."""
    assert seconds_to_wait("Sunday, 23-Nov-77 04:31:46 GMT", NOW) == 0.0
    assert seconds_to_wait("Monday, 23-Nov-76 04:31:46 GMT", NOW) > 49 * 365 * 86400.0


@given(st.text() | st.from_regex(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", fullmatch=True))
def test_no_text_crashes_it_or_asks_for_a_negative_wait(value):
    """The field comes from whoever answers."""
    seconds = seconds_to_wait(value, NOW)
    assert seconds is None or seconds >= 0.0


@given(st.integers(min_value=0, max_value=10**9))
def test_a_date_gives_back_the_distance_that_made_it(distance):
    """The date form must mean what the seconds form means."""
    date = datetime.fromtimestamp(NOW + distance, UTC)
    assert seconds_to_wait(format_datetime(date, usegmt=True), NOW) == distance
