"""How a port is shut, and in which steps."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from faultlab.lab.behind.control import Toxic
from faultlab.lab.behind.means import How, how, mechanism, rule, steps, toxic
from faultlab.lab.net import Slowing


@pytest.mark.parametrize(
    ("mode", "keeps", "filters", "expected"),
    [
        ("open", True, True, "open"),
        ("open", False, False, "open"),
        ("refusing", True, True, "refusing"),
        ("refusing", False, True, "disabled"),
        ("refusing", True, False, "disabled"),
        ("dark", True, True, "dark"),
    ],
)
def test_toxiproxy_refuses_itself_where_no_connection_has_to_live_on(
    mode, keeps: bool, filters: bool, expected: How
) -> None:
    """It ends them all."""
    assert how(mode, keeps=keeps, filters=filters) == expected


@pytest.mark.parametrize(("before", "wanted"), [*itertools.product(get_args(How), repeat=2)])
def test_a_port_is_never_open_on_the_way(before: How, wanted: How) -> None:
    """A connect in between would pass, and the fault would be said to have been in force."""
    listening, shut = before != "disabled", rule(before)
    for step in steps(before, wanted):
        match step:
            case "enable":
                listening = True
            case "disable":
                listening = False
            case "filter":
                shut = rule(wanted)
        if "open" not in (before, wanted):
            assert shut is not None or not listening
    assert (listening, shut) == (wanted != "disabled", rule(wanted))


def test_the_mechanism_is_named() -> None:
    """For the history."""
    assert [mechanism(way) for way in get_args(How)] == [
        "listening in Toxiproxy",
        "disabled in Toxiproxy",
        "packet filter: reject with RST",
        "packet filter: drop",
    ]


@pytest.mark.parametrize(
    ("slowing", "expected"),
    [
        (Slowing(0.5, 0), Toxic("t", "latency", "downstream", {"latency": 502, "jitter": 0})),
        (Slowing(0.0005, 0), None),
        (Slowing(0.0, 64_000), Toxic("t", "bandwidth", "downstream", {"rate": 64})),
        (Slowing(0.0, 64_500), None),
        (Slowing(0.0, 999), None),
    ],
)
def test_a_toxic_does_the_same_or_is_not_taken(slowing: Slowing, expected: Toxic | None) -> None:
    """A rate of 0 would be a stall, and half a millisecond none."""
    assert toxic("t", slowing) == expected
