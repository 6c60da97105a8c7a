"""The process in which plays are simulated: started once, ended with its conductor, replaced when gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faultlab.lab.backends.specification import parse
from faultlab.lab.contract import builtin
from faultlab.lab.errors import SetupError, SubjectError
from faultlab.lab.history import OpOk
from faultlab.lab.plan import Operate, Plan
from faultlab.lab.simulation.simulator import Simulator

pytestmark = [pytest.mark.wire, pytest.mark.slow]

ORDERS = {"orders": {"GET /orders/{id}": {"id": 7}}}
LAB = """
import os, threading
import httpx
from faultlab import op, subject

async def dies():
    os._exit(3)

async def spins():
    while True:
        pass

async def sleeps():
    with (lock := threading.Lock()):
        lock.acquire()

@subject(services={"orders": {"GET /orders/{id}": {"id": 7}}}, contract="httpx")
async def orders(urls):
    async with httpx.AsyncClient(base_url=urls["orders"]) as http:
        yield {
            "read": op("GET /orders/{id}", http.get, "/orders/7"),
            "dies": op("GET /orders/{id}", dies),
            "spins": op("GET /orders/{id}", spins),
            "sleeps": op("GET /orders/{id}", sleeps),
        }
"""


@pytest.fixture
def simulator(tmp_path: Path) -> Any:
    """Of a subject of four operations."""
    (tmp_path / "orders_lab.py").write_text(LAB)
    made = Simulator(f"{tmp_path / 'orders_lab.py'}:orders", tmp_path / "simulated.log", limit=10.0)
    yield made
    made.close()


def played(simulator: Simulator, path: Path, name: str = "read") -> list[str]:
    """The kinds of what became of one operation of this name."""
    step = Operate(
        ids=(1,),
        name=name,
        service="orders",
        method="GET",
        path="/orders/{id}",
        idempotent=True,
        expect=("ok",),
        phase="control",
    )
    plan = Plan(
        scenario="sim",
        file="sim.yaml",
        title="",
        subject="orders",
        contract="httpx",
        environment="simulated",
        tune="none",
        seed=7,
        services=("orders",),
        steps=(step,),
        limit=100.0,
    )
    history = simulator.play(
        plan,
        "armed",
        contract=builtin("httpx"),
        services={name: parse(routes) for name, routes in ORDERS.items()},
        subject="orders",
        path=path,
    )
    return [type(event).__name__ for event in history if isinstance(event, OpOk)]


def test_plays_are_made_one_after_the_other_in_one_process(
    simulator: Simulator, tmp_path: Path
) -> None:
    """And one that dies costs its own play alone."""
    assert played(simulator, tmp_path / "1.jsonl") == ["OpOk"]
    assert played(simulator, tmp_path / "2.jsonl") == ["OpOk"]
    with pytest.raises(SubjectError, match="ended by itself with code 3"):
        played(simulator, tmp_path / "3.jsonl", "dies")
    assert played(simulator, tmp_path / "4.jsonl") == ["OpOk"]


def test_a_client_that_spins_is_ended_and_its_line_told(
    simulator: Simulator, tmp_path: Path
) -> None:
    """Virtual time would stand still for ever."""
    with pytest.raises(SubjectError, match="did not end a play in virtual time") as told:
        played(simulator, tmp_path / "1.jsonl", "spins")
    assert told.value.rows["at"].startswith("orders_lab.py:")
    assert played(simulator, tmp_path / "2.jsonl") == ["OpOk"]


def test_what_nobody_could_refuse_is_woken_and_its_line_told(
    simulator: Simulator, tmp_path: Path
) -> None:
    """A lock tells of no call. The process serves on: to start another takes longer than a play."""
    assert played(simulator, tmp_path / "1.jsonl") == ["OpOk"]
    child = simulator._child
    with pytest.raises(SetupError, match="blocks for real, so simulated can't run it") as told:
        played(simulator, tmp_path / "2.jsonl", "sleeps")
    assert told.value.rows["call"].startswith("a call that sleeps for real, from ")
    assert told.value.rows["call"].endswith(", sleeps")
    assert told.value.rows["mend"] == "--env embedded, or the client's async face"
    assert played(simulator, tmp_path / "3.jsonl") == ["OpOk"]
    assert simulator._child is child


def test_none_is_played_after_the_end(simulator: Simulator, tmp_path: Path) -> None:
    """Ctrl-C is for all of them."""
    simulator.close()
    with pytest.raises(SetupError, match="the run was stopped"):
        played(simulator, tmp_path / "1.jsonl")
