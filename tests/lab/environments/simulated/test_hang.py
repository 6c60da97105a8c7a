"""What is said of a program that waits for what can't come."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from faultlab.lab.environments.simulated import Hang, SimulatedLoop


def hang_of(program: object) -> Hang:
    """The hang of a coroutine on a simulated loop."""
    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(seed=0)) as runner:
        with pytest.raises(Hang) as hang:
            runner.run(program)
        return hang.value


async def reads(queue: asyncio.Queue[int]) -> int:
    """Waits in the library."""
    return await queue.get()


def test_each_task_is_told_with_the_authors_line_and_what_it_waits_in() -> None:
    """A hang in a library is the author's await."""

    async def program() -> None:
        reader = asyncio.create_task(reads(asyncio.Queue()), name="reader")
        await reader

    hang = hang_of(program())
    assert len(hang.awaits) == 2
    [main, reader] = sorted(hang.awaits, key=lambda line: line.startswith("reader"))
    assert main.endswith("program, for the task reads")
    assert "test_hang.py:" in main
    assert reader.startswith("reader: ")
    assert reader.endswith("reads, in Queue.get")
    assert str(hang) == (
        "nothing can happen any more: no timer, no traffic\n"
        f"  awaits   {hang.awaits[0]}\n  awaits   {hang.awaits[1]}"
    )


def test_what_is_awaited_is_named_also_where_it_has_no_name_of_its_own() -> None:
    """A bare Future is told as one, and an asynchronous generator is looked into."""

    async def orders() -> AsyncIterator[int]:
        yield await asyncio.get_running_loop().create_future()

    async def program() -> None:
        async for _ in orders():
            pass

    (line,) = hang_of(program()).awaits
    assert "test_hang.py:" in line
    assert line.endswith("<locals>.orders, for a Future")


def test_a_program_that_looks_at_the_time_without_waiting_is_told_too() -> None:
    """On the machine's clock it would end; here no time passes while something is ready."""

    async def program() -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < 1.0:  # noqa: ASYNC110  # as some do
            await asyncio.sleep(0)

    assert str(hang_of(program())).startswith("no time has passed in 100,000 turns of the loop\n")


def test_without_a_task_it_says_so() -> None:
    """`run_forever` of an idle loop."""
    loop = SimulatedLoop(seed=0)
    with pytest.raises(Hang, match="nobody: it was left running"):
        loop.run_forever()
    loop.close()


def test_tasks_are_in_the_order_of_their_numbers() -> None:
    """Nine before ten."""

    async def program() -> None:
        waiting = [
            asyncio.create_task(asyncio.Event().wait(), name=f"reader-{number}")
            for number in (110, 19, 20)
        ]
        await asyncio.wait(waiting)

    names = [line.partition(":")[0] for line in hang_of(program()).awaits]
    assert [name for name in names if name.startswith("reader")] == [
        "reader-19",
        "reader-20",
        "reader-110",
    ]
