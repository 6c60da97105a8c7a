import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.faults.written import Rate, Size, one_or_list, scalar, seconds, written
from faultlab.scenarios.nodes import Scalar, read


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "500ms"),
        (2.0, "2s"),
        (3, "3"),
        (Size(1), "1B"),
        (Size(4000), "4kB"),
        (Size(1500), "1500B"),
        (Rate(64_000), "64kB/s"),
        (Rate(2_000_000), "2MB/s"),
        ("half", "half"),
        ((500, 502), "[500, 502]"),
        ((("Retry-After", "1"),), "{Retry-After: 1}"),
        ((("X-A", "1"), ("X-A", "2"), ("X-B", "a, b")), '{X-A: [1, 2], X-B: "a, b"}'),
        ((), "{}"),
        ("GET /orders/*", '"GET /orders/*"'),
    ],
)
def test_a_value_is_written_as_a_file_has_it(value: object, text: str) -> None:
    """What a report shows can be pasted into a file."""
    assert written(value) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0.0, "0s"), (0.001, "1ms"), (0.0005, "0.0005s"), (0.25, "250ms"), (1.5, "1.5s"), (60, "60s")],
)
def test_a_duration_has_the_unit_that_keeps_it_whole(amount: float, text: str) -> None:
    """`0.25s` reads worse than `250ms`, and neither may lose a digit."""
    assert seconds(amount) == text


@given(st.text(min_size=1))
def test_a_scalar_reads_as_its_text(text: str) -> None:
    """No text can end its line, open a comment or become a date."""
    encodable = text.encode("utf-8", "replace").decode()
    assert read(scalar(encodable).encode(), "a.yaml") == Scalar(
        encodable, 1, quoted=scalar(encodable).startswith('"')
    )


def test_words_that_yaml_1_1_takes_for_values_are_quoted() -> None:
    """The file means the same in other parsers."""
    assert scalar("on") == '"on"'
    assert scalar("Nothing is on") == "Nothing is on"
    assert scalar("GET /orders/*") == '"GET /orders/*"'


def test_one_word_needs_no_brackets() -> None:
    """As files are written by hand."""
    assert one_or_list(("read",)) == "read"
    assert one_or_list(("read", "on")) == '[read, "on"]'
