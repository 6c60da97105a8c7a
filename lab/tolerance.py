"""How times are compared: hard lower bounds, upper bounds with a tolerance for each interval.

The one place where a measured time meets a promised one. Pure; what a time means is the
caller's.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["AT_ONCE", "BASE", "Answer", "eps", "within"]

BASE = 0.035
"""Seconds that every upper bound gets: 0.030 for late timers, 0.005 for the client's own work.

A sleep ends up to 2.2 ms late on an idle machine, as measured. On a virtual machine it also
ends 20 to 29 ms late about once an hour, and 8 to 16 ms late several times in a row, while neither
run delay nor stolen time shows anything: the hypervisor held the timer back. The rest is what a
client computes between seeing an answer and setting its timer, and between the timer and its next
request: it is neither sleep nor run delay, and takes httpx 0.5 to 3 ms.
"""

AT_ONCE = 0.050
"""Seconds in which something promised in microseconds must have happened, before `eps`."""

Answer = Literal["yes", "no", "unknown"]


def eps(a_late: float, b_late: float) -> float:
    """The tolerance of an interval, from the run-delay sums (`late`) at its begin and its end.

    Both sums are of one thread; a sum that falls back (another thread) counts as nothing.
    """
    return BASE + max(0.0, b_late - a_late)


def within(
    value: float, low: float | None, high: float | None, eps: float, early: float = 0.001
) -> Answer:
    """Whether a time lies in [low, high]; None: no bound.

    The lower bound is hard but for `early`, the resolution of sleeps and clocks. Up to `eps` over
    the upper bound is `yes`, up to a further `eps` is `unknown`.
    """
    if low is not None and value < low - early:
        return "no"
    if high is None or value <= high + eps:
        return "yes"
    return "unknown" if value <= high + 2 * eps else "no"
