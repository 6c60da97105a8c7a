"""An asyncio event loop whose time is virtual: it passes when nothing else is left to do.

Same seed, same program: the same callbacks in the same order at the same times. While it runs, its
run is on in its thread (`running.py`): the clocks show its time, and what would leave it is refused.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final, NoReturn, TypeVar, TypeVarTuple

from .clocks import START
from .connections import Connections
from .hang import Hang, awaits
from .running import Run

__all__ = ["SimulatedLoop"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_TURNS: Final = 100_000  # without time passing: a program that waits for the time by looking at it


class SimulatedLoop(Connections):
    """The loop. `run` has its clocks and its chance; `seed` and `wall` are the run's.

    Raises Hang out of `run_forever` and `run_until_complete` when something is awaited that can't
    come any more.
    """

    # Of BaseEventLoop, which asyncio's own loops are made of.
    _ready: deque[asyncio.Handle]
    _stopping: bool
    _check_closed: Callable[[], None]

    def __init__(self, *, seed: int, wall: float = START) -> None:
        super().__init__()
        self._clock_resolution = 0.0  # a timer is never early
        self._now = 0.0
        # With the number of each: of two at the same time the one that was scheduled first comes first.
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = itertools.count()
        self._turns = 0
        self._until = math.inf  # whoever drives it wants it back then
        self.run = Run(self.time, seed=seed, wall=wall)
        self.on_network(self, random.Random(f"{seed}: the network"))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def now(self) -> float:
        """As `time`: the network's scheduler is this loop."""
        return self._now

    def later(self, delay: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """As `call_later`."""
        return self.call_later(delay, call)

    def run_forever(self) -> None:
        """As asyncio's, with the run on in this thread. Raises Hang."""
        self._turns = 0
        with self.run.on():
            super().run_forever()

    def run_for(self, seconds: float) -> None:
        """Run for so long in virtual time: for who drives the loop from outside."""
        self.call_later(seconds, self.stop)
        self.run_forever()

    def run_within(self, seconds: float, done: asyncio.Future[Any]) -> bool:
        """Run until this is done, at most so long in virtual time; whether it is.

        A timer for that would be something that may still happen; so Hang is raised as without a
        limit. What it came to, its exception too, is left in `done`.
        """
        if done.done():
            return True
        done.add_done_callback(self._leave)
        self._until = self._now + seconds
        try:
            self.run_forever()
        finally:
            self._until = math.inf
            done.remove_done_callback(self._leave)
        return done.done()

    def _leave(self, _: asyncio.Future[Any]) -> None:
        self.stop()

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As asyncio's; of two at the same time the one that was scheduled first comes first."""
        self._check_closed()
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def run_in_executor(
        self, executor: object, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """What the loop's own threads would do is done in its turn, on the loop, in no time.

        So is `asyncio.to_thread`. Work that waits for real is refused in its place; so are threads
        of an executor of one's own: raises Escaped.
        """
        self._check_closed()
        if executor is not None:
            raise self.run.refuse("loop.run_in_executor")
        done: asyncio.Future[T] = self.create_future()
        self.call_soon(_work, done, func, *args)
        return done

    async def subprocess_exec(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: a process's work takes real time. Raises Escaped."""
        raise self.run.refuse("loop.subprocess_exec")

    async def subprocess_shell(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: a process's work takes real time. Raises Escaped."""
        raise self.run.refuse("loop.subprocess_shell")

    def close(self) -> None:
        """As asyncio's."""
        super().close()
        self._timers.clear()

    def _run_once(self) -> None:
        """One turn: time passes if nothing is ready, then what is due runs."""
        timers, ready = self._timers, self._ready
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not ready and not self._stopping:
            if not timers:
                raise Hang(awaits(asyncio.all_tasks(self)))
            if timers[0][0] > self._until:
                self._now, self._stopping = self._until, True
                return
            if timers[0][0] > self._now:
                self._now, self._turns = timers[0][0], 0
        self._turns += 1
        if self._turns > _TURNS:
            raise Hang(awaits(asyncio.all_tasks(self)), turns=_TURNS)
        while timers and timers[0][0] <= self._now:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _process_events(self, event_list: object) -> None:
        """There are none: all that happens is a callback."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who could be woken."""


def _work(done: asyncio.Future[T], func: Callable[[*Ts], T], *args: *Ts) -> None:
    if done.cancelled():
        return
    try:
        value = func(*args)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001  # who awaits it is told, as by a thread
        done.set_exception(error)
    else:
        done.set_result(value)
