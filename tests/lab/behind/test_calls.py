"""Calls that may block, off the loop."""

from __future__ import annotations

import asyncio
import threading

from faultlab.lab.behind.calls import Calls
from faultlab.lab.errors import SetupError


def test_calls_run_in_order_and_end_on_the_loop() -> None:
    """What went wrong with one is told, and the next goes on."""
    ended: list[tuple[str, bool]] = []
    ran: list[int] = []

    async def run() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        calls = Calls(loop)
        here = threading.current_thread()

        def over(problem: str) -> None:
            ended.append((problem, threading.current_thread() is here))
            if len(ended) == 3:
                done.set()

        def fail() -> None:
            ran.append(2)
            raise SetupError("no such thing")

        calls.do(lambda: ran.append(1), over)
        calls.do(fail, over)
        calls.do(lambda: ran.append(3), over)
        await done.wait()
        calls.close(1.0)

    asyncio.run(run())
    assert ran == [1, 2, 3]
    assert ended == [("", True), ("no such thing", True), ("", True)]
