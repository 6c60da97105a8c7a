"""What each event of a history says, as a row in a lane; some are told by the rows of others.

Counterparts: lab/attempts numbers the attempts and derives the connects that no proxy saw;
layout.py makes lines of the rows. Knows no widths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal, assert_never

import msgspec

from ....faults.written import shifted
from ...attempts import Attempt, Reading
from ...history import (
    AnyEvent,
    AttemptBegun,
    AttemptEnded,
    BreakerState,
    ClockSet,
    ConnClosed,
    ConnectAttempted,
    ConnectsHidden,
    ConnFull,
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
    PhaseEntered,
    RequestComplete,
    RequestReceived,
    RequestStarted,
    ResponseComplete,
    ResponseCut,
    ResponseHead,
    ResponseSent,
    RunEnded,
    Sample,
    Starved,
    SubjectClosed,
    SubjectOpened,
)

__all__ = ["Lane", "Row", "Writer"]

_AT_ONCE = 0.05  # an answer whose head and end lie closer than this is one row

Lane = Literal["subject", "wire", "backend", "lab"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line to be: where it stands and what it says. `events` are those that it tells."""

    t: float
    lane: Lane
    text: str
    service: str = ""
    detail: str = ""
    remarks: tuple[str, ...] = ()
    events: tuple[int, ...] = ()


@dataclass(slots=True)
class _Answer:
    """What is known of the answer to one request."""

    head: ResponseHead | None = None
    complete: ResponseComplete | None = None
    cut: ResponseCut | None = None


@dataclass(slots=True)
class _Conn:
    """What is known of one connection."""

    opened: ConnOpened | None = None
    requests: list[RequestStarted] = field(default_factory=list)


class Writer:
    """Turns events into rows; holds what one event needs to know of the others."""

    def __init__(
        self, history: History, reading: Reading, shown: frozenset[int], marked: frozenset[int]
    ) -> None:
        self._events = history.in_time()
        self._shown = shown
        self._marked = marked
        self._first_opened = min((one.opened for one in reading.incarnations), default=0.0)
        self._faults = {fault.id: fault for fault in reading.faults}
        self._names = {operation.id: operation.name for operation in reading.operations}
        attempts = [attempt for one in reading.operations for attempt in one.attempts]
        loose = tuple(_renumbered(reading, history))
        attempts += [attempt for attempt, _ in loose]
        self._attempts = {index: attempt for attempt in attempts for index in attempt.events}
        self._before = dict(_successions(reading))
        self._before |= {one.events[0]: before for one, before in loose if before is not None}
        self._answers: dict[tuple[int | None, int | None], _Answer] = {}
        self._conns: dict[int | None, _Conn] = {}
        self._at_arming: dict[int, list[ConnClosed]] = {}
        self._note()
        self._several = len({op for op in map(self._op, self._listed()) if op is not None}) > 1

    def rows(self) -> list[Row]:
        """One row for each event that has something to say, in order of time."""
        found = [row for event in self._listed() for row in self._row(event)]
        services = {row.service for row in found if row.lane in ("wire", "backend")} - {""}
        if len(services) > 1:
            found = [_named(row) for row in found]
        return sorted(found, key=lambda row: row.t)

    def _listed(self) -> Iterator[AnyEvent]:
        return (event for event in self._events if event.index in self._shown)

    def _note(self) -> None:
        """One pass over all events, shown or not: answers, connections, what an arming closed."""
        hit: dict[int | None, int] = {}
        for event in self._events:
            match event:
                case ResponseHead():
                    self._answer(event).head = event
                case ResponseComplete():
                    self._answer(event).complete = event
                case ResponseCut():
                    self._answer(event).cut = event
                case ConnOpened():
                    self._conns.setdefault(event.conn, _Conn()).opened = event
                case RequestStarted():
                    self._conns.setdefault(event.conn, _Conn()).requests.append(event)
                case FaultFired(on="connection", fault=int(fault)) if self._shuts(fault):
                    hit[event.conn] = fault
                case _:
                    pass
        for event in self._events:
            if isinstance(event, ConnClosed) and event.by == "lab" and event.conn in hit:
                self._at_arming.setdefault(hit[event.conn], []).append(event)

    def _shuts(self, fault: int) -> bool:
        """Whether it ends live connections as it is armed; others end them as they come to it."""
        known = self._faults.get(fault)
        return known is not None and known.listener is not None

    def _answer(self, event: AnyEvent) -> _Answer:
        return self._answers.setdefault((event.conn, event.request), _Answer())

    def _op(self, event: AnyEvent) -> int | None:
        attempt = self._attempts.get(event.index)
        return event.op if attempt is None else attempt.op

    # --- one event -------------------------------------------------------------------------------

    def _row(self, event: AnyEvent) -> Iterator[Row]:
        match event:
            case OpInvoked():
                yield self._subject(event, "begins")
            case OpOk():
                yield self._subject(event, "ok")
            case OpFailed(errors=errors):
                name = errors[0].classes[0].rpartition(".")[2] if errors else "an error"
                yield self._subject(event, f"raises {name}")
            case OpUnknown():
                yield self._subject(event, "still running")
            case OpHung():
                yield self._subject(event, "never ends")
            case OpCancelRequested():
                yield self._subject(event, "to be cancelled")
            case OpCancelled():
                yield self._subject(event, "cancelled")
            case SubjectOpened():
                if event.t > self._first_opened:
                    yield _lab(event, "subject opened anew")
            case SubjectClosed():
                yield _lab(event, "subject closed")
            case ConnectAttempted():
                yield from self._connect(event)
            case ConnectsHidden(why=why):
                yield _lab(event, f"connects may be missing from here on: {why}")
            case ConnOpened():
                yield from self._connected(event)
            case RequestStarted():
                yield self._request(event)
            case ResponseHead() | ResponseComplete():
                yield from self._response(event)
            case ResponseCut(at=at, how=how):
                text = f"< cut after {at} bytes, {how.upper()}"
                yield self._wire(event, text, self._words(event))
            case ConnClosed():
                for row in self._closed(event):
                    yield replace(row, remarks=(event.why,)) if event.why else row
            case ConnFull(service=service, toward=toward, size=size):
                source = "backend" if toward == "client" else "client"
                text = f"{size} bytes wait for the {toward}; the {source} is read no further"
                yield _lab(event, f"{service}: {text} until some have left")
            case ConnUnread(service=service, why=why):
                yield _lab(event, f"{service}: bytes pass unread from here on; {why}")
            case RequestReceived():
                yield _backend(event, f"{event.method} {event.target}{_copied(event)}")
            case EffectApplied():
                yield _backend(event, f"effect applied{_copied(event)}")
            case PhaseEntered():
                yield _lab(event, f"phase {event.phase}")
            case FaultAwaited():
                text = f": {event.text}" if event.text else ""
                yield _lab(
                    event, f"{event.name} on {event.service} waits until {event.awaits}{text}"
                )
            case FaultArmed():
                yield self._armed(event)
            case FaultCleared():
                yield self._cleared(event)
            case ClockSet(seconds=seconds):
                yield _lab(event, f"the wall clock is set: {shifted(seconds)}")
            case RunEnded():
                yield _lab(event, "the run ended")
            case BreakerState(key=key, state=state):
                yield _lab(event, f"breaker {key}: {state}")
            case Starved(service=service, why=why, over=over):
                text = "accepts connections again" if over else f"can accept no connection: {why}"
                yield _lab(event, f"{service} {text}")
            case Sample(at="close", left=left):
                names = ", ".join(
                    f"{one.kind} {one.name}" + (f" ({one.count})" if one.count > 1 else "")
                    for one in left
                )
                text = f"subject left behind: {names}" if left else "subject left nothing behind"
                yield _lab(event, text)
            case Sample():
                pass  # told by what was left of it
            case AttemptBegun() | AttemptEnded() | FaultFired() | ListenerMode():
                pass  # told by the rows of their attempt or fault
            case ResponseSent(status=status, why=why):
                if why:  # else told by the row of the answer
                    yield replace(_backend(event, f"refuses: {status}"), remarks=(why,))
            case RequestComplete():
                pass  # told by the row of the answer
            case _:
                assert_never(event)

    def _subject(self, event: AnyEvent, does: str) -> Row:
        name = self._names.get(event.op, "") if event.op is not None else ""
        number = f"{event.op} " if self._several else ""
        return Row(event.t, "subject", f"{number}{name} {does}", events=(event.index,))

    def _wire(self, event: AnyEvent, text: str, detail: str = "") -> Row:
        return Row(event.t, "wire", text, event.service, detail, events=(event.index,))

    def _connect(self, event: ConnectAttempted) -> Iterator[Row]:
        attempt = self._attempts.get(event.index)
        if attempt is None or not attempt.headless or attempt.conn is not None:
            return
        what = {"connect_refused": "refused", "connect_timeout": "unanswered"}
        text = f"connect {what.get(attempt.observable, '?')}"
        yield Row(
            event.t,
            "wire",
            text,
            attempt.service,
            self._count(attempt),
            events=attempt.events,
        )
        if attempt.gave_up and attempt.seen is not None:
            yield Row(attempt.seen, "wire", "client gave up", attempt.service)

    def _connected(self, event: ConnOpened) -> Iterator[Row]:
        requests = self._conns[event.conn].requests
        if any(request.index in self._shown for request in requests):
            return  # its first request says so
        attempt = self._attempts.get(event.index)
        yield self._wire(event, "connect", "" if attempt is None else self._count(attempt))

    def _request(self, event: RequestStarted) -> Row:
        attempt = self._attempts.get(event.index)
        opened = self._conns[event.conn].opened
        new = not event.reused and opened is not None and opened.index in self._shown
        count = "" if attempt is None else self._count(attempt, new=new)
        return self._wire(event, f"> {event.method} {event.target}", count)

    def _count(self, attempt: Attempt, *, new: bool = False) -> str:
        """Which attempt of what it is, and the seconds since the end of the one before."""
        text = f"attempt {attempt.number}"
        if self._several and attempt.op is not None:
            text = f"op {attempt.op}, {text}"
        if new:
            text += ", new connection"
        before = self._before.get(attempt.events[0])
        if attempt.events[0] in self._marked:  # the remark tells the time that matters
            return text
        if before is None or before.seen is None or attempt.begun < before.seen:
            return text
        return f"{text:<11} +{attempt.begun - before.seen:.3f}"

    def _response(self, event: ResponseHead | ResponseComplete) -> Iterator[Row]:
        answer = self._answer(event)
        head, complete = answer.head, answer.complete
        one = (
            head is not None
            and complete is not None
            and complete.index in self._shown
            and (head.index not in self._shown or complete.t - head.t <= _AT_ONCE)
        )
        if isinstance(event, ResponseHead):
            if not one or head is not event:
                yield self._wire(event, _status(event), self._words(event))
            return
        length = f"{event.length} bytes"
        if head is None or not one:
            text = f"< end, {length}"
        else:
            text = _status(head) if head.source == "gate" else f"{_status(head)}, {length}"
        words = [word for word in (self._words(event), event.damaged) if word]
        events = (event.index,) if head is None or not one else (head.index, event.index)
        yield Row(event.t, "wire", text, event.service, ", ".join(words), events=events)

    def _words(self, event: AnyEvent) -> str:
        """The kinds of the faults that had fired on an event's attempt by then."""
        attempt = self._attempts.get(event.index)
        faults = [self._faults[fault] for fault in attempt.faults] if attempt is not None else []
        # A fault that ends an idle connection belongs to its last exchange too, but made no answer.
        return ", ".join(dict.fromkeys(fault.kind for fault in faults if fault.armed <= event.t))

    def _closed(self, event: ConnClosed) -> Iterator[Row]:
        if any(event in closed for closed in self._at_arming.values()) and self._told(event):
            return
        requests = self._conns.setdefault(event.conn, _Conn()).requests
        before = [request for request in requests if request.index < event.index]
        last = before[-1] if before else None
        answer = self._answer(last) if last is not None else _Answer()
        if answer.cut is not None and answer.cut.index in self._shown:
            return  # the row of the cut has said so
        waiting = last is not None and answer.complete is None and answer.cut is None
        if event.by == "client":
            attempt = self._attempts.get(event.index)
            if waiting:
                cancelled = attempt is not None and attempt.observable == "cancelled"
                words = [self._words(event), "cancelled" if cancelled else ""]
                yield self._wire(event, "client gave up", ", ".join(filter(None, words)))
            elif last is None or last.index not in self._shown:
                yield self._wire(event, "client closed", event.how.upper())
            return
        how = "closed by FIN" if event.how == "fin" else "reset"
        if waiting or last is None:
            text = f"< {how}"
            detail = self._words(event) or ("backend" if event.by == "backend" else "")
        else:
            text, detail = how, "idle connection"
        yield self._wire(event, text, detail)

    def _told(self, event: ConnClosed) -> bool:
        """Whether the row of the arming counts this idle connection already."""
        requests = self._conns.setdefault(event.conn, _Conn()).requests
        if requests and self._answer(requests[-1]).complete is None:
            return False
        return any(
            isinstance(armed, FaultArmed)
            and armed.fault is not None
            and event in self._at_arming.get(armed.fault, ())
            for armed in self._listed()
        )

    def _armed(self, event: FaultArmed) -> Row:
        text = f"{event.name} in force on {event.service}"
        if event.why:
            text += f", since {event.why}"
        elif event.text:
            text += f": {event.text}"
        closed = self._at_arming.get(event.fault or 0, [])
        for how, word in (("fin", "closed by FIN"), ("rst", "reset")):
            number = sum(one.how == how for one in closed)
            if number:
                text += f"; {number} live connection{_s(number)} {word}"
        return _lab(event, text)

    def _cleared(self, event: FaultCleared) -> Row:
        fault = self._faults.get(event.fault or 0)
        name = event.name or (fault.kind if fault is not None else "fault")
        over = f"{name} over, since {event.why}" if event.why else f"{name} cleared"
        if fault is not None and fault.awaited:
            return _lab(event, f"{over}; it never came into force")
        if fault is None or not fault.fired:
            return _lab(event, f"{over}; it never fired")
        hits: Counter[str] = Counter()
        kinds = {one.index: one.on for one in self._events if isinstance(one, FaultFired)}
        for index in fault.events[1:]:
            hits[kinds.get(index, "connect")] += 1
        if len(hits) > 1 and self._shuts(event.fault or 0):
            del hits["connection"]  # the row of the arming has counted these
        shown = [
            f"{hits[on]} {word}{_s(hits[on])}"
            for on, word in (
                ("connect", "connect"),
                ("connection", "connection"),
                ("request", "request"),
                ("bytes", "stream"),
            )
            if hits[on]
        ]
        return _lab(event, f"{over}; it fired on {', '.join(shown)}")


def _renumbered(reading: Reading, history: History) -> Iterator[tuple[Attempt, Attempt | None]]:
    """Attempts without an operation, numbered by what they look like; each with the one before it.

    One goes on from the last to the same target, or from a connect that carried no request, unless
    that had succeeded. Each arming and clearing on its service begins anew, as counts do.
    """
    breaks = [event for event in history if isinstance(event, FaultArmed | FaultCleared)]
    latest: dict[tuple[str, int, str | None], Attempt] = {}  # by target; None: the last of all
    for stray in reading.strays:
        stretch = sum(one.service == stray.service and one.t <= stray.begun for one in breaks)
        target = f"{stray.method} {stray.target}"
        last = latest.get((stray.service, stretch, None))
        before = last if stray.headless else latest.get((stray.service, stretch, target))
        if before is None and last is not None and last.headless:
            before = last
        if before is not None and before.observable == "ok":
            before = None
        numbered = msgspec.structs.replace(stray, number=1 if before is None else before.number + 1)
        latest[stray.service, stretch, None] = numbered
        if not stray.headless:
            latest[stray.service, stretch, target] = numbered
        yield numbered, before


def _successions(reading: Reading) -> Iterator[tuple[int, Attempt]]:
    """The first event of each attempt that is not its operation's first, with the one before it."""
    for operation in reading.operations:
        for before, attempt in pairwise(operation.attempts):
            yield attempt.events[0], before


def _named(row: Row) -> Row:
    """The row with its service in front of what happened there."""
    if row.lane not in ("wire", "backend") or not row.service:
        return row
    sign, space, rest = row.text.partition(" ")
    if sign in ("<", ">"):
        text = f"{sign}{space}{row.service} {rest}"
    else:
        text = f"{row.service} {row.text}"
    return replace(row, text=text)


def _lab(event: AnyEvent, text: str) -> Row:
    return Row(event.t, "lab", f"-- {text} --", events=(event.index,))


def _copied(event: AnyEvent) -> str:
    """What tells a copy that the lab sent from the client's own request."""
    return "" if event.fault is None else " (copy)"


def _backend(event: AnyEvent, text: str) -> Row:
    return Row(event.t, "backend", text, event.service, events=(event.index,))


def _status(head: ResponseHead) -> str:
    after = f" Retry-After: {head.retry_after}" if head.retry_after is not None else ""
    return f"< {head.status}{after}"


def _s(number: int) -> str:
    return "" if number == 1 else "s"
