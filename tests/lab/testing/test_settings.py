"""What is said of a test's lab, and what holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultlab.lab.contract import builtin
from faultlab.lab.errors import UsageError
from faultlab.lab.testing.settings import Said, Settings, settled


def said(place: str, **values: object) -> Said:
    """Values from one place."""
    return Said(place, values)


def holds(*places: Said) -> Settings:
    """What holds of it."""
    return settled(places, Path("/nowhere"))


def test_nothing_said_is_the_default() -> None:
    """Nobody said a tune: a run goes by its file."""
    assert holds() == Settings(env="embedded", tune=None, seed=0, contract=None)


def test_the_first_place_that_says_a_key_wins() -> None:
    """The command line over the closest mark, marks over the ini file."""
    option, mark = said("--faultlab-", seed=1), said("test.py:7: ", seed=2, tune="none")
    ini = said("pytest.ini: faultlab_", seed=3, tune="fast", contract="httpx", env="embedded")
    assert holds(option, mark, ini) == Settings("embedded", "embedded", "none", 1, builtin("httpx"))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("sead", 7, "no such key; nearest: seed"),
        ("xyz", 7, "no such key; known: env, proxy, tune, seed, contract"),
        (
            "env",
            "embeded",
            "'embeded'; expected embedded or docker or simulated; nearest: embedded",
        ),
        ("proxy", "toxi", "'toxi'; expected embedded or toxiproxy; nearest: toxiproxy"),
        ("tune", "fats", "'fats'; expected fast or none; nearest: fast"),
        ("tune", None, "None; expected fast or none"),
        ("seed", -1, "-1; expected a whole number, 0 or more"),
        ("seed", True, "True; expected a whole number, 0 or more"),
        ("seed", "7", "'7'; expected a whole number, 0 or more"),
        (
            "contract",
            "http",
            (
                "'http' is no contract; expected httpx, maximus, a file like contract.yaml, "
                "or a mapping; nearest: httpx"
            ),
        ),
    ],
)
def test_what_means_nothing_is_told_with_its_place(key: str, value: object, told: str) -> None:
    """Its author reads one line, and mends it."""
    with pytest.raises(UsageError) as caught:
        holds(said("test.py:7: ", **{key: value}))
    assert str(caught.value) == f"test.py:7: {key}: {told}"


def test_all_that_is_wrong_is_told_at_once_and_once() -> None:
    """Also what another place has won over; a mark of a class comes with each of its tests."""
    mark = said("test.py::TestA: ", seed="x")
    with pytest.raises(UsageError) as caught:
        holds(said("--faultlab-", seed=1), mark, mark, said("pytest.ini: faultlab_", tune=""))
    assert str(caught.value).split("\n") == [
        "test.py::TestA: seed: 'x'; expected a whole number, 0 or more",
        "pytest.ini: faultlab_tune: ''; expected fast or none",
    ]
