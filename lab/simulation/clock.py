"""The time of a play in a simulation: it passes in the play's own waits, and in operations.

Counterpart: `RealClock` of lab/play.py.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

from ..environments.simulated import Hang, SimulatedLoop
from ..errors import SetupError

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
        """Let time pass until this is done, at most so many seconds; whether it is.

        Raises SetupError where nothing is left to happen that could do it.
        """
        if not done.done():
            try:
                self._loop.run_within(seconds, asyncio.wrap_future(done, loop=self._loop))
            except Hang as hang:
                raise SetupError(
                    "the simulation waits in vain for the end of a fault", seen=str(hang)
                ) from hang
        return done.done()

    def set_wall(self, seconds: float) -> None:
        """Set the wall clock forward, or back: no time passes."""
        self._loop.run.clocks.step(seconds)

    def stop(self) -> None:
        """No wait goes on."""
        self._stopped = True
