"""One pass over a history: what each operation, connection and exchange was seen to do.

Counterparts: exchanges.py, connects.py and reader.py join what is gathered here. Nothing is
concluded yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from ..history import (
    AnyEvent,
    AttemptBegun,
    AttemptEnded,
    ClockSet,
    ConnClosed,
    ConnectAttempted,
    ConnectsHidden,
    ConnOpened,
    ConnUnread,
    EffectApplied,
    FaultArmed,
    FaultAwaited,
    FaultCleared,
    FaultFired,
    History,
    ListenerMode,
    OpCancelled,
    OpCancelRequested,
    OpFailed,
    OpHung,
    OpInvoked,
    OpOk,
    OpUnknown,
    RequestReceived,
    RequestStarted,
    ResponseComplete,
    ResponseCut,
    ResponseHead,
    Sample,
    Starved,
    SubjectClosed,
    SubjectOpened,
)
from .facts import Told
from .modes import Modes

Spans: TypeAlias = tuple[tuple[float, float], ...]
"""Times, each from its begin to its end."""


class Exchange(msgspec.Struct, gc=False):
    """What is known of one request on one connection while the events go by."""

    start: RequestStarted
    head: ResponseHead | None = None
    complete: ResponseComplete | None = None
    cut: ResponseCut | None = None
    effects: int = 0
    faults: dict[int, float] = {}  # when each first acted on it
    events: list[int] = []


class Conn(msgspec.Struct, gc=False):
    """One accepted connection while the events go by."""

    opened: ConnOpened
    first: ConnClosed | None = None  # who ended it first
    client: ConnClosed | None = None  # the client's own end
    exchanges: list[Exchange] = []
    faults: dict[int, float] = {}  # when each last acted on it
    unplugged: list[int] = []  # by these faults
    unread: ConnUnread | None = None  # since when its bytes say nothing
    events: list[int] = []


class Call(msgspec.Struct, gc=False):
    """One operation while the events go by."""

    invoked: OpInvoked
    incarnation: int
    end: OpOk | OpFailed | OpUnknown | OpCancelled | None = None
    hung: OpHung | None = None
    cancel: float | None = None
    events: list[int] = []


class Gathered:
    """Every fact of a history, noted once, under the id that the joins look it up by."""

    def __init__(self, history: History) -> None:
        self.header = history.header
        self.calls: dict[int, Call] = {}
        self.conns: dict[int, Conn] = {}
        self.connects: list[ConnectAttempted] = []
        self.connected: dict[tuple[int | None, int | None], float] = {}  # first connect of each
        self.under: dict[tuple[int, int], list[ConnectAttempted]] = defaultdict(list)  # by tag
        self.begun: dict[tuple[int, int], AttemptBegun] = {}
        self.ended: dict[tuple[int, int], AttemptEnded] = {}
        self.modes: dict[str, Modes] = defaultdict(Modes)
        self.awaited: dict[int, FaultAwaited] = {}
        self.armed: dict[int, FaultArmed] = {}
        self.cleared: dict[int, FaultCleared] = {}
        self.fired: dict[int, list[int]] = defaultdict(list)  # indices of the events
        self.opened: list[SubjectOpened] = []
        self.closed: list[SubjectClosed] = []
        self.hidden = ""  # why not every connect may be known
        self.samples: list[Sample] = []
        self.starved: list[Starved] = []
        self.clock: list[ClockSet] = []
        self.ledgers: set[str] = set()  # services whose backend reports what it does
        self.served: set[str] = set()  # services whose backend answered something
        self.effects: dict[int, int] = defaultdict(int)  # by operation
        self.copied: dict[int, int] = defaultdict(int)  # effects of a fault's copies
        self.end = 0.0
        takes = self._takes()
        for event in history.in_time():
            self.end = event.t
            take = takes.get(type(event))
            if take is not None:
                take(event)

    def _takes(self) -> Mapping[type[AnyEvent], Callable[[Any], None]]:
        """What takes in each kind of event; of the others nothing is concluded."""
        return {
            OpInvoked: self._invoked,
            **dict.fromkeys((OpOk, OpFailed, OpUnknown, OpCancelled), self._over),
            OpHung: self._hang,
            OpCancelRequested: self._cancel,
            AttemptBegun: self._attempt_begun,
            AttemptEnded: self._attempt_ended,
            ConnectAttempted: self._connect,
            ConnectsHidden: self._hide,
            ListenerMode: self._switch,
            ConnOpened: self._accept,
            ConnClosed: self._close,
            ConnUnread: self._unread,
            RequestStarted: self._start,
            RequestReceived: self._receive,
            ResponseHead: self._head,
            ResponseComplete: self._complete,
            ResponseCut: self._cut,
            EffectApplied: self._apply,
            FaultAwaited: self._await,
            FaultArmed: self._arm,
            FaultCleared: self._clear,
            FaultFired: self._fire,
            Starved: self.starved.append,
            ClockSet: self.clock.append,
            SubjectOpened: self.opened.append,
            SubjectClosed: self.closed.append,
            Sample: self.samples.append,
        }

    def told(self, op: int | None, attempt: int | None) -> Told:
        """What the instrumented client says of one attempt."""
        if op is None or attempt is None:
            return Told()
        tag = op, attempt
        begun, ended = self.begun.get(tag), self.ended.get(tag)
        return Told(
            begun=begun.t if begun is not None else None,
            begun_late=begun.late if begun is not None else 0.0,
            ended=ended.t if ended is not None else None,
            ended_late=ended.late if ended is not None else 0.0,
            error=ended.error if ended is not None else "",
        )

    def told_of(self, connect: ConnectAttempted) -> Told:
        """What the client says of the attempt that this connect is.

        A transport may connect again within what it was asked to send once: the asking begins with
        the first of its connects, and ends with the last; in between each begins with its call.
        """
        told = self.told(connect.op, connect.attempt)
        again = self.again(connect)
        if again is not None:
            told = replace(told, ended=None, ended_late=0.0, error="")
        if connect is not self._of_tag(connect)[0]:
            told = replace(told, begun=connect.t, begun_late=connect.late)
        return told

    def told_of_head(self, op: int | None, attempt: int | None) -> Told:
        """What the client says of an attempt that sent its head: it is the last of its connects'."""
        known = None if op is None or attempt is None else self.under.get((op, attempt))
        return self.told(op, attempt) if not known else self.told_of(known[-1])

    def again(self, connect: ConnectAttempted) -> ConnectAttempted | None:
        """The next connect that the same transport made for the same request; None: it is the last."""
        known = self._of_tag(connect)
        after = known.index(connect) + 1
        return known[after] if after < len(known) else None

    def _of_tag(self, connect: ConnectAttempted) -> list[ConnectAttempted]:
        if connect.op is None or connect.attempt is None:
            return [connect]
        return self.under[connect.op, connect.attempt]

    def unheard(self, conn: Conn) -> Spans:
        """The spans in which a connection was unplugged: what the client sent did not arrive."""
        return tuple(
            (
                self.armed[fault].t,
                self.cleared[fault].t if fault in self.cleared else inf,
            )
            for fault in conn.unplugged
            if fault in self.armed
        )

    def paces(self, fault: int) -> tuple[str, ...]:
        """The directions in which a fault lets few bytes pass at a time."""
        return self.armed[fault].paces if fault in self.armed else ()

    def stalls(self, fault: int) -> bool:
        """Whether a fault withholds the answer, or its body."""
        return fault in self.armed and self.armed[fault].name == "stall"

    def in_force(self, fault: int, t: float) -> bool:
        """Whether a fault that has acted was not over by then."""
        return fault not in self.cleared or self.cleared[fault].t >= t

    def _invoked(self, event: OpInvoked) -> None:
        if event.op is not None:
            lives = max(0, len(self.opened) - 1)
            self.calls[event.op] = Call(event, lives, events=[event.index])

    def _over(self, event: OpOk | OpFailed | OpUnknown | OpCancelled) -> None:
        call = self.calls.get(event.op) if event.op is not None else None
        if call is not None:
            call.events.append(event.index)
            if call.end is None:
                call.end = event

    def _hang(self, event: OpHung) -> None:
        call = self.calls.get(event.op) if event.op is not None else None
        if call is not None:
            call.events.append(event.index)
            call.hung = event

    def _cancel(self, event: OpCancelRequested) -> None:
        call = self.calls.get(event.op) if event.op is not None else None
        if call is not None:
            call.cancel = event.t
            call.events.append(event.index)

    def _attempt_begun(self, event: AttemptBegun) -> None:
        if event.op is not None and event.attempt is not None:
            self.begun[event.op, event.attempt] = event

    def _attempt_ended(self, event: AttemptEnded) -> None:
        if event.op is not None and event.attempt is not None:
            self.ended[event.op, event.attempt] = event

    def _connect(self, event: ConnectAttempted) -> None:
        self.connects.append(event)
        self.connected.setdefault((event.op, event.attempt), event.t)
        if event.op is not None and event.attempt is not None:
            self.under[event.op, event.attempt].append(event)

    def _hide(self, event: ConnectsHidden) -> None:
        self.hidden = self.hidden or event.why

    def _switch(self, event: ListenerMode) -> None:
        self.modes[event.service].add(event)

    def _accept(self, event: ConnOpened) -> None:
        if event.conn is not None:
            self.conns[event.conn] = Conn(event, events=[event.index])

    def _close(self, event: ConnClosed) -> None:
        known = self.conns.get(event.conn) if event.conn is not None else None
        if known is None:
            return
        known.events.append(event.index)
        if known.first is None:
            known.first = event
        if event.by == "client" and known.client is None:
            known.client = event

    def _unread(self, event: ConnUnread) -> None:
        known = self.conns.get(event.conn) if event.conn is not None else None
        if known is not None and known.unread is None:
            known.unread = event
            known.events.append(event.index)

    def _start(self, event: RequestStarted) -> None:
        known = self.conns.get(event.conn) if event.conn is not None else None
        if known is not None:
            known.exchanges.append(Exchange(event, events=[event.index]))

    def _receive(self, event: RequestReceived) -> None:
        self.ledgers.add(event.service)
        exchange = None if event.fault is not None else self._exchange(event)
        if exchange is not None:  # else it is a copy that the lab sent
            exchange.events.append(event.index)

    def _head(self, event: ResponseHead) -> None:
        if event.source == "backend":
            self.served.add(event.service)
        exchange = self._exchange(event)
        if exchange is not None:
            exchange.events.append(event.index)
            if event.status >= 200 or event.status == 101:
                exchange.head = event

    def _complete(self, event: ResponseComplete) -> None:
        exchange = self._exchange(event)
        if exchange is not None:
            exchange.events.append(event.index)
            exchange.complete = event

    def _cut(self, event: ResponseCut) -> None:
        exchange = self._exchange(event)
        if exchange is not None:
            exchange.events.append(event.index)
            if exchange.cut is None:
                exchange.cut = event

    def _apply(self, event: EffectApplied) -> None:
        self.ledgers.add(event.service)
        if event.fault is not None:  # of a copy that the lab sent
            self.copied[event.fault] += 1
            return
        if event.op is not None:
            self.effects[event.op] += 1
        exchange = self._exchange(event)
        if exchange is not None:
            exchange.effects += 1
            exchange.events.append(event.index)

    def _await(self, event: FaultAwaited) -> None:
        if event.fault is not None:
            self.awaited[event.fault] = event

    def _arm(self, event: FaultArmed) -> None:
        if event.fault is not None:
            self.armed[event.fault] = event

    def _clear(self, event: FaultCleared) -> None:
        if event.fault is not None:
            self.cleared.setdefault(event.fault, event)

    def _fire(self, event: FaultFired) -> None:
        fault = event.fault
        if fault is None:
            return
        self.fired[fault].append(event.index)
        exchange = self._exchange(event)
        known = self.conns.get(event.conn) if event.conn is not None else None
        if exchange is not None:
            exchange.faults.setdefault(fault, event.t)
        elif known is not None:
            known.faults[fault] = event.t
            if not event.heard:
                known.unplugged.append(fault)

    def _exchange(self, event: AnyEvent) -> Exchange | None:
        if event.conn is None or event.request is None:
            return None
        conn = self.conns.get(event.conn)
        if conn is None:
            return None
        for exchange in reversed(conn.exchanges):
            if exchange.start.request == event.request:
                return exchange
        return None
