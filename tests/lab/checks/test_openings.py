"""Which circuits were open when."""

from __future__ import annotations

from faultlab.lab.checks.openings import Openings
from faultlab.lab.oracle import Demands, Episode, Key

CORE, NIS = Key(0, "service", "core"), Key(0, "service", "nis")
ANEW = Key(0, "service", "core", life=1)
FOUND = Openings(
    Demands(
        operations=(),
        episodes=(
            Episode(CORE, (1.0, 1.5), by=3, closed=2.0),
            Episode(NIS, (1.0, 1.0), by=4, certain=False),
            Episode(CORE, (5.0, 5.0), by=9),
            Episode(ANEW, (0.5, 0.5), by=12),
        ),
        at_end=(),
    )
)


def test_a_circuit_is_open_from_when_it_surely_is_until_it_closes() -> None:
    """At both ends the half-open interval of what is known."""
    assert [t for t in (0.9, 1.4, 2.0, 4.9) if FOUND.open_at(t, 0) != []] == []
    assert [t for t in (1.5, 1.9, 5.0, 99.0) if FOUND.open_at(t, 0) != [CORE]] == []


def test_another_life_of_the_client_has_circuits_of_its_own() -> None:
    """A client that was opened anew has forgotten."""
    assert FOUND.open_at(1.6, 1) == [ANEW]


def test_the_stays_of_one_circuit_are_told_in_order() -> None:
    """One that was never open has none."""
    assert [episode.by for episode in FOUND.of(CORE)] == [3, 9]
    assert FOUND.of(Key(1, "service", "core")) == ()
