"""What is pure in the conductor; it plays in tests/wire/run/test_play.py."""

from __future__ import annotations

import pytest

from faultlab.lab.run import tune_name


@pytest.mark.parametrize(
    ("asked", "written", "chosen"),
    [
        (None, None, "fast"),
        (None, "none", "none"),
        ("fast", "none", "fast"),
        ("none", "fast", "none"),
    ],
)
def test_a_tune_is_as_asked_or_as_the_file_says(
    asked: str | None, written: str | None, chosen: str
) -> None:
    """The command line wins; fast unless told otherwise, so that a story needs seconds."""
    assert tune_name(asked, written, tunable=True) == chosen


@pytest.mark.parametrize("asked", [None, "fast", "none"])
def test_a_subject_that_takes_no_tune_keeps_its_own_numbers(asked: str | None) -> None:
    """Its contract must not be tuned alone: it would be judged by what it was never given."""
    assert tune_name(asked, "fast", tunable=False) == "none"
