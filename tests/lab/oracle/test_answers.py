"""The leave that circuits give or refuse, in one world."""

from __future__ import annotations

import pytest

from faultlab.lab.contract import parse
from faultlab.lab.oracle.answers import answers_of, keys_of, let_through, refusers
from faultlab.lab.oracle.demand import Invoked
from faultlab.lab.oracle.state import Call, Circuit, World, begin

TWO = parse(
    {
        "breaker": [
            {"scope": "service", "counts": ["connect"], "fail_max": 2, "reset_timeout": 3},
            {"scope": "endpoint", "counts": ["m5xx"], "fail_max": 4},
        ]
    },
    "two",
)
INVOKED = Invoked(5.0, 1, "core", "GET /a", idempotent=True, keyed=False, life=0, ran="unseen")
KEYS = keys_of(TWO, INVOKED)
CALL = Call(INVOKED, KEYS)
OPEN = Circuit(mode="open", opened=(1.0, 2.0))


def test_an_operation_asks_each_breaker_in_its_own_scope() -> None:
    """One sick endpoint must not answer for its service."""
    assert [str(key) for key in KEYS] == ["service core", "endpoint core GET /a"]
    assert keys_of(parse({}, "none"), INVOKED) == ()


@pytest.mark.parametrize(
    ("circuit", "low", "high", "possible"),
    [
        (Circuit(), 0.0, 9.0, {"admit"}),
        (Circuit(mode="half_open"), 0.0, 9.0, {"admit"}),
        (Circuit(mode="half_open", probes=frozenset((7,))), 0.0, 9.0, {"refuse"}),
        (OPEN, 3.0, 3.5, {"refuse"}),
        (OPEN, 3.0, 4.5, {"refuse", "admit"}),
        (OPEN, 5.5, 6.0, {"admit"}),
    ],
)
def test_a_circuit_answers_by_its_mode_and_the_time(
    circuit: Circuit, low: float, high: float, possible: set[str]
) -> None:
    """It opened at some moment from 1 to 2, so it may end its time from 4 to 5."""
    world = World().with_circuits({KEYS[0]: circuit})
    assert answers_of(TWO, begin(), world, KEYS[0], low, high) == possible


def test_a_reset_time_left_open_lets_anything_be_answered() -> None:
    """What is not promised can't be broken."""
    world = World().with_circuits({KEYS[1]: OPEN})
    assert answers_of(TWO, begin(), world, KEYS[1], 1.0, 1.0) == {"admit", "refuse"}
    assert refusers(TWO, begin(), world, CALL, 5.0, surely=False) == (KEYS[1],)
    assert refusers(TWO, begin(), world, CALL, 5.0, surely=True) == ()


def test_leave_of_an_open_circuit_is_a_probe() -> None:
    """Both permits or none: the closed circuit gives its own."""
    world = let_through(begin(), World().with_circuits({KEYS[0]: OPEN}), CALL)
    assert world.circuit(KEYS[0]) == Circuit(
        mode="half_open", opened=(1.0, 2.0), probes=frozenset((1,))
    )
    assert [permit.probe for permit in world.permit(1) or ()] == [True, False]
