from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field

from faultlab.faults import KINDS, Fault
from faultlab.faults.scope import Family, Reach
from faultlab.scenarios.kinds import (
    SCOPE_KEYS,
    Parameter,
    bounds_of,
    families_of,
    parameter,
    parameters_of,
    scope_of,
    summary_of,
)


class Crowd(Fault):
    """A kind that takes every form of value."""

    family: ClassVar[Family] = "slow"
    reaches: ClassVar[tuple[Reach, ...]] = ("stream",)
    observables: ClassVar[tuple[str, ...]] = ("slow_drip",)

    kind: Literal["crowd"] = "crowd"
    word: Literal["fin", "rst"] = "fin"
    mixed: Annotated[int, Field(ge=0)] | Literal["half"] = "half"
    until: Annotated[float, Field(ge=0)] | Literal["never"] = "never"
    wait: float = Field(gt=0)
    number: int | None = Field(default=None, ge=1, le=9)
    numbers: tuple[Annotated[int, Field(gt=2, le=5)], ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    most: int = Field(default=3, le=7)
    text_: str | None = None


def test_a_kind_s_own_parameters_are_those_of_its_model() -> None:
    """What the file may write follows the fault, and nobody lists it twice."""
    assert parameters_of(KINDS["latency"]) == ("delay", "jitter", "direction")
    assert parameters_of(KINDS["refused"]) == ("live",)


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        ("word", ("word", ("fin", "rst"), "", "fin"), "fin or rst"),
        (
            "mixed",
            ("word or number", ("half",), "0 or more", "half"),
            "half or a whole number, 0 or more",
        ),
        (
            "until",
            ("word or duration", ("never",), "0 or more", "never"),
            "never or a duration like 500ms",
        ),
        ("wait", ("duration", (), "over 0", None), "a duration like 500ms"),
        ("number", ("number", (), "from 1 to 9", None), "a whole number, from 1 to 9"),
        (
            "numbers",
            ("numbers", (), "over 2, up to 5", None),
            "a whole number or a list of them, over 2, up to 5",
        ),
        ("pairs", ("pairs", (), "", None), "a mapping like {Retry-After: 1}"),
        ("most", ("number", (), "up to 7", "3"), "a whole number, up to 7"),
        ("text_", ("text", (), "", None), "text"),
    ],
)
def test_a_parameter_is_read_off_the_model(name: str, found: tuple, expected: str) -> None:
    """Files, messages and lists name exactly what the model accepts."""
    read = parameter(Crowd, name)
    assert read == Parameter(name, *found, required=name == "wait")
    assert read.expected() == expected


def test_what_acts_before_there_is_a_request_picks_none() -> None:
    """An endpoint there would be a fault that never fires."""
    assert scope_of(KINDS["partition"]) == ("service",)
    assert scope_of(KINDS["stale"]) == ("service", "first")
    assert scope_of(KINDS["latency"]) == SCOPE_KEYS


def test_a_cut_is_of_two_families() -> None:
    """Inside the answer it is partial."""
    assert families_of("cut", KINDS["cut"]) == ("down", "partial")
    assert families_of("stall", KINDS["stall"]) == ("slow",)


def test_bounds_are_numbers_wherever_they_stand() -> None:
    """A program takes a limit, not a phrase."""
    assert bounds_of(Crowd, "number") == {"ge": 1, "le": 9}
    assert bounds_of(Crowd, "numbers") == {"gt": 2, "le": 5}
    assert bounds_of(Crowd, "mixed") == {"ge": 0}
    assert bounds_of(Crowd, "pairs") == {}


def test_a_summary_is_one_sentence() -> None:
    """It stands in tables, and where an editor shows what a kind is."""
    for kind, model in KINDS.items():
        assert summary_of(model).endswith("."), kind
        assert "\n" not in summary_of(model)
