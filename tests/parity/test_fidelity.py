"""The fidelity table: its rows, its figures, and that both are of this version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faultlab.faults import KINDS
from faultlab.lab.environments import ENVIRONMENTS
from faultlab.lab.environments.host import Host

from .fidelity import ABSENT, ROWS, Figures, as_markdown, load
from .measure import MEASURES, PLACES, figure, mechanisms, running

ELSEWHERE = {"published"}  # measured on the engine alone


def test_each_row_is_measured_and_each_measure_has_a_row() -> None:
    """A row without a figure claims what nobody has seen."""
    assert [row.name for row in ROWS if row.name not in ELSEWHERE] == list(MEASURES)
    for place, figures in load().items():
        assert figures.rows.keys() - ELSEWHERE == MEASURES.keys(), place


def test_every_place_has_figures() -> None:
    """In the order in which they are measured."""
    assert list(load()) == list(PLACES)


def test_the_figures_are_of_the_kinds_that_each_place_has() -> None:
    """Who adds a kind to an environment is told to measure it: `make fidelity`."""
    for place, figures in load().items():
        if place in ENVIRONMENTS:
            assert figures.mechanisms.keys() == ENVIRONMENTS[place], place


def test_the_table_has_a_column_for_each_place_and_says_what_is_not_done() -> None:
    """What a reader of the guide sees."""
    figures = {
        "here": Figures(by="Linux", rows={"refused": "refused"}, mechanisms={"cut": "gate"}),
        "there": Figures(by="Linux, Docker", rows={}, mechanisms={}),
    }
    lines = as_markdown(figures, ["cut"]).splitlines()
    first = ROWS[0]
    assert lines[0] == "| | `here` | `there` | why |"
    assert lines[2] == f"| {first.what} | refused | {ABSENT} | {first.why} |"
    assert "| `cut` | gate | not done |" in lines
    assert lines[-1] == "Measured: `here` on Linux; `there` on Linux, Docker."


@pytest.fixture(
    scope="module",
    params=["embedded", "toxiproxy", pytest.param("docker", marks=pytest.mark.docker)],
)
def place(request: pytest.FixtureRequest) -> Iterator[tuple[str, Host]]:
    """Where a scenario runs, by name."""
    with PLACES[request.param]() as host:
        yield request.param, host


@pytest.mark.slow
@pytest.mark.wire
@pytest.mark.parametrize("row", [row.name for row in ROWS if row.steady and row.name in MEASURES])
def test_a_steady_figure_comes_out_the_same(place: tuple[str, Host], row: str) -> None:
    """The table is wrong, or the lab has changed: `make fidelity` tells which."""
    name, host = place
    assert figure(host, row) == load()[name].rows[row]


@pytest.mark.slow
@pytest.mark.wire
def test_each_kind_is_done_by_the_means_that_the_table_tells(place: tuple[str, Host]) -> None:
    """Who changes how a fault is done is told to measure it: `make fidelity`."""
    name, host = place
    with running(host) as run:
        assert mechanisms(run) == load()[name].mechanisms


def test_the_kinds_are_listed_in_the_order_of_the_faults() -> None:
    """As every other list of them is."""
    kinds = list(KINDS)
    _, table, _ = as_markdown(load(), kinds).split("\n\n")
    assert [line.split("`")[1] for line in table.splitlines()[2:]] == kinds
