"""For how long a connection has been idle, and when a fault ends it for that.

Counterpart: link.py says whether its connection is idle, and ends it. Knows no fault by name.
"""

from __future__ import annotations

from collections.abc import Callable

from ...faults.actions import CutConnection
from ..net import Timer
from .force import Force

__all__ = ["Idle"]

ROUNDING = 1e-6  # seconds by which two readings of a clock may miss their true distance


class Idle:
    """One connection's idle time. `idle` says whether it is; `end` ends it."""

    def __init__(
        self, force: Force, idle: Callable[[], bool], end: Callable[[CutConnection], None]
    ) -> None:
        self._force = force
        self._idle = idle
        self._end = end
        self._since: float | None = None
        self._timer: Timer | None = None

    def begins(self) -> None:
        """An exchange is over: from here on the connection is idle, if it is."""
        self._since = self._force.net.now() if self._idle() else None
        self.look()

    def ends(self) -> CutConnection | None:
        """A request begins: what becomes of a connection that has been idle until now."""
        since, self._since = self._since, None
        if since is None or not self._force.armed or not self._idle():
            return None
        return self._force.idle("reuse", self._force.net.now() - since)

    def look(self) -> None:
        """Wait for the end of the time that the faults in force give it."""
        self.stop()
        if self._since is None:
            return
        limit = self._force.patience()
        if limit is None or not self._idle():
            return
        spent = self._force.net.now() - self._since
        if limit - spent > ROUNDING:
            self._timer = self._force.net.later(limit - spent, self.look)
            return
        cut = self._force.idle("idle", max(spent, limit))
        if cut is not None:
            self._end(cut)

    def stop(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
