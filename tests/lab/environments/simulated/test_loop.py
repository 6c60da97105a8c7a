"""Virtual time: how it passes, in which order, and what is refused."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.environments.simulated import START, Escaped, Hang, SimulatedLoop


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    """A loop that is closed."""
    loop = SimulatedLoop(seed=1)
    yield loop
    loop.close()


def test_a_wait_takes_its_time_on_every_clock_and_none_of_the_machines(
    loop: SimulatedLoop,
) -> None:
    """Half an hour of it."""

    async def program() -> tuple[float, float, datetime]:
        await asyncio.sleep(1800.5)
        return loop.time(), time.monotonic(), datetime.now(UTC)

    real = time.monotonic()
    assert loop.run_until_complete(program()) == (
        *(1800.5, 1800.5),
        datetime.fromtimestamp(START + 1800.5, UTC),
    )
    assert time.monotonic() - real < 60


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.30000000000000004, 1e9]), max_size=12))
def test_timers_go_off_at_their_times_and_equals_as_they_were_scheduled(
    delays: list[float],
) -> None:
    """A heap keeps no order among equals; determinism needs one."""
    loop = SimulatedLoop(seed=0)
    fired: list[tuple[float, int]] = []
    for number, delay in enumerate(delays):
        loop.call_at(delay, lambda number=number: fired.append((loop.time(), number)))
    loop.call_at(1e9, loop.stop)
    loop.run_forever()
    assert fired == sorted((delay, number) for number, delay in enumerate(delays))
    loop.close()


def test_no_time_passes_while_something_is_ready(loop: SimulatedLoop) -> None:
    """Computing costs nothing here."""
    seen: list[float] = []

    async def busy() -> None:
        for _ in range(50):
            await asyncio.sleep(0)
            seen.append(loop.time())

    loop.call_later(0.001, seen.append, -1.0)
    loop.run_until_complete(busy())
    assert seen == [0.0] * 50


def test_a_cancelled_timer_moves_no_time(loop: SimulatedLoop) -> None:
    """Time-outs that did not come are most timers."""
    loop.call_later(50, print).cancel()
    loop.call_later(1, loop.stop)
    loop.run_forever()
    assert loop.time() == 1.0


def test_a_driver_runs_it_for_so_long(loop: SimulatedLoop) -> None:
    """Whoever plays steps is no task."""
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            await asyncio.sleep(1)
            ticks.append(loop.time())

    ticking = loop.create_task(tick())
    loop.run_for(2.5)
    assert (ticks, loop.time()) == ([1.0, 2.0], 2.5)
    loop.run_for(1.0)
    assert ticks == [1.0, 2.0, 3.0]
    ticking.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(ticking)


def test_a_driver_s_limit_is_nothing_that_may_still_happen(loop: SimulatedLoop) -> None:
    """As a timer it would hide that nothing else is: the hang is found at once, or the limit is met."""
    late = loop.create_task(asyncio.sleep(10.0))
    assert not loop.run_within(9.0, late)
    assert loop.time() == 9.0
    assert loop.run_within(1.0, late)
    assert loop.time() == 10.0
    assert loop.run_within(1.0, late)
    never = loop.create_future()
    with pytest.raises(Hang):
        loop.run_within(3600.0, never)
    assert loop.time() == 10.0
    loop.run_for(1.0)
    assert loop.time() == 11.0


def test_what_a_driver_waited_for_keeps_its_exception(loop: SimulatedLoop) -> None:
    """It is told that it is done, and asks by itself."""

    async def fails() -> None:
        raise ZeroDivisionError

    failing = loop.create_task(fails())
    assert loop.run_within(1.0, failing)
    assert isinstance(failing.exception(), ZeroDivisionError)


def test_time_outs_are_exact(loop: SimulatedLoop) -> None:
    """A deadline is met or missed, never nearly."""

    async def program() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.sleep(5.25)
        async with asyncio.timeout(5):
            await asyncio.sleep(4.75)
        return loop.time()

    assert loop.run_until_complete(program()) == 9.75


def in_threads_of_its_own(work: Callable[[], object]) -> Awaitable[object]:
    """Work for an executor that somebody made."""
    return asyncio.get_running_loop().run_in_executor(ThreadPoolExecutor(1), work)


@pytest.mark.parametrize(
    ("call", "leave"),
    [
        ("loop.run_in_executor", lambda: in_threads_of_its_own(print)),
        ("loop.subprocess_exec", lambda: asyncio.create_subprocess_exec("true")),
        ("loop.subprocess_shell", lambda: asyncio.create_subprocess_shell("true")),
    ],
)
def test_threads_and_processes_are_refused_and_kept(
    loop: SimulatedLoop, call: str, leave: Callable[[], Awaitable[object]]
) -> None:
    """Their work takes real time, of which the clocks here know nothing."""

    async def program() -> None:
        await leave()

    with pytest.raises(Escaped, match=call):
        loop.run_until_complete(program())
    assert [one.call for one in loop.run.escapes] == [call]
    assert "test_loop.py:" in loop.run.escapes[0].where


def test_what_is_for_the_loop_s_own_threads_is_done_in_its_turn(loop: SimulatedLoop) -> None:
    """In no time, with the context of who asked; its error is that of who awaits it."""
    asked: ContextVar[str] = ContextVar("asked", default="")
    done: list[str] = []

    def work(name: str) -> str:
        done.append(f"{name} for {asked.get()}")
        return name.upper()

    async def program() -> str:
        asked.set("me")
        first = asyncio.ensure_future(asyncio.to_thread(work, "first"))
        never = asyncio.ensure_future(asyncio.to_thread(work, "never"))
        await asyncio.sleep(0)
        never.cancel()
        assert done == [], "it would not have begun here"
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)
        return await first

    assert loop.run_until_complete(program()) == "FIRST"
    assert done == ["first for me"]
    assert loop.time() == 0.0


def test_work_that_waits_for_real_is_refused_in_its_place(loop: SimulatedLoop) -> None:
    """The clocks here would not know of it."""

    def waits() -> None:
        time.sleep(0.2)

    with pytest.raises(Escaped, match=r"time\.sleep, from .*test_loop\.py:.*waits"):
        loop.run_until_complete(asyncio.to_thread(waits))


def test_between_two_runs_of_the_loop_the_machines_clocks_are_back(loop: SimulatedLoop) -> None:
    """A test runner's own time lies there."""
    loop.run_until_complete(asyncio.sleep(5))
    assert time.time() > START + 5
    loop.run_until_complete(asyncio.sleep(5))
    assert loop.time() == 10.0


def test_asyncios_runner_takes_it_and_ends_what_is_left() -> None:
    """It is made for `loop_factory`."""
    ended: list[float] = []

    async def lasting() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(1)
            ended.append(asyncio.get_running_loop().time())

    async def program() -> None:
        asyncio.get_running_loop().create_task(lasting())
        await asyncio.sleep(2)

    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(seed=1)) as runner:
        runner.run(program())
    assert ended == [3.0]
