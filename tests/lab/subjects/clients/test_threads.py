import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from faultlab.lab.subjects.attribution import current
from faultlab.lab.subjects.clients.threads import of_futures, of_threading
from faultlab.lab.subjects.seams import fitted

Operation = Callable[[int], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def carried() -> Iterator[None]:
    """Threads and pools carry operations."""
    with fitted({"threading": of_threading, "concurrent.futures.thread": of_futures}):
        yield


def here() -> int | None:
    """The operation of this context."""
    operation = current.get()
    return None if operation is None else operation.op


def test_threads_carry_the_operation_on(operation: Operation) -> None:
    """A client that works in a thread of its own still works for its caller."""
    seen: list[int | None] = []
    thread = threading.Thread(target=lambda: seen.append(here()))
    with operation(5):
        thread.start()
        thread.join()
    assert seen == [5]
    assert "run" not in vars(thread)


def test_a_thread_that_was_started_before_works_for_nobody(operation: Operation) -> None:
    """By a queue it is told what to do, not for whom."""
    seen: list[int | None] = []
    go = threading.Event()

    def work() -> None:
        go.wait(10)
        seen.append(here())

    thread = threading.Thread(target=work)
    thread.start()
    with operation(5):
        go.set()
        thread.join()
    assert seen == [None]


def test_a_pool_worker_forgets_its_first_submitter(operation: Operation) -> None:
    """Workers outlive the operation that made the pool start them."""
    with ThreadPoolExecutor(1) as pool:
        with operation(1):
            first = pool.submit(here).result()
        with operation(2):
            second = pool.submit(here).result()
        third = pool.submit(here).result()
    assert (first, second, third) == (1, 2, None)


def test_a_loop_s_executor_is_a_pool(operation: Operation) -> None:
    """Made by the factory, it serves every operation."""

    async def both() -> list[int | None]:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            await loop.run_in_executor(pool, here)
            with operation(3):
                return [await loop.run_in_executor(pool, here), await asyncio.to_thread(here)]

    assert asyncio.run(both()) == [3, 3]
