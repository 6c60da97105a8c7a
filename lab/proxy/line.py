"""What waits in one direction of a link: releases in order, each at its time or at a fault's end.

Knows neither bytes nor sockets; a release is a call. The delays of faults that are over count no
more, so that what a fault held back is released when it ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

from ...faults.decide import Delay
from ..net import Net, Timer

__all__ = ["Line"]


class _Waiting:
    """One release: when it came, what keeps it, and the size of what it releases."""

    __slots__ = ("came", "delays", "release", "size")

    def __init__(
        self, release: Callable[[], None], size: int, came: float, delays: tuple[Delay, ...]
    ) -> None:
        self.release = release
        self.size = size
        self.came = came
        self.delays = delays


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

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._queue

    @property
    def free(self) -> bool:
        """Whether what comes now may pass at once."""
        return not self._queue and not self.held and not self._pumping

    def put(self, release: Callable[[], None], size: int, delays: tuple[Delay, ...]) -> None:
        """Queue a release behind all others."""
        self._queue.append(_Waiting(release, size, self._net.now(), delays))
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
                due = first.came + sum(d.seconds for d in first.delays if self._holds(d.fault))
                rest = due - self._net.now()
                if rest > 0:
                    if rest < inf:
                        self._timer = self._net.later(rest, self.pump)
                    return
                self._queue.popleft()
                self.size -= first.size
                first.release()
        finally:
            self._pumping = False
            if self._left is not None and self.size != before:
                self._left()

    def clear(self) -> None:
        """Drop everything."""
        self._queue.clear()
        self.size = 0
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
