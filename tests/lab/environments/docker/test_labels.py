"""Whose a label is, and whether that process has ended."""

import os

import pytest

from faultlab.lab.environments.docker.labels import (
    LAB,
    OWNER,
    PART,
    RUN,
    SERVICE,
    Owner,
    labels,
    parse_stat,
    stale,
    started,
)

HERE = Owner(pid=70, start=500, space=9)
RUNNING = {70: 500, 71: 600}.get


def test_everything_says_whose_it_is_and_what() -> None:
    """It is found by nothing else."""
    assert labels("ab12", HERE, "backend", service="core", run=3) == {
        LAB: "ab12",
        OWNER: "70.500.9",
        PART: "backend",
        SERVICE: "core",
        RUN: "3",
    }
    assert labels("ab12", HERE, "front") == {LAB: "ab12", OWNER: "70.500.9", PART: "front"}


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("71.600.9", False),
        ("71.599.9", True),
        ("72.600.9", True),
        ("72.600.8", False),
        ("72.600", False),
        ("", False),
    ],
    ids=["runs", "another since", "ended", "of another space", "unreadable", "none"],
)
def test_only_what_an_ended_process_of_this_space_made_is_stale(owner: str, expected: bool) -> None:
    """The lab of another CI job, in a container of its own, must not be swept away."""
    assert stale({OWNER: owner}, HERE, RUNNING) is expected


def test_a_label_is_read_as_it_was_written() -> None:
    """The cleaner is told the owner by it."""
    assert Owner.parse(str(HERE)) == HERE


def test_this_process_is_known_to_run() -> None:
    """Else a lab would sweep itself away."""
    here = Owner.here()
    assert here.pid == os.getpid()
    assert not stale({OWNER: str(here)}, here, started)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("7 (python3) S 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 8812 99 1", 8812),
        ("7 (a) b) R (c) S 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 8812 99 1", 8812),
        ("7 (python3) Z 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 8812 0 0", None),
        ("", None),
    ],
    ids=["plain", "a name with brackets", "a zombie", "nothing"],
)
def test_the_start_of_a_process_is_read(line: str, expected: int | None) -> None:
    """A killed owner may wait long for its parent to notice."""
    assert parse_stat(line) == expected
