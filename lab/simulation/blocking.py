"""What waits for real in a simulation: what its author is told, and what has to be woken to tell it.

Counterpart: `environments/simulated/escapes.py` refuses the calls that tell of themselves before they are
made. A lock's `acquire`, a queue of C's, `os.read` and whatever a library does in C tell nobody; a signal
breaks most of them off.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from ..environments.simulated import Run
from ..errors import SetupError
from ..stamp import run_delay
from ..subjects.commands import Offered

__all__ = ["PERIOD", "asleep", "blocked", "demand_simulable", "woken"]

PERIOD = 1.0
"""Seconds of the machine's between two looks: who slept from one to the next waits for real."""

_LEAST, _MOST = 0.9, 1.5  # periods between two looks; who is stopped meanwhile is not asleep


def blocked(subject: object, call: str) -> SetupError:
    """What its author is told of a subject that made this call, or would."""
    return SetupError(
        f"{subject} blocks for real, so simulated can't run it",
        call=call,
        mend="--env embedded, or the client's async face",
    )


def demand_simulable(subject: str, offers: Iterable[Offered]) -> None:
    """Raise SetupError for operations that wait for real, so that no virtual time passes."""
    real = [
        f"`{offer.name}` starts a command"
        if offer.command
        else f"`{offer.name}`{' at ' if offer.place else ''}{offer.place} is no async function"
        for offer in offers
        if offer.command or not offer.cancellable
    ]
    if real:
        raise blocked(subject, "; ".join(real))


@contextmanager
def woken(run: Run, period: float = PERIOD) -> Iterator[None]:
    """Refuse, until the block is left, what has this thread asleep for a whole period.

    Whoever uses it is the main thread of a process of its own, for it takes SIGALRM. Time never passes
    for real in a simulation, so that nothing in it has a reason to sleep.
    """
    at = _lived()

    def look(_signal: int, _frame: FrameType | None) -> None:
        nonlocal at
        before, at = at, _lived()
        if asleep(at[0] - before[0], at[1] - before[1], period):
            raise run.refuse("a call that sleeps for real")

    known = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, period, period)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, known)


def asleep(elapsed: float, awake: float, period: float) -> bool:
    """Whether who was `awake` for so long of the time between two looks slept for all of it.

    A sleeper is woken by the signal in time; who is kept from running by others is awake.
    """
    return _LEAST * period <= elapsed <= _MOST * period and awake < (1 - _LEAST) * elapsed


def _lived() -> tuple[float, float]:
    """The machine's time, and for how much of it this process ran or waited for a processor.

    By the one clock that a run leaves alone.
    """
    times = os.times()
    return times.elapsed, times.user + times.system + run_delay()
