"""What waits for real in a simulation, and what is told of it."""

from __future__ import annotations

import pytest

from faultlab.lab.errors import SetupError
from faultlab.lab.simulation.blocking import asleep, demand_simulable
from faultlab.lab.subjects.commands import Offered


@pytest.mark.parametrize(
    ("elapsed", "awake", "expected"),
    [
        (1.0, 0.0, True),
        (1.0, 0.05, True),
        (1.0, 0.2, False),  # it does something
        (1.0, 0.98, False),  # or would, if others let it
        (0.5, 0.0, False),  # the signal before came late
        (30.0, 0.0, False),  # it was stopped: who sleeps is woken in time
    ],
)
def test_who_sleeps_is_told_from_who_is_kept_from_running(
    elapsed: float, awake: float, expected: bool
) -> None:
    """On a machine that is busy a simulation is slow, and does nothing wrong."""
    assert asleep(elapsed, awake, 1.0) is expected


def offered(name: str, **fields: object) -> Offered:
    """An operation of this kind."""
    values = {"service": "orders", "method": "GET", "path": "/", "idempotent": True, **fields}
    return Offered(name=name, **values)  # type: ignore[arg-type]


def test_what_can_not_be_awaited_is_refused_before_anything_is_played() -> None:
    """By name, with its line."""
    demand_simulable("orders_lab.py", [offered("read", cancellable=True)])
    offers = [
        offered("read", place="shop.py:14, Orders.get"),
        offered("other"),
        offered("write", cancellable=True, command=True),
        offered("fine", cancellable=True),
    ]
    with pytest.raises(SetupError, match="blocks for real") as told:
        demand_simulable("orders_lab.py", offers)
    assert told.value.rows == {
        "call": "`read` at shop.py:14, Orders.get is no async function; "
        "`other` is no async function; `write` starts a command",
        "mend": "--env embedded, or the client's async face",
    }
