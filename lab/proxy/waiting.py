"""Faults whose time has not come, and the ends of those that last: timers and events of one proxy.

Counterpart: proxy.py puts in force and clears what is named here. `faults/schedule.py` says when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Literal

from ...faults import AnyFault
from ...faults.actions import Armed
from ...faults.scope import covers
from ..net import Net, Timer

__all__ = ["Waiting"]

Unfired = Literal["fail", "ok"]


@dataclass(slots=True, eq=False)
class _One:
    fault: AnyFault
    unfired: Unfired
    since: float
    left: int | None  # bytes of answers that it still waits for
    timer: Timer | None = None


@dataclass(slots=True)
class Waiting:
    """What waits on one service. `begin` is called with a fault's id and why its time has come;
    `over` with the id of one that has lasted long enough, and why. Both are called from the loop.
    """

    net: Net
    begin: Callable[[int, AnyFault, Unfired, str], object]
    over: Callable[[int, str], None]
    sees_requests: bool = False  # whether one waits for a request
    counts_bytes: bool = False  # whether one waits for bytes
    due: dict[int, str] = field(default_factory=dict)  # whose request has come, and why
    _waits: dict[int, _One] = field(default_factory=dict)
    _ends: dict[int, tuple[float, Timer]] = field(default_factory=dict)

    def add(self, ident: int, fault: AnyFault, unfired: Unfired) -> None:
        """From here on it waits."""
        one = _One(fault, unfired, self.net.now(), fault.volume())
        self._waits[ident] = one
        due = fault.comes(0.0)
        if due is not None:
            one.timer = self.net.later(due, partial(self._comes, ident))
        self._look()

    def remove(self, ident: int) -> AnyFault | None:
        """It waits no more; None if it did not."""
        one = self._waits.pop(ident, None)
        if one is None:
            return None
        if one.timer is not None:
            one.timer.cancel()
        self._look()
        return one.fault

    def lasts(self, ident: int, fault: AnyFault) -> None:
        """It came into force: from here on its own time runs."""
        if fault.lasts is not None:
            why = f"it lasted {fault.lasts:g} s"
            timer = self.net.later(fault.lasts, partial(self._over, ident, why))
            self._ends[ident] = (self.net.now() + fault.lasts, timer)

    def ended(self, ident: int) -> None:
        """It is over already."""
        _, timer = self._ends.pop(ident, (0.0, None))
        if timer is not None:
            timer.cancel()

    def meets(self, fault: AnyFault, armed: Iterable[Armed]) -> Iterator[AnyFault]:
        """Those in force, and those that wait, that this fault can meet if its step comes now."""
        begins, ends = fault.span(self.net.now())
        for other in armed:
            over, _ = self._ends.get(other.id, (inf, None))
            if begins < over:
                yield other.fault
        for one in self._waits.values():
            others_begin, others_end = one.fault.span(one.since)
            if begins < others_end and others_begin < ends:
                yield one.fault

    def beside(self, fault: AnyFault, others: Iterable[AnyFault]) -> Iterator[AnyFault]:
        """Those of others that this fault can meet if the steps of all of them come now."""
        begins, ends = fault.span(self.net.now())
        for other in others:
            others_begin, others_end = other.span(self.net.now())
            if begins < others_end and others_begin < ends:
                yield other

    def same(self, fault: AnyFault) -> int | None:
        """The one that waits and whose place this fault takes."""
        return next((i for i, one in self._waits.items() if one.fault.slot() == fault.slot()), None)

    # --- events ----------------------------------------------------------------------------------

    def request(self, method: str, target: str, part: Literal["head", "whole"]) -> None:
        """A request's head arrived, or the whole of it; `come` when that has been passed on.

        A head is enough for what acts on requests, since the next one is to meet it; other faults
        would end this one before the backend has it.
        """
        for ident, one in self._waits.items():
            if part == "head" and one.fault.reach != "request":
                continue
            if one.fault.follows("request") and covers(one.fault.endpoint, method, target):
                self.due.setdefault(ident, f"{method} {target} arrived")

    def come(self) -> None:
        """Begin what requests have brought: all that came with them is older."""
        due, self.due = self.due, {}
        for ident, why in due.items():
            self._comes(ident, why)

    def opened(self) -> None:
        """A breaker is open."""
        for ident in [ident for ident, one in self._waits.items() if one.fault.follows("open")]:
            self._comes(ident, "a breaker is open")

    def sent(self, count: int) -> None:
        """So many bytes of answers were released."""
        for ident, one in self._waits.items():
            if one.left is not None and one.left > 0:
                one.left -= count
                if one.left <= 0:
                    # not from inside the release of what is older than the fault
                    one.timer = self.net.later(0.0, partial(self._comes, ident))

    def close(self) -> None:
        """Nothing comes any more, and nothing ends by its time."""
        for ident in tuple(self._waits):
            self.remove(ident)
        for ident in tuple(self._ends):
            self.ended(ident)

    def _comes(self, ident: int, why: str = "") -> None:
        one = self._waits.get(ident)
        if one is not None:
            self.remove(ident)
            self.begin(ident, one.fault, one.unfired, why or one.fault.awaits())

    def _over(self, ident: int, why: str) -> None:
        self._ends.pop(ident, None)
        self.over(ident, why)

    def _look(self) -> None:
        self.sees_requests = any(one.fault.follows("request") for one in self._waits.values())
        self.counts_bytes = any(one.left is not None for one in self._waits.values())
