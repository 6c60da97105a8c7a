"""What happened, read out of a history: operations, their attempts, and what each one met.

Pure derivation (design sections 2 and 5): three vantage points joined into one reading. The
oracle and the checks read this and nothing else; they never look at raw events for a count.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import inf
from typing import Literal

from .history import (
    AnyEvent,
    AttemptBegun,
    AttemptEnded,
    ConnClosed,
    ConnectAttempted,
    ConnOpened,
    EffectApplied,
    FaultArmed,
    FaultCleared,
    FaultFired,
    Header,
    History,
    ListenerMode,
    Mode,
    OpCancelled,
    OpCancelRequested,
    OpFailed,
    OpInvoked,
    OpOk,
    OpUnknown,
    Raised,
    RequestReceived,
    RequestStarted,
    ResponseComplete,
    ResponseCut,
    ResponseHead,
    SubjectClosed,
    SubjectOpened,
)

Ending = Literal["ok", "failed", "cancelled", "unknown"]
Certainty = Literal["exact", "inferred"]


@dataclass(frozen=True, slots=True)
class Told:
    """When the instrumented client says that an attempt began and ended, and its `late` then.

    `ended` is when the transport gave the answer's head, or raised. Both are the client's own
    stamps, so a wait between two attempts lies between `ended` and the next `begun`.
    """

    begun: float | None = None
    begun_late: float = 0.0
    ended: float | None = None
    ended_late: float = 0.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as design section 2 counts it.

    `number` counts from 1 within its operation, in order of time. `begun`: first byte of the head
    at the proxy, or the connect call for a headless one. `sent`: when the head began, None if
    headless. `seen`: the instant at which the client could observe the end (last byte released,
    FIN or RST sent, its own give-up), None while open. `observable`: `ok` for a complete
    undamaged answer of a success status (2xx), `status:NNN` for another complete answer, else a
    contract key of design section 8 (`connect_refused`, `read_timeout_headers`, ...), `cancelled`
    when the client let go because its operation was cancelled, `unknown` where evidence is
    missing, `pending` while the run ended before it did.
    """

    op: int | None
    number: int
    service: str
    method: str
    target: str
    begun: float
    seen: float | None
    observable: str
    sent: float | None = None
    answered: float | None = None  # when the head of its answer was released
    status: int | None = None
    retry_after: str | None = None
    conn: int | None = None
    request: int | None = None
    reused: bool = False
    effects: int = 0
    faults: tuple[int, ...] = ()  # faults that fired on it
    gave_up: bool = False  # the client ended it before an answer was complete
    late: float = 0.0  # `late` of its first event: run delay sum of the stamping thread
    events: tuple[int, ...] = ()
    told: Told = Told()

    @property
    def headless(self) -> bool:
        """A connect that was refused or stayed unanswered: nothing of it was sent."""
        return self.sent is None


@dataclass(frozen=True, slots=True)
class Operation:
    """One logical call of the subject, with its attempts in order of time.

    `effects` counts what the backend applied for it, late requests included; None: no stub
    keeps a ledger for this service. `errors`: the exception chain if it failed.
    """

    id: int
    name: str
    service: str
    endpoint: str  # METHOD /path/{template}
    idempotent: bool
    keyed: bool
    phase: str
    invoked: float
    ended: float | None
    ending: Ending
    errors: tuple[Raised, ...] = ()
    value: str = ""  # type of the returned value
    attempts: tuple[Attempt, ...] = ()
    effects: int | None = 0
    cancel_requested: float | None = None
    certainty: Certainty = "exact"
    incarnation: int = 0  # how many times the subject had been opened before, minus one
    lag: float = 0.0  # seconds that its thread was runnable but not running, invoked to ended
    events: tuple[int, ...] = ()

    @property
    def method(self) -> str:
        """The HTTP method that its endpoint declares."""
        return self.endpoint.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """One fault's time in force, and the proof that it acted.

    `fired` counts every connect, connection or request it hit, refused and unanswered connects
    (derived from the audit event and the listener's mode) included.
    """

    id: int
    kind: str
    service: str
    text: str
    mechanism: str
    phase: str
    armed: float
    cleared: float | None
    fired: int
    unfired: Literal["fail", "ok"] = "fail"
    events: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection that the proxy accepted, until it was over for the client's side.

    `client_closed`: when the client's FIN or RST arrived; `closed`: first end by either side.
    """

    id: int
    service: str
    opened: float
    closed: float | None
    by: Literal["client", "lab", "backend"] | None
    client_closed: float | None
    requests: int
    incarnation: int = 0
    events: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """Evidence that the history does not hold: what, and why; findings that need it are unknown."""

    what: Literal["connects", "attribution", "effects", "end"]
    why: str


@dataclass(frozen=True, slots=True)
class Incarnation:
    """One life of the subject, from `subject.opened` to `subject.closed` (None: never closed)."""

    opened: float
    closed: float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A history, read. `strays` are attempts that belong to no operation."""

    header: Header
    operations: tuple[Operation, ...]
    strays: tuple[Attempt, ...]
    faults: tuple[FaultRecord, ...]
    connections: tuple[Connection, ...]
    incarnations: tuple[Incarnation, ...]
    missing: tuple[Missing, ...]
    end: float  # t of the last event

    def lacks(self, what: Literal["connects", "attribution", "effects", "end"]) -> str | None:
        """Why this evidence is missing, or None."""
        return next((gap.why for gap in self.missing if gap.what == what), None)

    def operation(self, ident: int) -> Operation:
        """The operation of this id; raises KeyError."""
        for operation in self.operations:
            if operation.id == ident:
                return operation
        raise KeyError(ident)


# A refusal reaches the client in microseconds (measured 26-40 us). A connect that no proxy
# accepted is matched against the modes in force from its call on for this long, unless the
# instrumented client says sooner that the attempt ended.
_REFUSAL = 0.05


def read(history: History) -> Reading:
    """Derive operations and attempts from the events; never raises on a well-formed history."""
    return _Reader(history).reading()


def canonical(reading: Reading) -> str:
    """A digest of what happened without times, ports, ids and header (design law 3).

    Operations of one name and phase are taken as a multiset, since concurrent ones may swap.
    """
    lines = sorted(
        "|".join(
            (
                operation.phase,
                operation.name,
                operation.ending,
                operation.errors[0].classes[0] if operation.errors else operation.value,
                str(operation.effects),
                *(f"{a.method} {a.target} {a.observable}" for a in operation.attempts),
            )
        )
        for operation in reading.operations
    )
    lines += [
        f"{fault.phase}|{fault.kind}|{fault.service}|{fault.fired}" for fault in reading.faults
    ]
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()


@dataclass(slots=True)
class _Exchange:
    """What is known of one request on one connection while the events go by."""

    start: RequestStarted
    head: ResponseHead | None = None
    complete: ResponseComplete | None = None
    cut: ResponseCut | None = None
    effects: int = 0
    faults: list[int] = field(default_factory=list)
    events: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Conn:
    """One accepted connection while the events go by."""

    opened: ConnOpened
    first: ConnClosed | None = None  # who ended it first
    client: ConnClosed | None = None  # the client's own end
    exchanges: list[_Exchange] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)
    events: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Call:
    """One operation while the events go by."""

    invoked: OpInvoked
    incarnation: int
    end: OpOk | OpFailed | OpUnknown | OpCancelled | None = None
    cancel: float | None = None
    effects: int = 0
    events: list[int] = field(default_factory=list)


class _Modes:
    """The listener modes of one service over time, as spans that overlap while a switch is on."""

    def __init__(self) -> None:
        self._spans: list[tuple[Mode, float, float]] = []

    def add(self, event: ListenerMode) -> None:
        """A mode may be in force from the start of its switch; the older one until its end."""
        if not self._spans or self._spans[-1][0] != event.mode:
            self._spans.append((event.mode, event.t if self._spans else -inf, inf))
        if event.done and len(self._spans) > 1:
            mode, start, _ = self._spans[-2]
            self._spans[-2] = (mode, start, min(event.t, self._spans[-2][2]))

    @property
    def ever_shut(self) -> bool:
        """Whether a connect can have been refused or swallowed at all."""
        return any(mode != "open" for mode, _, _ in self._spans)

    def between(self, start: float, end: float) -> frozenset[Mode]:
        """Every mode that was, or may have been, in force in this span."""
        return frozenset(mode for mode, a, b in self._spans if a <= end and start <= b)


class _Reader:
    """One pass over the events in order of time, then the joins."""

    def __init__(self, history: History) -> None:
        self._header = history.header
        self._services = {port: name for name, port in history.header.ports.items()}
        self._calls: dict[int, _Call] = {}
        self._conns: dict[int, _Conn] = {}
        self._connects: list[ConnectAttempted] = []
        self._begun: dict[tuple[int, int], AttemptBegun] = {}
        self._ended: dict[tuple[int, int], AttemptEnded] = {}
        self._modes: dict[str, _Modes] = defaultdict(_Modes)
        self._armed: dict[int, FaultArmed] = {}
        self._cleared: dict[int, FaultCleared] = {}
        self._fired: dict[int, list[int]] = defaultdict(list)
        self._opened: list[SubjectOpened] = []
        self._closed: list[SubjectClosed] = []
        self._ledgers: set[str] = set()  # services whose backend reports what it does
        self._served: set[str] = set()  # services whose backend answered something
        self._effects: dict[int, int] = defaultdict(int)
        self._end = 0.0
        for event in history.in_time():
            self._end = event.t
            self._take(event)

    def _take(self, event: AnyEvent) -> None:
        match event:
            case OpInvoked(op=int(op)):
                self._calls[op] = _Call(event, max(0, len(self._opened) - 1), events=[event.index])
            case (
                OpOk(op=int(op))
                | OpFailed(op=int(op))
                | OpUnknown(op=int(op))
                | OpCancelled(op=int(op))
            ):
                call = self._calls.get(op)
                if call is not None:
                    call.events.append(event.index)
                    if call.end is None:
                        call.end = event
            case OpCancelRequested(op=int(op)):
                if op in self._calls:
                    self._calls[op].cancel = event.t
                    self._calls[op].events.append(event.index)
            case AttemptBegun(op=int(op), attempt=int(attempt)):
                self._begun[op, attempt] = event
            case AttemptEnded(op=int(op), attempt=int(attempt)):
                self._ended[op, attempt] = event
            case ConnectAttempted():
                self._connects.append(event)
            case ListenerMode():
                self._modes[event.service].add(event)
            case ConnOpened(conn=int(conn)):
                self._conns[conn] = _Conn(event, events=[event.index])
            case ConnClosed(conn=int(conn)):
                self._close(conn, event)
            case RequestStarted(conn=int(conn)):
                if conn in self._conns:
                    self._conns[conn].exchanges.append(_Exchange(event, events=[event.index]))
            case ResponseHead() | ResponseComplete() | ResponseCut() | RequestReceived():
                self._answer(event)
            case EffectApplied():
                self._ledgers.add(event.service)
                if event.op is not None:
                    self._effects[event.op] += 1
                exchange = self._exchange(event)
                if exchange is not None:
                    exchange.effects += 1
                    exchange.events.append(event.index)
            case FaultArmed(fault=int(fault)):
                self._armed[fault] = event
            case FaultCleared(fault=int(fault)):
                self._cleared.setdefault(fault, event)
            case FaultFired(fault=int(fault)):
                self._fired[fault].append(event.index)
                exchange = self._exchange(event)
                if exchange is not None:
                    exchange.faults.append(fault)
                elif event.conn is not None and event.conn in self._conns:
                    self._conns[event.conn].faults.append(fault)
            case SubjectOpened():
                self._opened.append(event)
            case SubjectClosed():
                self._closed.append(event)
            case _:
                pass

    def _close(self, conn: int, event: ConnClosed) -> None:
        known = self._conns.get(conn)
        if known is None:
            return
        known.events.append(event.index)
        if known.first is None:
            known.first = event
        if event.by == "client" and known.client is None:
            known.client = event

    def _exchange(self, event: AnyEvent) -> _Exchange | None:
        if event.conn is None or event.request is None:
            return None
        conn = self._conns.get(event.conn)
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
                self._ledgers.add(event.service)
            case ResponseHead():
                if event.source == "backend":
                    self._served.add(event.service)
                if exchange is not None and event.status >= 200:  # interim answers are none
                    exchange.head = event
            case ResponseComplete():
                if exchange is not None:
                    exchange.complete = event
            case ResponseCut():
                if exchange is not None and exchange.cut is None:
                    exchange.cut = event
        if exchange is not None:
            exchange.events.append(event.index)

    # --- joins -----------------------------------------------------------------------------------

    def reading(self) -> Reading:
        """Join connects, connections, requests and operations."""
        attempts = [*self._with_head(), *self._without_head()]
        attempts.sort(key=lambda attempt: attempt.begun)
        mine: dict[int, list[Attempt]] = defaultdict(list)
        strays: list[Attempt] = []
        loose = 0
        for attempt in attempts:
            owner = attempt.op if attempt.op in self._calls else self._only_call(attempt.begun)
            if owner is None:
                loose += 1 if self._calls else 0
                strays.append(replace(attempt, op=None, number=len(strays) + 1))
            else:
                mine[owner].append(replace(attempt, op=owner, number=len(mine[owner]) + 1))
        operations = tuple(
            self._operation(op, call, mine[op]) for op, call in sorted(self._calls.items())
        )
        faults = tuple(self._fault(number, attempts) for number in sorted(self._armed))
        return Reading(
            header=self._header,
            operations=operations,
            strays=tuple(strays),
            faults=faults,
            connections=tuple(self._connection(conn) for conn in self._conns.values()),
            incarnations=tuple(
                Incarnation(o.t, next((c.t for c in self._closed if c.t >= o.t), None))
                for o in self._opened
            ),
            missing=tuple(self._missing(loose, operations)),
            end=self._end,
        )

    def _only_call(self, t: float) -> int | None:
        """The one operation in flight at `t`; None where there is none, or several."""
        running = [
            op
            for op, call in self._calls.items()
            if call.invoked.t <= t and (call.end is None or t <= call.end.t)
        ]
        return running[0] if len(running) == 1 else None

    def _with_head(self) -> Iterable[Attempt]:
        for conn in self._conns.values():
            for exchange in conn.exchanges:
                yield self._attempt(conn, exchange)

    def _attempt(self, conn: _Conn, exchange: _Exchange) -> Attempt:
        start = exchange.start
        last = exchange is conn.exchanges[-1]
        observable, seen, gave_up = _outcome(exchange, conn if last else None)
        call = self._calls.get(start.op) if start.op is not None else None
        if gave_up and call is not None and call.cancel is not None and seen is not None:
            observable = "cancelled" if seen >= call.cancel else observable
        return Attempt(
            op=start.op,
            number=0,
            service=start.service,
            method=start.method,
            target=start.target,
            begun=start.t,
            sent=start.t,
            answered=exchange.head.t if exchange.head is not None else None,
            seen=seen,
            observable=observable,
            status=exchange.head.status if exchange.head is not None else None,
            retry_after=exchange.head.retry_after if exchange.head is not None else None,
            conn=start.conn,
            request=start.request,
            reused=start.reused,
            effects=exchange.effects,
            faults=tuple(dict.fromkeys((*exchange.faults, *(conn.faults if last else ())))),
            gave_up=gave_up,
            late=start.late,
            events=tuple(exchange.events + (conn.events[1:] if last else [])),
            told=self._told(start.op, start.attempt),
        )

    def _told(self, op: int | None, attempt: int | None) -> Told:
        if op is None or attempt is None:
            return Told()
        begun, ended = self._begun.get((op, attempt)), self._ended.get((op, attempt))
        return Told(
            begun=begun.t if begun is not None else None,
            begun_late=begun.late if begun is not None else 0.0,
            ended=ended.t if ended is not None else None,
            ended_late=ended.late if ended is not None else 0.0,
        )

    def _without_head(self) -> Iterable[Attempt]:
        """Connects that no proxy accepted, and accepted ones that the lab ended without a head."""
        by_port: dict[tuple[str, int], list[_Conn]] = defaultdict(list)
        for conn in self._conns.values():
            by_port[conn.opened.service, conn.opened.port].append(conn)
        owners: dict[int, ConnectAttempted] = {}
        for connect in self._connects:
            service = connect.service or self._services.get(connect.port, "")
            accepted = next(
                (
                    conn
                    for conn in by_port[service, connect.local]
                    if conn.opened.conn not in owners and conn.opened.t >= connect.t - _REFUSAL
                ),
                None,
            )
            if accepted is not None and accepted.opened.conn is not None:
                owners[accepted.opened.conn] = connect
            elif connect.local:
                yield self._vanished(connect, service)
        for conn in self._conns.values():
            if conn.exchanges or conn.first is None or conn.first.by == "client":
                continue
            owner = owners.get(conn.opened.conn or 0)
            yield Attempt(
                op=owner.op if owner is not None else None,
                number=0,
                service=conn.opened.service,
                method="",
                target="",
                begun=owner.t if owner is not None else conn.opened.t,
                seen=conn.first.t,
                observable="eof_on_accept" if conn.first.how == "fin" else "reset_on_accept",
                conn=conn.opened.conn,
                faults=tuple(conn.faults),
                late=conn.opened.late,
                events=tuple(conn.events),
                told=Told() if owner is None else self._told(owner.op, owner.attempt),
            )

    def _vanished(self, connect: ConnectAttempted, service: str) -> Attempt:
        told = None
        if connect.op is not None and connect.attempt is not None:
            told = self._ended.get((connect.op, connect.attempt))
        modes = self._modes[service]
        until = connect.t + _REFUSAL if told is None else min(told.t, connect.t + _REFUSAL)
        shut = modes.between(connect.t, until) - {"open"}  # it was not accepted, so never met it
        if shut == {"dark"}:
            # A pending connect learns of a refusal with its next SYN.
            later = modes.between(connect.t, told.t if told is not None else self._end)
            shut = shut | (later & {"refusing"} if told is not None else frozenset())
        seen: float | None
        match sorted(shut):
            case ["refusing"]:
                observable, seen = "connect_refused", told.t if told is not None else connect.t
            case ["dark"]:
                observable, seen = "connect_timeout", told.t if told is not None else None
            case _:
                observable, seen = "unknown", told.t if told is not None else None
        faults = tuple(
            number
            for number, fault in self._armed.items()
            if fault.service == service
            and (fault.name, observable)
            in (("refused", "connect_refused"), ("partition", "connect_timeout"))
            and fault.t <= until
            and (number not in self._cleared or self._cleared[number].t >= connect.t)
        )
        return Attempt(
            op=connect.op,
            number=0,
            service=service,
            method="",
            target="",
            begun=connect.t,
            seen=seen,
            observable=observable,
            faults=faults,
            gave_up=observable == "connect_timeout",
            late=connect.late,
            events=(connect.index,) if told is None else (connect.index, told.index),
            told=self._told(connect.op, connect.attempt),
        )

    def _operation(self, op: int, call: _Call, attempts: list[Attempt]) -> Operation:
        invoked, end = call.invoked, call.end
        ending: Ending
        match end:
            case OpOk():
                ending = "ok"
            case OpFailed():
                ending = "failed"
            case OpCancelled():
                ending = "cancelled"
            case _:
                ending = "unknown"
        blind = invoked.service in self._served and invoked.service not in self._ledgers
        return Operation(
            id=op,
            name=invoked.name,
            service=invoked.service,
            endpoint=invoked.endpoint,
            idempotent=invoked.idempotent,
            keyed=invoked.keyed,
            phase=invoked.phase,
            invoked=invoked.t,
            ended=end.t if end is not None else None,
            ending=ending,
            errors=end.errors if isinstance(end, OpFailed) else (),
            value=end.type if isinstance(end, OpOk) else "",
            attempts=tuple(_settled(attempts, end.t if end is not None else None)),
            effects=None if blind else self._effects[op],
            cancel_requested=call.cancel,
            incarnation=call.incarnation,
            lag=max(0.0, end.late - invoked.late) if end is not None else 0.0,
            events=tuple(call.events),
        )

    def _fault(self, number: int, attempts: list[Attempt]) -> FaultRecord:
        armed, cleared = self._armed[number], self._cleared.get(number)
        swallowed = [a for a in attempts if number in a.faults and a.headless and a.conn is None]
        return FaultRecord(
            id=number,
            kind=armed.name,
            service=armed.service,
            text=armed.text,
            mechanism=armed.mechanism,
            phase=armed.phase,
            armed=armed.t,
            cleared=cleared.t if cleared is not None else None,
            fired=len(self._fired[number]) + len(swallowed),
            unfired=armed.unfired,
            events=(armed.index, *self._fired[number], *(a.events[0] for a in swallowed)),
        )

    def _connection(self, conn: _Conn) -> Connection:
        incarnation = bisect_right([o.t for o in self._opened], conn.opened.t) - 1
        return Connection(
            id=conn.opened.conn or 0,
            service=conn.opened.service,
            opened=conn.opened.t,
            closed=conn.first.t if conn.first is not None else None,
            by=conn.first.by if conn.first is not None else None,
            client_closed=conn.client.t if conn.client is not None else None,
            requests=len(conn.exchanges),
            incarnation=max(0, incarnation),
            events=tuple(conn.events),
        )

    def _missing(self, loose: int, operations: tuple[Operation, ...]) -> Iterable[Missing]:
        shut = sorted(name for name, modes in self._modes.items() if modes.ever_shut)
        blind = next((o.connects for o in self._opened if o.connects != "audit"), None)
        if shut and not self._opened:
            blind = "none: no subject reported its connects"
        if shut and blind is not None:
            yield Missing("connects", blind.removeprefix("none: "))
        elif shut and any(not c.local for c in self._connects):
            yield Missing("connects", "a connect's local port is not known")
        if loose:
            yield Missing("attribution", f"{loose} attempts belong to no single operation")
        without = sorted({o.service for o in operations if o.effects is None})
        if without:
            yield Missing("effects", f"{', '.join(without)}: this backend keeps no ledger")
        unended = [o.id for o in operations if o.ending == "unknown"]
        if unended:
            yield Missing("end", f"operations {unended} were still running when the run ended")


def _outcome(exchange: _Exchange, conn: _Conn | None) -> tuple[str, float | None, bool]:
    """Observable, instant seen, and whether the client gave up; `conn` if the end may be its own."""
    start, head, complete, cut = exchange.start, exchange.head, exchange.complete, exchange.cut
    first = conn.first if conn is not None else None
    if complete is not None and (cut is None or complete.t <= cut.t):
        if complete.damaged:
            return complete.damaged, complete.t, False
        status = head.status if head is not None else 0
        return ("ok" if 200 <= status < 300 else f"status:{status}"), complete.t, False
    if cut is not None:
        if cut.how == "rst":
            return "reset_mid_body", cut.t, False
        return ("truncated_chunked" if cut.chunked else "truncated_length"), cut.t, False
    if first is None:
        return "pending", None, False
    if first.by == "client":
        return ("read_timeout_headers" if head is None else "read_timeout_body"), first.t, True
    if first.t <= start.t and start.reused:
        return ("stale_eof" if first.how == "fin" else "stale_reset"), start.t, False
    if head is not None:
        return ("reset_mid_body" if first.how == "rst" else "truncated_length"), first.t, False
    point = "eof_before_response" if first.how == "fin" else "reset_before_response"
    return point, max(first.t, start.t), False


def _settled(attempts: list[Attempt], ended: float | None) -> Iterable[Attempt]:
    """Fill in when an unanswered connect was given up: before the next attempt, or the end."""
    for i, attempt in enumerate(attempts):
        if attempt.seen is None and attempt.headless:
            after = attempts[i + 1].begun if i + 1 < len(attempts) else ended
            yield replace(attempt, seen=after)
        else:
            yield attempt
