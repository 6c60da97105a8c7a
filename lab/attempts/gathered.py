"""One pass over a history: what each operation, connection and exchange was seen to do.

Counterparts: exchanges.py, connects.py and reader.py join what is gathered here. Nothing is
concluded yet.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from math import inf

from ..history import (
    AnyEvent,
    AttemptBegun,
    AttemptEnded,
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


@dataclass(slots=True)
class Exchange:
    """What is known of one request on one connection while the events go by."""

    start: RequestStarted
    head: ResponseHead | None = None
    complete: ResponseComplete | None = None
    cut: ResponseCut | None = None
    effects: int = 0
    faults: dict[int, float] = field(default_factory=dict)  # when each first acted on it
    events: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Conn:
    """One accepted connection while the events go by."""

    opened: ConnOpened
    first: ConnClosed | None = None  # who ended it first
    client: ConnClosed | None = None  # the client's own end
    exchanges: list[Exchange] = field(default_factory=list)
    faults: dict[int, float] = field(default_factory=dict)  # when each last acted on it
    unplugged: list[int] = field(default_factory=list)  # by these faults
    unread: ConnUnread | None = None  # since when its bytes say nothing
    events: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Call:
    """One operation while the events go by."""

    invoked: OpInvoked
    incarnation: int
    end: OpOk | OpFailed | OpUnknown | OpCancelled | None = None
    cancel: float | None = None
    events: list[int] = field(default_factory=list)


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
        self.ledgers: set[str] = set()  # services whose backend reports what it does
        self.served: set[str] = set()  # services whose backend answered something
        self.effects: dict[int, int] = defaultdict(int)  # by operation
        self.copied: dict[int, int] = defaultdict(int)  # effects of a fault's copies
        self.end = 0.0
        for event in history.in_time():
            self.end = event.t
            self._take(event)

    def told(self, op: int | None, attempt: int | None) -> Told:
        """What the instrumented client says of one attempt."""
        if op is None or attempt is None:
            return Told()
        begun, ended = self.begun.get((op, attempt)), self.ended.get((op, attempt))
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

    def unheard(self, conn: Conn) -> tuple[tuple[float, float], ...]:
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

    def _take(self, event: AnyEvent) -> None:
        match event:
            case OpInvoked(op=int(op)):
                self.calls[op] = Call(event, max(0, len(self.opened) - 1), events=[event.index])
            case (
                OpOk(op=int(op))
                | OpFailed(op=int(op))
                | OpUnknown(op=int(op))
                | OpCancelled(op=int(op))
            ):
                call = self.calls.get(op)
                if call is not None:
                    call.events.append(event.index)
                    if call.end is None:
                        call.end = event
            case OpCancelRequested(op=int(op)):
                if op in self.calls:
                    self.calls[op].cancel = event.t
                    self.calls[op].events.append(event.index)
            case AttemptBegun(op=int(op), attempt=int(attempt)):
                self.begun[op, attempt] = event
            case AttemptEnded(op=int(op), attempt=int(attempt)):
                self.ended[op, attempt] = event
            case ConnectAttempted():
                self.connects.append(event)
                self.connected.setdefault((event.op, event.attempt), event.t)
                if event.op is not None and event.attempt is not None:
                    self.under[event.op, event.attempt].append(event)
            case ConnectsHidden():
                self.hidden = self.hidden or event.why
            case ListenerMode():
                self.modes[event.service].add(event)
            case ConnOpened(conn=int(conn)):
                self.conns[conn] = Conn(event, events=[event.index])
            case ConnClosed(conn=int(conn)):
                self._close(conn, event)
            case ConnUnread(conn=int(conn)):
                known = self.conns.get(conn)
                if known is not None and known.unread is None:
                    known.unread = event
                    known.events.append(event.index)
            case RequestStarted(conn=int(conn)):
                if conn in self.conns:
                    self.conns[conn].exchanges.append(Exchange(event, events=[event.index]))
            case ResponseHead() | ResponseComplete() | ResponseCut() | RequestReceived():
                self._answer(event)
            case EffectApplied():
                self.ledgers.add(event.service)
                if event.fault is not None:  # of a copy that the lab sent
                    self.copied[event.fault] += 1
                elif event.op is not None:
                    self.effects[event.op] += 1
                exchange = None if event.fault is not None else self._exchange(event)
                if exchange is not None:
                    exchange.effects += 1
                    exchange.events.append(event.index)
            case FaultAwaited(fault=int(fault)):
                self.awaited[fault] = event
            case FaultArmed(fault=int(fault)):
                self.armed[fault] = event
            case FaultCleared(fault=int(fault)):
                self.cleared.setdefault(fault, event)
            case FaultFired(fault=int(fault)):
                self.fired[fault].append(event.index)
                exchange = self._exchange(event)
                if exchange is not None:
                    exchange.faults.setdefault(fault, event.t)
                elif event.conn is not None and event.conn in self.conns:
                    self.conns[event.conn].faults[fault] = event.t
                    if not event.heard:
                        self.conns[event.conn].unplugged.append(fault)
            case Starved():
                self.starved.append(event)
            case SubjectOpened():
                self.opened.append(event)
            case SubjectClosed():
                self.closed.append(event)
            case Sample():
                self.samples.append(event)
            case _:
                pass

    def _close(self, conn: int, event: ConnClosed) -> None:
        known = self.conns.get(conn)
        if known is None:
            return
        known.events.append(event.index)
        if known.first is None:
            known.first = event
        if event.by == "client" and known.client is None:
            known.client = event

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

    def _answer(
        self, event: ResponseHead | ResponseComplete | ResponseCut | RequestReceived
    ) -> None:
        exchange = self._exchange(event)
        match event:
            case RequestReceived():
                self.ledgers.add(event.service)
                if event.fault is not None:
                    return  # a copy that the lab sent
            case ResponseHead():
                if event.source == "backend":
                    self.served.add(event.service)
                if exchange is not None and (event.status >= 200 or event.status == 101):
                    exchange.head = event
            case ResponseComplete():
                if exchange is not None:
                    exchange.complete = event
            case ResponseCut():
                if exchange is not None and exchange.cut is None:
                    exchange.cut = event
        if exchange is not None:
            exchange.events.append(event.index)
