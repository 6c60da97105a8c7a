"""Rows as lines."""

from __future__ import annotations

from faultlab.lab.report.lanes.layout import WIDTH, printed
from faultlab.lab.report.lanes.rows import Row


def test_without_a_subject_the_wire_is_the_first_lane() -> None:
    """An empty lane would take the room of what was seen."""
    assert printed([Row(0.1, "wire", "> GET /x", "core", "attempt 1")]) == (
        "  t (s)  wire to core                     backend",
        "  0.100  > GET /x            attempt 1",
    )


def test_a_heading_names_a_service_only_if_it_is_the_only_one() -> None:
    """Rows of several name it themselves."""
    rows = [Row(0.1, "wire", "> core GET /x", "core"), Row(0.2, "wire", "> nis GET /y", "nis")]
    assert printed(rows)[0].split() == ["t", "(s)", "wire", "backend"]


def test_a_text_that_does_not_fit_ends_in_two_dots() -> None:
    """Not in the next lane."""
    (_, line) = printed([Row(0.1, "wire", "> GET /" + "x" * 100, "core", "attempt 1")])
    assert len(line) <= WIDTH
    assert line.endswith("xx.. attempt 1")


def test_what_the_lab_says_is_wrapped() -> None:
    """A fault's parameters may be long, and are what a reader repeats."""
    lines = printed([Row(0.1, "lab", "-- " + "word " * 30 + "--")])
    assert len(lines) > 2
    assert all(len(line) <= WIDTH for line in lines)
