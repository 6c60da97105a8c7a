"""What is told of an operation that will never end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from faultlab.lab.environments.simulated import Hang, SimulatedLoop
from faultlab.lab.simulation.hanging import beside, pending
from faultlab.lab.subjects.leftovers import OURS, settled


async def stuck() -> None:
    """An operation."""
    await asyncio.get_running_loop().create_future()


async def refills(queue: asyncio.Queue[int]) -> None:
    """What a client does beside."""
    await queue.get()


def told(*others: Callable[[], Coroutine[Any, Any, Any]]) -> tuple[str, ...]:
    """Of an operation beside these."""
    loop = SimulatedLoop(seed=0)
    operation = loop.create_task(stuck())
    beside_it = [loop.create_task(other()) for other in others]
    try:
        loop.run_within(1.0, operation)
    except Hang:
        return pending(operation, beside_it)
    finally:
        for task in (operation, *beside_it):
            task.cancel()
        loop.run_until_complete(asyncio.wait([operation, *beside_it]))
        loop.close()
    raise AssertionError("it did not hang")


def test_the_operation_s_own_wait_comes_first_and_tasks_go_by_their_coroutines() -> None:
    """Asyncio's numbers are other ones in each process."""
    own, first, second = told(lambda: refills(asyncio.Queue()), lambda: asyncio.Event().wait())
    assert own.startswith("tests/lab/simulation/test_hanging.py:")
    assert own.endswith(", stuck, for a Future")
    assert first.startswith("Event.wait: ")
    assert second.startswith("refills: tests/lab/simulation/test_hanging.py:")
    assert second.endswith(", refills, in Queue.get")


def test_of_many_tasks_the_first_ten_are_told() -> None:
    """A pool of a thousand is one cause."""
    assert len(told(*[lambda: refills(asyncio.Queue())] * 12)) == 11


def test_the_lab_s_own_tasks_are_nobody_s_wait() -> None:
    """The author can do nothing about them."""

    async def forever(_: float) -> None:
        await stuck()

    def own() -> Coroutine[Any, Any, Any]:
        before: Any = type("Held", (), {"beyond": lambda *_: (1,)})()
        return settled(lambda: before, before, pause=forever)

    assert len(told(own)) == 1


def test_a_thread_that_is_not_the_labs_may_wake_an_operation() -> None:
    """No one begins in a simulation, but a module's may be there already."""
    known = threading.enumerate()
    over = threading.Event()
    for name in ("poller", f"{OURS}feed"):
        threading.Thread(target=over.wait, name=name, daemon=True).start()
    try:
        assert beside(known) == "a thread that began before: poller"
        assert beside(threading.enumerate()) == ""
    finally:
        over.set()
