"""When a fact happened: seconds since the run's start, and how long its thread had to wait.

Used by every process that stamps events. Knows nothing of events; a Stamp may be called from any
thread, and inside an audit hook.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

__all__ = ["Stamp", "run_delay"]

_OWN = "/proc/thread-self/schedstat"
_LENGTH = 96  # three 64-bit numbers in decimal, two blanks, a line end


def run_delay() -> float:
    """Seconds that the calling thread was runnable but not running since it began.

    The second number of its schedstat (proc(5)), in nanoseconds; 0.0 where the
    system does not tell. Waits for the interpreter lock are not in it.
    """
    try:
        # Not `open`: no buffer to make, nothing left to the garbage collector.
        descriptor = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0.0
    try:
        text = os.read(descriptor, _LENGTH)
    except OSError:
        return 0.0
    finally:
        os.close(descriptor)
    return parse(text)


def parse(text: bytes) -> float:
    """The run delay in seconds in a schedstat line; 0.0 if it is none."""
    numbers = text.split()
    if len(numbers) < 2 or not numbers[1].isdigit():
        return 0.0
    return int(numbers[1]) / 1e9


class Stamp:
    """Stamps `(t, late)`: seconds on CLOCK_MONOTONIC since `start`, and the thread's run delay."""

    __slots__ = ("_clock", "_delay", "start")

    def __init__(
        self,
        start: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        delay: Callable[[], float] = run_delay,
    ) -> None:
        self.start = start
        self._clock = clock
        self._delay = delay

    def __call__(self) -> tuple[float, float]:
        """The present, as an event carries it."""
        # The clock first: what the second reading costs must not make the fact look later.
        t = self._clock() - self.start
        return t, self._delay()
