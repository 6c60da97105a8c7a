"""What follows the table of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from faultlab.lab.checks import ALL, Finding
from faultlab.lab.errors import SubjectError
from faultlab.lab.report.summary import summary

if TYPE_CHECKING:
    from faultlab.lab.history import History

    from .conftest import MakeResult


def test_a_green_run_ends_in_two_lines(result: MakeResult) -> None:
    """Nobody reads more of what is well."""
    assert list(summary([result()], folder="out", seconds=7.6)) == [
        "",
        f"{len(ALL)} of {len(ALL)} checks exercised; every baseline passed",
        f"{'PASS  1 pass':<70}7.6 s",
    ]


def test_only_the_first_failures_are_shown_whole(result: MakeResult, retry_after: Finding) -> None:
    """The first three are read; where the others are must be one command away."""
    results = [result(retry_after, retry_after), result(name="down"), result(*[retry_after] * 8)]
    lines = list(summary(results, folder="my out", seconds=7.5, whole=3))
    assert sum(line.startswith("FAIL 5xx: C24") for line in lines) == 3
    assert lines[-4:] == [
        "7 more: faultlab judge 'my out'",
        "",
        f"{len(ALL)} of {len(ALL)} checks exercised; every baseline passed",
        f"{'FAIL  2 fail, 1 pass':<70}7.5 s",
    ]


def test_a_judgement_shows_every_failure(result: MakeResult, retry_after: Finding) -> None:
    """It is the command that the shortened run names."""
    lines = list(summary([result(*[retry_after] * 8)], folder="out", seconds=None))
    assert sum(line.startswith("FAIL 5xx: C24") for line in lines) == 8
    assert lines[-1] == "FAIL  1 fail"


def test_an_error_that_ended_several_scenarios_is_told_once(result: MakeResult) -> None:
    """A subject that can't be opened would else fill six screens with one message."""
    error = SubjectError("orders: it raised ValueError")
    results = [result(error=error, name=name) for name in ("down", "slow")]
    lines = list(summary([*results, result()], folder="out", seconds=None))
    assert lines[:3] == ["", "ERROR down, slow", "  SubjectError: orders: it raised ValueError"]
    assert lines[-1] == "ERROR  2 error, 1 pass"


def test_a_client_that_works_in_no_baseline_is_told_once(
    result: MakeResult, broken: History
) -> None:
    """The first block of six equal ones is read, and the checks line blames no check."""
    unknown = Finding("C92", "baseline-passes", "unknown", missing="a baseline")
    results = [
        replace(result(unknown, name=name), armed=None, baseline=broken)
        for name in ("down", "slow")
    ]
    lines = list(summary(results, folder="out", seconds=None))
    assert lines[1] == "UNKNOWN down, slow: no baseline, `read` does not work without a fault"
    assert sum(line.startswith("UNKNOWN ") for line in lines) == 2
    assert lines[-2:] == ["no good baseline: down, slow", "UNKNOWN  2 unknown"]


def test_a_run_of_which_nothing_was_offered_is_no_pass() -> None:
    """Nothing was proved."""
    assert list(summary([], folder="out", seconds=0.1, not_offered=2)) == [
        "",
        f"{'UNKNOWN  2 not offered':<70}0.1 s",
    ]
