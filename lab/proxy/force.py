"""The faults in force on one service, and the events that they leave in the history.

State without I/O: it asks `faults/decide.py`, stamps by the net's clock, and hands events to the
recorder. Knows no connection.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Literal

from ...faults import AnyFault
from ...faults.actions import Armed, CutConnection, Decision, Draws, Request, Slow
from ...faults.arming import ender, listener, paces
from ...faults.decide import fold, on_accept, on_bytes, on_idle, on_request, patience
from ..history import AnyEvent, FaultArmed, FaultAwaited, FaultCleared, FaultFired
from ..net import Net
from .waiting import Waiting
from .workers import Workers

__all__ = ["Force"]


class Force:
    """What is in force, in order of arming, and how often each fault acted."""

    def __init__(
        self,
        net: Net,
        service: str,
        record: Callable[[AnyEvent], None],
        start: float,
        draws: Draws,
        waiting: Waiting,
    ) -> None:
        self.net = net
        self.service = service
        self.record = record
        self.armed: tuple[Armed, ...] = ()
        self.below: frozenset[int] = frozenset()  # those that the network does, beyond the link
        self.streaming = False  # whether any fault slows the byte stream as such
        self.workers = Workers()
        self.waiting = waiting
        self._limited = False  # whether any fault has workers
        self._start = start
        self._draws = draws
        self._fired: dict[int, int] = {}
        self._requests: dict[int, int] = {}  # of each operation, where no tag counts them

    def clock(self) -> float:
        """Seconds since the run's start."""
        return self.net.now() - self._start

    def holds(self, ident: int) -> bool:
        """Whether this fault is in force."""
        return any(one.id == ident for one in self.armed)

    def next_of(self, op: int) -> int:
        """Which request of an operation the present one is, from 1, where no tag says so."""
        self._requests[op] = self._requests.get(op, 0) + 1
        return self._requests[op]

    def awaits(self, ident: int, fault: AnyFault, unfired: Literal["fail", "ok"]) -> None:
        """Its step has come, and its time has not."""
        self.record(
            FaultAwaited(
                t=self.clock(),
                service=self.service,
                fault=ident,
                name=fault.kind,
                text=fault.text(),
                awaits=fault.awaits(),
                unfired=unfired,
            )
        )

    def never_came(self, ident: int, fault: AnyFault) -> None:
        """It ends without having been in force."""
        self.record(
            FaultCleared(t=self.clock(), service=self.service, fault=ident, name=fault.kind)
        )

    def add(
        self,
        armed: Armed,
        since: float,
        mechanism: str,
        unfired: Literal["fail", "ok"],
        why: str,
    ) -> None:
        """Put in force, as of `since`. `why`: what it had waited for."""
        ident, fault = armed.id, armed.fault
        self.record(
            FaultArmed(
                t=since,
                service=self.service,
                fault=ident,
                name=fault.kind,
                text=fault.text(),
                mechanism=mechanism,
                listener=listener(fault),
                paces=paces(fault),
                why=why,
                unfired=unfired,
            )
        )
        self._fired[ident] = 0
        self._set((*self.armed, armed))

    def remove(self, ident: int, why: str = "") -> Armed | None:
        """End a fault; None if it isn't in force. `why`, unless it was cleared."""
        for one in self.armed:
            if one.id == ident:
                self._set(tuple(other for other in self.armed if other is not one))
                self.record(
                    FaultCleared(
                        t=self.clock(),
                        service=self.service,
                        fault=ident,
                        name=one.fault.kind,
                        fired=self._fired.pop(ident, 0),
                        why=why,
                    )
                )
                self.workers.end(ident)
                return one
        return None

    @property
    def ender(self) -> int | None:
        """The fault that has ended the backend's process, if one has."""
        return ender(self.armed)

    def accept(self, conn: int) -> CutConnection | None:
        """What becomes of a connection that is accepted now."""
        decision = on_accept(conn, self.armed, self._draws)
        self._fold(decision)
        return decision.cut

    def idle(self, at: Literal["reuse", "idle"], seconds: float) -> CutConnection | None:
        """What becomes of a connection that has been idle so long."""
        decision = on_idle(at, seconds, self.armed)
        self._fold(decision)
        return decision.cut

    def patience(self) -> float | None:
        """After how many idle seconds `idle` is to be asked; None: never."""
        return patience(self.armed)

    def decide(self, request: Request, seen: tuple[Armed, ...]) -> Decision:
        """What happens to an exchange; only faults `seen` when its head began, still in force."""
        armed = self.armed
        if seen is not armed:
            known = {one.id for one in seen}
            armed = tuple(one for one in armed if one.id in known)
        if not armed:
            return on_request(request, (), self._draws)
        if self._limited:
            armed = tuple(self._loaded(one) for one in armed)
        decision = on_request(request, armed, self._draws)
        self._fold(decision, request, {one.id for one in armed})
        return decision

    def stream(
        self, direction: Literal["to_client", "to_backend"], key: tuple[int, int]
    ) -> tuple[Slow, ...]:
        """What slows bytes that arrive now."""
        return on_bytes(direction, key, self.armed, self._draws)

    def beyond(self) -> tuple[Slow, ...]:
        """What slows bytes to the client when they have left the link."""
        if not self.below:
            return ()
        those = tuple(one for one in self.armed if one.id in self.below)
        return on_bytes("to_client", (0, 0), those, self._draws)

    def fired(
        self,
        ident: int,
        on: Literal["connection", "request", "bytes"],
        *,
        conn: int | None,
        request: int | None = None,
        op: int | None = None,
        attempt: int | None = None,
        heard: bool = True,
    ) -> None:
        """A fault in force acted; one that is over leaves no trace any more."""
        if ident not in self._fired:
            return
        self._fired[ident] += 1
        self.record(
            FaultFired(
                t=self.clock(),
                service=self.service,
                fault=ident,
                on=on,
                conn=conn,
                request=request,
                op=op,
                attempt=attempt,
                heard=heard,
            )
        )

    def _fold(
        self,
        decision: Decision,
        request: Request | None = None,
        seen: Collection[int] | None = None,
    ) -> None:
        """Note it in the faults in force; those not `seen` by the request know nothing of it."""
        told = self.armed if seen is None else tuple(o for o in self.armed if o.id in seen)
        after = {one.id: one for one in fold(told, decision, request)}
        armed = tuple(after.get(one.id, one) for one in self.armed)
        if any(one is not before for one, before in zip(armed, self.armed, strict=True)):
            self._set(armed)

    def _loaded(self, one: Armed) -> Armed:
        busy, queued = self.workers.counts(one.id)
        return replace(one, busy=busy, queued=queued)

    def _set(self, armed: tuple[Armed, ...]) -> None:
        self.armed = armed
        self._limited = any(one.fault.kind == "capacity" for one in armed)
        self.streaming = any(one.fault.reach == "stream" and not one.fault.scoped for one in armed)
