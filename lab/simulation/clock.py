"""The time of a play in a simulation: it passes in the play's own waits, and in operations.

Counterpart: `RealClock` of lab/play.py.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

from ..environments.simulated import SimulatedLoop

__all__ = ["VirtualClock"]


class VirtualClock:
    """The clock of a loop that is driven from outside."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self._stopped = False

    def now(self) -> float:
        """Virtual seconds."""
        return self._loop.time()

    def wait(self, seconds: float) -> bool:
        """Let so much time pass; True, at once, if the play is stopped."""
        if seconds > 0 and not self._stopped:
            self._loop.run_for(seconds)
        return self._stopped

    def until(self, done: Future[Any], seconds: float) -> bool:
        """Let time pass until this is done, at most so many seconds; whether it is."""

        async def waiting() -> None:
            await asyncio.wait([asyncio.wrap_future(done)], timeout=seconds)

        if not done.done():
            self._loop.run_until_complete(waiting())
        return done.done()

    def stop(self) -> None:
        """No wait goes on."""
        self._stopped = True
