"""Plays in virtual time: what a scenario says happens, at its times, and nothing by chance."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from faultlab.faults import Killed, Refused, Status
from faultlab.lab.backends.specification import parse
from faultlab.lab.contract import builtin
from faultlab.lab.errors import SetupError
from faultlab.lab.history import History, OpFailed, OpOk, OpUnknown, RequestStarted, load
from faultlab.lab.plan import Clear, Enter, Inject, Operate, Plan, Wait
from faultlab.lab.simulation.inside import simulate
from faultlab.lab.subjects.commands import Simulate
from faultlab.lab.subjects.declaration import Op, Subject, op, subject
from faultlab.lab.subjects.load import read_spec

SERVICES = {"orders": {"GET /orders/{id}": {"id": 7}}}
Simulated = Callable[..., History]


def offering(call: Callable[[httpx.AsyncClient], Any]) -> Subject:
    """A subject with one operation, `read`, on a client of httpx."""

    @subject(services=SERVICES, contract="httpx")
    async def orders(urls: dict[str, str]) -> AsyncIterator[dict[str, Op]]:
        async with httpx.AsyncClient(base_url=urls["orders"], timeout=10) as http:
            yield {"read": op("GET /orders/{id}", call, http)}

    return orders


async def get(http: httpx.AsyncClient) -> object:
    """Once."""
    answer = await http.get("/orders/7")
    answer.raise_for_status()
    return answer.json()


async def get_until_it_works(http: httpx.AsyncClient) -> object:
    """Every tenth of a second, or so."""
    import random

    while True:
        try:
            return await get(http)
        except httpx.HTTPError:
            await asyncio.sleep(random.uniform(0.05, 0.15))


def read(*ids: int, phase: Literal["control", "fault", "recovery"] = "control") -> Operate:
    """So many reads, one after the other."""
    return Operate(
        ids=ids,
        name="read",
        service="orders",
        method="GET",
        path="/orders/{id}",
        idempotent=True,
        expect=("ok",),
        phase=phase,
    )


@pytest.fixture
def simulated(tmp_path: Path) -> Simulated:
    """Plays steps on a subject; the history."""

    def play(of: Subject, *steps: Any, seed: int = 7, limit: float = 100.0) -> History:
        plan = Plan(
            scenario="sim",
            file="sim.yaml",
            title="",
            subject="orders",
            contract="httpx",
            environment="simulated",
            tune="none",
            seed=seed,
            services=("orders",),
            steps=steps,
            limit=limit,
        )
        path = tmp_path / f"{seed}.jsonl"
        wanted = Simulate(
            plan=plan.model_dump_json().encode(),
            kind="armed",
            contract=builtin("httpx").model_dump_json().encode(),
            services={name: parse(routes) for name, routes in SERVICES.items()},
            subject="orders",
            path=str(path),
        )
        simulate(read_spec("orders_lab:orders"), of, wanted)
        return load(path)

    return play


def refused(number: int) -> Inject:
    """The service is down."""
    return Inject(id=number, fault=Refused(service="orders"), line=1)


def test_what_takes_half_an_hour_takes_none(simulated: Simulated) -> None:
    """Waits pass at once, and each operation is where the plan has it."""
    began = time.monotonic()
    steps = (read(1), refused(1), Wait(seconds=1800.0, line=2), Clear(line=3), read(2))
    history = simulated(offering(get), *steps, limit=3600.0)
    assert time.monotonic() - began < 60
    first, second = (event.t for event in history if isinstance(event, OpOk))
    assert first < 0.1
    assert 1800.0 < second < 1800.1
    assert (history.header.environment, history.header.early) == ("simulated", 0.0)


def test_a_process_that_is_killed_is_back_when_it_should_be(simulated: Simulated) -> None:
    """A client that waits for it sees it at that time."""
    killed = Inject(id=1, fault=Killed(service="orders", restart=2.0), line=1)
    history = simulated(offering(get_until_it_works), read(1), killed, read(2))
    _, back = (event.t for event in history if isinstance(event, OpOk))
    assert 2.0 < back < 2.2


def lines(history: History) -> list[bytes]:
    """All but the first, which says when it was played."""
    return list(history.to_lines())[1:]


def test_the_same_seed_gives_the_same_history_and_another_one_another(simulated: Simulated) -> None:
    """Every byte behind the first line; what differs is what the client has drawn."""
    failing = Inject(id=1, fault=Status(service="orders", code=503, first=3), line=1)
    steps = (read(1), failing, read(2, 3))
    first = lines(simulated(offering(get_until_it_works), *steps))
    assert lines(simulated(offering(get_until_it_works), *steps)) == first
    assert lines(simulated(offering(get_until_it_works), *steps, seed=8)) != first


def test_a_client_that_waits_for_ever_is_cut_at_the_plan_s_limit_without_waiting(
    simulated: Simulated,
) -> None:
    """In no time at all."""

    async def hangs(_: httpx.AsyncClient) -> None:
        await asyncio.Event().wait()

    history = simulated(offering(hangs), Enter(phase="control"), read(1), read(2), limit=3600.0)
    assert [event.op for event in history if isinstance(event, OpUnknown)] == [1]
    assert 3600.0 <= history.events[-1].t < 3601.0


async def sleeps(_: httpx.AsyncClient) -> None:
    """It stops the loop, and the lab with it."""
    time.sleep(0.2)  # noqa: ASYNC251


async def swallows(_: httpx.AsyncClient) -> None:
    """What refuses it is caught by whoever catches everything."""
    with suppress(BaseException):
        await asyncio.to_thread(print)


@pytest.mark.parametrize(("call", "told"), [(sleeps, "time.sleep"), (swallows, "run_in_executor")])
def test_what_waits_for_real_is_told_and_never_judged(
    simulated: Simulated, call: Callable[..., Any], told: str
) -> None:
    """Which call, and where to play it instead; also where the client has swallowed it."""
    with pytest.raises(SetupError, match="blocks for real, so simulated can't run it") as refused_:
        simulated(offering(call), read(1))
    assert told in refused_.value.rows["call"]
    assert "test_inside.py" in refused_.value.rows["call"]
    assert "--env embedded" in refused_.value.rows["mend"]


def test_what_fails_is_recorded_as_it_is_elsewhere(simulated: Simulated) -> None:
    """Attempts by their tags, errors by their classes."""
    history = simulated(offering(get), read(1), refused(1), read(2))
    (failed,) = (event for event in history if isinstance(event, OpFailed))
    assert failed.errors[0].classes[0] == "httpx.ConnectError"
    started = [event for event in history if isinstance(event, RequestStarted)]
    assert [(event.op, event.attempt) for event in started] == [(1, 1)]
