"""What is to be done next, but not within the call that asks for it.

On a loop that turns it is done at its next turn; who can't wait for that, because they are called from
the loop themselves, do it `now`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..environments.simulated.tcp import Scheduler

__all__ = ["Soon"]


class Soon:
    """Calls in the order in which they were asked for, at `scheduler`'s next turn at the latest."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._calls: deque[Callable[[], None]] = deque()

    def __call__(self, call: Callable[[], None]) -> None:
        """Have it called."""
        self._calls.append(call)
        self._scheduler.later(0.0, self.now)

    def now(self) -> None:
        """Call all, and what these ask for."""
        while self._calls:
            self._calls.popleft()()
