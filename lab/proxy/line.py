"""What waits in one direction of a link: releases in order, each at its time or at a fault's end.

Knows neither bytes nor sockets; a release is a call, of bytes one with start and stop. What slows
them counts only while its fault is in force, so that what a fault held back leaves when it ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

from ...faults.actions import Delay, Paced, Slow
from ..net import Net, Timer

__all__ = ["Line", "Release"]

Release = Callable[[int, int], None]
"""Lets bytes go, from start to stop of what was put."""


class _Waiting:
    """One release: when it came, what slows it, its size, and how much of it has gone."""

    __slots__ = ("came", "delays", "gone", "paced", "release", "size")

    def __init__(self, release: Release, size: int, came: float, slows: tuple[Slow, ...]) -> None:
        self.release = release
        self.size = size
        self.gone = 0
        self.came = came
        self.delays = tuple(slow for slow in slows if isinstance(slow, Delay))
        self.paced = tuple(slow for slow in slows if isinstance(slow, Paced))


class Line:
    """Releases in order. While `held` nothing leaves; `left` is called after something did."""

    def __init__(
        self, net: Net, holds: Callable[[int], bool], left: Callable[[], None] | None = None
    ) -> None:
        self.held = False
        self.size = 0
        self._net = net
        self._holds = holds
        self._left = left
        self._queue: deque[_Waiting] = deque()
        self._timer: Timer | None = None
        self._pumping = False
        self._due = -inf  # when the last paced piece was due

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._queue

    @property
    def free(self) -> bool:
        """Whether what comes now may pass at once."""
        return not self._queue and not self.held and not self._pumping

    def put(self, release: Callable[[], None], size: int, slows: tuple[Slow, ...]) -> None:
        """Queue a release that is one whole behind all others; no pace divides it."""
        delays = tuple(slow for slow in slows if isinstance(slow, Delay))
        self.put_bytes(lambda _start, _stop: release(), size, delays)

    def put_bytes(self, release: Release, size: int, slows: tuple[Slow, ...]) -> None:
        """Queue bytes behind all others; a pace releases them in pieces."""
        self._queue.append(_Waiting(release, size, self._net.now(), slows))
        self.size += size
        if len(self._queue) == 1:
            self.pump()

    def pump(self) -> None:
        """Release what is due."""
        if self._pumping:
            return
        self._stop()
        self._pumping = True
        before = self.size
        try:
            while self._queue and not self.held:
                first = self._queue[0]
                size, due = self._next(first)
                rest = due - self._net.now()
                if rest > 0:
                    if rest < inf:
                        self._timer = self._net.later(rest, self.pump)
                    return
                start = first.gone
                first.gone += size
                if first.gone == first.size:
                    self._queue.popleft()
                self.size -= size
                if first.paced:
                    self._due = max(self._due, due)  # what has no bytes is due at once
                first.release(start, first.gone)
        finally:
            self._pumping = False
            if self._left is not None and self.size != before:
                self._left()

    def _next(self, first: _Waiting) -> tuple[int, float]:
        """How much of the first leaves next, and when."""
        due = first.came + sum(delay.seconds for delay in first.delays if self._holds(delay.fault))
        left = first.size - first.gone
        paced = [pace for pace in first.paced if self._holds(pace.fault)]
        if not paced or not left:
            return left, due
        slowest = max(paced, key=lambda pace: pace.seconds / pace.size)
        size = min(left, slowest.size)
        return size, max(due, self._due) + slowest.seconds * size / slowest.size

    def clear(self) -> None:
        """Drop everything."""
        self._queue.clear()
        self.size = 0
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
