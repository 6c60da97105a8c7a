"""What runs come to in numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from faultlab.lab.checks import Finding
from faultlab.lab.errors import SetupError
from faultlab.lab.history import FaultArmed, ListenerMode, SubjectOpened
from faultlab.lab.report.figures import Figures, Fired, coverage, figures

if TYPE_CHECKING:
    from .conftest import MakeResult


def test_a_run_is_counted_by_kind(result: MakeResult) -> None:
    """The proof that something went wrong is a number for each kind."""
    assert figures(result()) == Figures(1, 2, (Fired("status", 1),))


def test_a_run_that_was_not_played_has_no_figures(result: MakeResult) -> None:
    """Zero would say that it was played and that nothing happened."""
    assert figures(result(error=SetupError("no port is left"))) is None


def test_what_nobody_saw_is_not_known(result: MakeResult) -> None:
    """A refused connect reaches no proxy: 0 would be a guess."""
    recorded = (
        SubjectOpened(t=0.0, connects="none: uvloop hides them"),
        ListenerMode(t=0.1, service="core", mode="refusing"),
        FaultArmed(t=0.1, service="core", fault=1, name="refused", listener="refusing"),
    )
    counted = figures(result(recorded=recorded))
    assert counted is not None
    assert (counted.attempts, counted.fired) == (None, (Fired("refused", None),))


def test_a_check_is_exercised_if_it_was_in_some_scenario(result: MakeResult) -> None:
    """What a green run did not test is named, and nothing else."""
    covered = coverage([result(idle=("C40", "C44")), result(idle=("C44",), name="down")])
    assert covered is not None
    assert covered.not_exercised == ("C44",)
    assert "C40" in covered.exercised
    assert covered.broken == ()


def test_scenarios_without_a_good_baseline_are_named(result: MakeResult) -> None:
    """Nothing follows from them."""
    bad = result(Finding("C92", "baseline-passes", "unknown", missing="a baseline"))
    covered = coverage([result(name="down"), replace(bad, armed=None)])
    assert covered is not None
    assert covered.broken == ("5xx",)


def test_where_nothing_was_judged_nothing_is_covered(result: MakeResult) -> None:
    """An error blames no check."""
    assert coverage([result(error=SetupError("no port is left"))]) is None
