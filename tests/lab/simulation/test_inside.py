"""Plays in virtual time: what a scenario says happens, at its times, and nothing by chance."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from faultlab.faults import Killed, Refused, Status
from faultlab.lab.backends.specification import parse
from faultlab.lab.contract import builtin
from faultlab.lab.errors import SetupError, SubjectError
from faultlab.lab.history import (
    ClockSet,
    History,
    OpFailed,
    OpHung,
    OpOk,
    OpUnknown,
    RequestStarted,
    SubjectOpened,
    load,
)
from faultlab.lab.plan import Clear, Enter, Inject, Operate, Plan, SetClock, Wait
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

    def play(
        of: Subject | Callable[[], Subject], *steps: Any, seed: int = 7, limit: float = 100.0
    ) -> History:
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
        known = [*threading.enumerate()]
        made = of if isinstance(of, Subject) else of()
        simulate(read_spec("orders_lab:orders"), made, wanted, threads=known)
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
    (opened,) = (event for event in history if isinstance(event, SubjectOpened))
    assert opened.connects == "network"  # no audit event tells of them


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


async def awaits_a_future(_: httpx.AsyncClient) -> None:
    """That nobody sets."""
    await asyncio.get_running_loop().create_future()


async def awaits_a_lock(http: httpx.AsyncClient) -> None:
    """Behind an answer, and holds it itself."""
    lock = asyncio.Lock()
    async with lock:
        await get(http)
        await lock.acquire()


async def awaits_a_queue(_: httpx.AsyncClient) -> None:
    """That a task would fill which waits for another."""
    orders: asyncio.Queue[int] = asyncio.Queue()

    async def fills() -> None:
        await asyncio.Event().wait()
        orders.put_nowait(7)

    asyncio.get_running_loop().filling = asyncio.create_task(fills())  # type: ignore[attr-defined]
    await orders.get()


@pytest.mark.parametrize(
    ("call", "awaits"),
    [
        (awaits_a_future, ["awaits_a_future, for a Future"]),
        (awaits_a_lock, ["awaits_a_lock, in Lock.acquire"]),
        (
            awaits_a_queue,
            ["awaits_a_queue, in Queue.get", "awaits_a_queue.<locals>.fills, in Event.wait"],
        ),
    ],
)
def test_a_client_that_waits_for_what_can_not_come_is_told_with_all_that_is_awaited(
    simulated: Simulated, call: Callable[..., Any], awaits: list[str]
) -> None:
    """When nothing is left to happen, and not at the plan's limit; what time is left passes at once."""
    history = simulated(offering(call), Enter(phase="control"), read(1), read(2), limit=3600.0)
    (hung,) = (event for event in history if isinstance(event, OpHung))
    assert (hung.op, hung.unless) == (1, "")
    assert hung.t < 60.0  # what its connection and the stub had still to do
    assert len(hung.awaits) == len(awaits)
    for line, end in zip(hung.awaits, awaits, strict=True):
        assert "test_inside.py:" in line
        assert line.endswith(end)
    assert not [event for event in history if isinstance(event, OpUnknown)]
    assert 3600.0 <= history.events[-1].t < 3601.0


async def polls(_: httpx.AsyncClient) -> None:
    """As long as it is let."""
    while True:  # noqa: ASYNC110
        await asyncio.sleep(1.0)


def test_a_client_that_goes_on_is_cut_at_the_plan_s_limit(simulated: Simulated) -> None:
    """Something is left to happen as long as it is, so that nobody knows whether it ends."""
    history = simulated(offering(polls), read(1), limit=3600.0)
    assert [event.op for event in history if isinstance(event, OpUnknown)] == [1]
    assert not [event for event in history if isinstance(event, OpHung)]


def test_a_thread_that_began_before_the_simulation_leaves_a_doubt(simulated: Simulated) -> None:
    """It might wake the operation: the loop can't know."""
    awaited = threading.Event()
    thread = threading.Thread(target=awaited.wait, name="worker", daemon=True)

    def starts() -> Subject:
        thread.start()
        return offering(awaits_a_future)

    try:
        history = simulated(starts, read(1))
    finally:
        awaited.set()
        thread.join()
    (hung,) = (event for event in history if isinstance(event, OpHung))
    assert hung.unless == "a thread that began before: worker"


def test_a_story_sets_the_wall_clock_and_no_other(simulated: Simulated) -> None:
    """Back by an hour between two reads, in which no time passes."""
    seen: list[tuple[float, float]] = []

    async def looks(http: httpx.AsyncClient) -> None:
        seen.append((time.time(), time.monotonic()))
        await get(http)

    back = SetClock(seconds=-3600.0, line=5)
    history = simulated(offering(looks), read(1), Wait(seconds=5.0), back, read(2))
    (wall, monotonic), (wall_then, monotonic_then) = seen
    passed = monotonic_then - monotonic
    assert 5.0 <= passed < 5.01
    assert wall_then - wall == pytest.approx(passed - 3600.0)
    assert [event.seconds for event in history if isinstance(event, ClockSet)] == [-3600.0]
    began = datetime.fromisoformat(history.header.wall).timestamp()
    assert wall == pytest.approx(began + monotonic, abs=0.01)


async def spins(_: httpx.AsyncClient) -> None:
    """No time passes while it looks at the time."""
    while time.monotonic() < 1e9:  # noqa: ASYNC110
        await asyncio.sleep(0)


def in_threads_of_its_own() -> asyncio.Future[None]:
    """Work for an executor that the client made."""
    return asyncio.get_running_loop().run_in_executor(ThreadPoolExecutor(1), print)


async def waits_for_a_thread(_: httpx.AsyncClient) -> None:
    """Whose start was refused in another task."""
    come = asyncio.get_running_loop().create_future()

    async def works() -> None:
        come.set_result(await in_threads_of_its_own())

    asyncio.get_running_loop().working = asyncio.create_task(works())  # type: ignore[attr-defined]
    await come


def test_work_for_a_thread_that_waits_already_is_told(simulated: Simulated) -> None:
    """No thread is started, and nobody would ever hear of its end."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()

        async def submits(_: httpx.AsyncClient) -> None:
            await asyncio.wrap_future(pool.submit(int))

        with pytest.raises(SetupError, match="blocks for real") as refused_:
            simulated(offering(submits), read(1))
    assert refused_.value.rows["call"].startswith("ThreadPoolExecutor.submit, from ")
    assert "test_inside.py" in refused_.value.rows["call"]


def test_what_can_not_go_on_here_alone_is_no_hang(simulated: Simulated) -> None:
    """Elsewhere it would: it is told, and never judged."""
    with pytest.raises(SetupError, match="waits for the time by looking at it") as refused_:
        simulated(offering(spins), read(1))
    assert "test_inside.py" in refused_.value.rows["seen"]
    with pytest.raises(SetupError, match="blocks for real") as refused_:
        simulated(offering(waits_for_a_thread), read(1))
    assert "run_in_executor" in refused_.value.rows["call"]


class Policy(asyncio.DefaultEventLoopPolicy):
    """As uvloop's, which is known by where its loops come from."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """One of its own."""
        made = type("Loop", (asyncio.SelectorEventLoop,), {"__module__": "uvloop"})
        loop: asyncio.AbstractEventLoop = made()
        return loop


def test_a_subject_that_asks_for_uvloop_is_told_where_it_runs(simulated: Simulated) -> None:
    """On another loop it would be another client."""
    asyncio.set_event_loop_policy(Policy())
    try:
        with pytest.raises(SetupError, match="asks for uvloop, which simulated can't run") as told:
            simulated(offering(get), read(1))
    finally:
        asyncio.set_event_loop_policy(None)
    assert told.value.rows["call"].startswith("asyncio.set_event_loop_policy: ")
    assert "--env embedded" in told.value.rows["mend"]


def entered_by(wait: Callable[[], Any]) -> Subject:
    """A subject whose factory waits on its way in."""

    @subject(services=SERVICES, contract="httpx")
    async def orders(urls: dict[str, str]) -> AsyncIterator[dict[str, Op]]:
        await wait()
        yield {"read": op("GET /orders/{id}", get, urls)}

    return orders


def test_a_factory_that_never_comes_in_is_its_author_s(simulated: Simulated) -> None:
    """Nothing was called yet, so there is nothing to judge."""
    with pytest.raises(SubjectError, match="it will never start: nothing can happen") as told:
        simulated(entered_by(lambda: asyncio.Event().wait()), read(1))
    assert "test_inside.py" in str(told.value)
    with pytest.raises(SubjectError, match="it did not start within 20 s"):
        simulated(entered_by(lambda: asyncio.sleep(3600)), read(1))


async def sleeps(_: httpx.AsyncClient) -> None:
    """It stops the loop, and the lab with it."""
    time.sleep(0.2)  # noqa: ASYNC251


async def swallows(_: httpx.AsyncClient) -> None:
    """What refuses it is caught by whoever catches everything."""
    with suppress(BaseException):
        await in_threads_of_its_own()


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
