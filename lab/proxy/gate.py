"""The HTTP-aware part of a link: exchanges, what is recorded of them, and the actions on them.

It is given bytes and hands bytes on, to the `Ends` that the link is. Exchanges pass one after the
other; requests that arrive meanwhile are recorded and wait. It carries actions out and knows no
fault; once a stream isn't HTTP that can be followed, its bytes pass unread.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from math import inf
from typing import Literal, Protocol, assert_never

from ...faults.decide import (
    Answer,
    Armed,
    CutBody,
    CutHead,
    Delay,
    Direction,
    Ending,
    LoseAnswer,
    ReplaceBody,
    Request,
    Withhold,
)
from ..history import (
    RequestComplete,
    RequestStarted,
    ResponseComplete,
    ResponseCut,
    Side,
)
from ..history import ResponseHead as HeadReleased
from .force import Force
from .framer import Begun, Data, End, Framer, Lost, Piece, RequestHead, ResponseHead
from .heads import forwarded, recorded, recorded_target, tag_of

__all__ = ["Ends", "Gate"]

KEPT = 1024 * 1024  # bytes of a body that are kept until its half is known

Note = Callable[[], None]
By = Literal["fin", "rst"]
_NO_BODY = frozenset((204, 304))
_DROPPED_FROM_ANSWERS = frozenset(
    ("content-length", "content-type", "content-encoding", "transfer-encoding", "etag", "digest")
)


class Ends(Protocol):
    """The two ends of the link, as the gate sees them."""

    def forward(self, data: bytes, delays: tuple[Delay, ...]) -> None:
        """Send to the backend."""

    def forward_fin(self) -> None:
        """Send FIN to the backend, behind what was forwarded."""

    def deliver(self, data: bytes, delays: tuple[Delay, ...], notes: tuple[Note, ...] = ()) -> None:
        """Release to the client; `notes` are made just before, if it is still there."""

    def finish(
        self, by: Side, how: By, delays: tuple[Delay, ...], notes: tuple[Note, ...] = ()
    ) -> None:
        """End the client's connection, behind what was delivered."""

    def settle(self) -> None:
        """An exchange is over."""


@dataclass(slots=True, eq=False)
class _Exchange:
    """One request and its answer."""

    number: int
    begun: float
    seen: tuple[Armed, ...]  # in force when its first byte arrived
    method: str = ""
    closing: bool = False
    op: int | None = None
    attempt: int | None = None
    length: int = 0
    digest: hashlib.blake2b | None = None
    ending: Ending | None = None
    delays: tuple[Delay, ...] = ()
    streamed: set[int] = field(default_factory=set)
    asked: bool = False  # the whole request has passed
    answered: bool = False  # the whole answer has come
    # the answer
    head: ResponseHead | None = None
    mode: Literal["pass", "count", "half", "replace", "drop"] = "pass"
    limit: int = 0  # bytes of payload after which a counted answer is cut
    payload: int = 0
    kept: list[Data] = field(default_factory=list)
    released: int | None = None  # bytes of payload released; None: not even the head
    finished: bool = False  # the last byte was released

    @property
    def reaches_backend(self) -> bool:
        return not isinstance(self.ending, Answer | CutHead)


class Gate:
    """The exchanges of one client connection."""

    def __init__(self, ends: Ends, force: Force, conn: int, *, tag_upstream: bool) -> None:
        self.raw = False  # bytes pass unread
        self.waiting_size = 0
        self._ends = ends
        self._force = force
        self._conn = conn
        self._tag_upstream = tag_upstream
        self._requests = Framer("request")
        self._responses = Framer("response")
        self._count = 0
        self._incoming: _Exchange | None = None
        self._current: _Exchange | None = None
        self._waiting: deque[tuple[_Exchange | None, Piece]] = deque()
        self._passing = False
        self._held: int | None = None
        self._shut: int | None = None
        self._closed = False
        self._up: list[bytes] = []
        self._down: list[bytes] = []
        self._down_length = 0
        self._first_notes: list[Note] = []
        self._last_notes: list[Note] = []
        self._raw_streamed: set[int] = set()

    # --- what the link asks ----------------------------------------------------------------------

    @property
    def in_flight(self) -> bool:
        """Whether a request awaits its answer, or its turn."""
        return self._current is not None or bool(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether the connection stands between two exchanges."""
        return not self.raw and not self.in_flight and self._requests.idle

    def hold(self, fault: int) -> None:
        """Let nothing pass; heads are still recorded, and the fault acts on each."""
        self._held = fault

    def release(self) -> None:
        """Let what waited pass."""
        self._held = None
        self._pass_waiting()

    def shut(self, fault: int | None) -> None:
        """The client's connection is ending: later requests are recorded and go nowhere."""
        self._closed = True
        self._shut = fault
        self._waiting.clear()
        self.waiting_size = 0
        if self._current is not None:
            if not self._current.reaches_backend:
                self._current = None
            elif not self._current.asked:
                self._break_off()

    def _break_off(self) -> None:
        """The rest of the request won't come: the backend learns it by FIN."""
        self._flush_up()
        self._ends.forward_fin()
        self._current = None

    def broken_off(self, how: By) -> Note | None:
        """What to note if the connection ends now, inside an answer."""
        exchange = self._current
        if exchange is None or exchange.released is None or exchange.finished:
            return None
        return partial(self._note_cut, exchange, how)

    # --- requests --------------------------------------------------------------------------------

    def from_client(self, data: bytes) -> None:
        """Bytes arrived from the client."""
        if self.raw and not self._waiting:
            if not self._closed:
                self._ends.forward(data, self._raw_delays("to_backend"))
            return
        for piece in self._requests.feed(data):
            self._arrive(piece)
        self._flush_up()

    def client_ended(self) -> None:
        """The client sends no more."""
        for piece in self._requests.eof():
            self._arrive(piece)
        self._flush_up()

    def _arrive(self, piece: Piece) -> None:
        """Record what arrived, then pass it, or let it wait for its turn."""
        exchange = self._incoming
        match piece:
            case Begun():
                self._count += 1
                self._incoming = _Exchange(self._count, self._force.clock(), self._force.armed)
                return
            case RequestHead():
                assert exchange is not None
                self._started(exchange, piece)
            case Data():
                assert exchange is not None
                exchange.length += piece.length
                if exchange.digest is None:
                    exchange.digest = hashlib.blake2b(digest_size=8)
                exchange.digest.update(piece.payload)
            case End(cut=False):
                assert exchange is not None
                self._completed(exchange)
        if self._closed:
            return
        if (
            self._held is not None
            or self._waiting
            or (self._current is not None and self._current is not exchange)
        ):
            self._waiting.append((exchange, piece))
            if isinstance(piece, RequestHead | Data | Lost):
                self.waiting_size += len(piece.raw)
        else:
            self._pass(exchange, piece)

    def _started(self, exchange: _Exchange, head: RequestHead) -> None:
        exchange.method = head.method
        exchange.closing = head.closing
        tag = tag_of(head)
        if tag is not None:
            exchange.op, exchange.attempt = tag
        self._force.record(
            RequestStarted(
                t=exchange.begun,
                service=self._force.service,
                conn=self._conn,
                request=exchange.number,
                op=exchange.op,
                attempt=exchange.attempt,
                method=head.method,
                target=recorded_target(head.target),
                headers=recorded(head.headers),
                reused=exchange.number > 1,
            )
        )
        stopper = self._held if self._held is not None else self._shut
        if stopper is not None:
            self._fire(stopper, exchange)

    def _completed(self, exchange: _Exchange) -> None:
        self._force.record(
            RequestComplete(
                t=self._force.clock(),
                service=self._force.service,
                conn=self._conn,
                request=exchange.number,
                op=exchange.op,
                attempt=exchange.attempt,
                length=exchange.length,
                digest="" if exchange.digest is None else exchange.digest.hexdigest(),
            )
        )

    def _pass_waiting(self) -> None:
        if self._passing:
            return
        self._passing = True
        try:
            while self._waiting and self._held is None:
                exchange, piece = self._waiting[0]
                if self._current is not None and self._current is not exchange:
                    break
                self._waiting.popleft()
                if isinstance(piece, RequestHead | Data | Lost):
                    self.waiting_size -= len(piece.raw)
                self._pass(exchange, piece)
        finally:
            self._passing = False
        self._flush_up()

    def _pass(self, exchange: _Exchange | None, piece: Piece) -> None:
        """The piece has come to the gate: decide, forward, or keep from the backend."""
        match piece:
            case RequestHead():
                assert exchange is not None
                self._current = exchange
                self._decide(exchange, piece)
            case Data():
                assert exchange is not None
                if exchange.reaches_backend:
                    self._up.append(piece.raw)
            case End(cut=True):
                # The client left inside its request; the backend learns it the same way.
                self._break_off()
                self._ends.settle()
            case End():
                assert exchange is not None
                if isinstance(exchange.ending, Answer):
                    self._answer(exchange, exchange.ending)
                self._asked(exchange)
            case Lost():
                self._lose(piece)
            case Begun() | ResponseHead():
                raise AssertionError(f"{piece!r} is not passed on")
            case _:
                assert_never(piece)

    def _asked(self, exchange: _Exchange) -> None:
        exchange.asked = True
        self._over(exchange)

    def _over(self, exchange: _Exchange) -> None:
        if exchange.asked and exchange.answered and self._current is exchange:
            self._current = None
            if self._waiting:
                self._pass_waiting()
            self._ends.settle()

    def _decide(self, exchange: _Exchange, head: RequestHead) -> None:
        request = Request(head.method, head.target, self._key(exchange))
        decision = self._force.decide(request, exchange.seen)
        for action in decision.actions:
            match action:
                case Delay():
                    exchange.delays += (action,)
                case _:
                    exchange.ending = action
        for fault in decision.fires:
            if not (
                isinstance(exchange.ending, CutBody | ReplaceBody | LoseAnswer)
                and exchange.ending.fault == fault
            ):
                self._fire(fault, exchange)
        match exchange.ending:
            case CutHead(fault=fault, by=by):
                delays = self._both_ways(exchange)
                self.shut(fault)
                self._ends.finish("lab", by, delays)
            case Answer():
                if (head.get("expect") or "").lower() == "100-continue":
                    self._ends.deliver(b"HTTP/1.1 100 Continue\r\n\r\n", self._both_ways(exchange))
            case Withhold(fault=fault):
                exchange.delays += (Delay(fault, "to_client", inf),)
                self._forward_head(exchange, head)
            case CutBody() | ReplaceBody() | LoseAnswer() | None:
                self._forward_head(exchange, head)
            case _:
                assert_never(exchange.ending)

    def _forward_head(self, exchange: _Exchange, head: RequestHead) -> None:
        self._responses.expect(head.method)
        wire = None
        if self._tag_upstream:
            wire = f"{self._conn}.{exchange.number}"
            if exchange.op is not None:
                wire += f".{exchange.op}.{exchange.attempt}"
        self._up.append(forwarded(head, wire))

    def _flush_up(self) -> None:
        if not self._up:
            return
        data = self._up[0] if len(self._up) == 1 else b"".join(self._up)
        self._up.clear()
        exchange = self._current
        if exchange is None:
            self._ends.forward(data, self._raw_delays("to_backend"))
        else:
            self._ends.forward(data, self._delays(exchange, "to_backend"))

    def _answer(self, exchange: _Exchange, action: Answer) -> None:
        head = ResponseHead(
            b"", action.status, _lower(action.headers), "length", len(action.body), interim=False
        )
        exchange.head = head
        body = b"" if exchange.method == "HEAD" or action.status in _NO_BODY else action.body
        lines = [f"HTTP/1.1 {action.status} {_phrase(action.status)}"]
        lines += [f"{name}: {value}" for name, value in action.headers]
        if action.status not in _NO_BODY and head.get("content-length") is None:
            lines.append(f"Content-Length: {len(action.body)}")
        if exchange.closing:
            lines.append("Connection: close")
        data = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body
        delays = self._both_ways(exchange)
        notes = (
            partial(self._note_head, exchange, "gate", head, len(action.body)),
            partial(self._note_complete, exchange, len(body), ""),
        )
        self._ends.deliver(data, delays, notes)
        if exchange.closing:
            self._ends.finish("lab", "fin", delays)
        exchange.answered = True

    # --- answers ---------------------------------------------------------------------------------

    def from_backend(self, data: bytes) -> None:
        """Bytes arrived from the backend."""
        if self.raw:
            self._ends.deliver(data, self._raw_delays("to_client"))
            return
        for piece in self._responses.feed(data):
            self._answered(piece)
        exchange = self._current
        if exchange is not None:
            self._flush_down(exchange)

    def backend_ended(self, how: By) -> None:
        """The backend's connection is over; the client's ends the same way."""
        if self.raw:
            self._ends.finish("backend", how, self._raw_delays("to_client"))
            return
        exchange = self._current
        for piece in self._responses.eof():
            if isinstance(piece, End) and how == "rst":
                self._answered(End(cut=True), how)
            elif not isinstance(piece, Lost):
                self._answered(piece, how)
            elif exchange is not None and exchange.mode == "pass" and exchange.head is None:
                self._down.append(piece.raw)
        delays: tuple[Delay, ...] = ()
        if exchange is not None:
            self._flush_down(exchange)
            delays = self._delays(exchange, "to_client")
            if isinstance(exchange.ending, LoseAnswer) and not exchange.answered:
                self._lost_answer(exchange, exchange.ending)
        self._ends.finish("backend", how, delays)
        if exchange is not None:
            exchange.asked = exchange.answered = True
            self._over(exchange)

    def _answered(self, piece: Piece, how: By = "fin") -> None:
        """A piece of an answer has come to the gate."""
        exchange = self._current
        match piece:
            case Begun():
                pass
            case ResponseHead() if exchange is not None:
                if piece.interim:
                    if not isinstance(exchange.ending, LoseAnswer):
                        self._down.append(piece.raw)
                else:
                    self._answer_begins(exchange, piece)
            case Data() if exchange is not None:
                self._answer_goes_on(exchange, piece)
            case End() if exchange is not None:
                self._answer_ends(exchange, piece, how)
            case Lost():
                if exchange is not None:
                    self._flush_down(exchange)
                self._become_raw()
                self._ends.deliver(piece.raw, self._raw_delays("to_client"))
            case _:
                pass  # the answer to a request that was broken off

    def _answer_begins(self, exchange: _Exchange, head: ResponseHead) -> None:
        exchange.head = head
        has_body = head.body in {"length", "chunked", "close"}
        match exchange.ending:
            case LoseAnswer():
                exchange.mode = "drop"
            case ReplaceBody() if has_body:
                exchange.mode = "replace"
            case CutBody(at=at) if has_body:
                if at != "half":
                    exchange.mode, exchange.limit = "count", at
                elif head.body == "length":
                    exchange.mode, exchange.limit = "count", head.length // 2
                else:
                    exchange.mode = "half"
                if head.body == "length" and exchange.limit >= head.length:
                    exchange.mode = "pass"
            case _:
                pass
        if exchange.mode in {"pass", "count"}:
            self._release_head(exchange, head)
            if exchange.mode == "count" and exchange.limit == 0:
                self._cut(exchange)
        if head.body == "tunnel":
            self._flush_down(exchange)
            self._become_raw()

    def _release_head(self, exchange: _Exchange, head: ResponseHead) -> None:
        length = head.length if head.body == "length" else None
        if length is None and head.get("content-length") == "0":
            length = 0
        self._first_notes.append(partial(self._note_head, exchange, "backend", head, length))
        self._down.append(head.raw)

    def _answer_goes_on(self, exchange: _Exchange, data: Data) -> None:
        length = data.length
        match exchange.mode:
            case "pass":
                self._down.append(data.raw)
                self._down_length += length
            case "count":
                left = exchange.limit - exchange.payload
                if length < left:
                    self._down.append(data.raw)
                    self._down_length += length
                else:
                    self._down.append(data.upto(left))
                    self._down_length += left
                    exchange.payload += left
                    self._cut(exchange)
                    return
            case "half":
                exchange.kept.append(data)
                if exchange.payload + length > KEPT:
                    exchange.payload += length
                    self._cut_kept(exchange)
                    return
            case "replace" | "drop":
                pass
            case _:
                assert_never(exchange.mode)
        exchange.payload += length

    def _answer_ends(self, exchange: _Exchange, end: End, how: By) -> None:
        if exchange.mode == "half":
            self._cut_kept(exchange)
        if exchange.mode in {"pass", "count"}:
            if end.cut:
                self._last_notes.append(partial(self._note_cut, exchange, how))
            else:
                self._last_notes.append(
                    partial(self._note_complete, exchange, exchange.payload, "")
                )
        elif exchange.mode == "replace" and not end.cut:
            assert isinstance(exchange.ending, ReplaceBody)
            self._replace(exchange, exchange.ending)
        elif isinstance(exchange.ending, LoseAnswer):
            self._lost_answer(exchange, exchange.ending)
        self._flush_down(exchange)
        exchange.answered = True
        self._over(exchange)

    def _cut(self, exchange: _Exchange) -> None:
        """Here the answer ends; what still comes of it is dropped."""
        assert isinstance(exchange.ending, CutBody)
        self._fire(exchange.ending.fault, exchange)
        self._flush_down(exchange)
        exchange.mode = "drop"
        by = exchange.ending.by
        note = partial(self._note_cut, exchange, by)
        self._ends.finish("lab", by, self._delays(exchange, "to_client"), (note,))

    def _cut_kept(self, exchange: _Exchange) -> None:
        """Half of the body is known now."""
        assert exchange.head is not None
        self._release_head(exchange, exchange.head)
        half = exchange.payload // 2
        if half == exchange.payload:
            self._down += [data.raw for data in exchange.kept]
            exchange.kept.clear()
            exchange.mode = "pass"
            return
        left = half
        for data in exchange.kept:
            self._down.append(data.upto(left))
            if data.length >= left:
                break
            left -= data.length
        exchange.kept.clear()
        self._down_length += half
        self._cut(exchange)

    def _replace(self, exchange: _Exchange, action: ReplaceBody) -> None:
        assert exchange.head is not None
        head = exchange.head
        self._fire(action.fault, exchange)
        kept = [(name, value) for name, value in head.headers if name not in _DROPPED_FROM_ANSWERS]
        headers = (*kept, ("content-type", action.content_type))
        raw = head.raw.lstrip(b"\r\n").split(b"\n", 1)[0].removesuffix(b"\r") + b"\r\n"
        raw += b"".join(
            f"{name}: {value}\r\n".encode("latin-1")
            for name, value in (*headers, ("content-length", str(len(action.body))))
        )
        shown = head._replace(headers=headers)
        self._first_notes.append(
            partial(self._note_head, exchange, "backend", shown, len(action.body))
        )
        self._last_notes.append(
            partial(self._note_complete, exchange, len(action.body), action.damaged)
        )
        self._down.append(raw + b"\r\n" + action.body)

    def _lost_answer(self, exchange: _Exchange, action: LoseAnswer) -> None:
        self._fire(action.fault, exchange)
        self._ends.finish("lab", action.by, self._delays(exchange, "to_client"))

    def _flush_down(self, exchange: _Exchange) -> None:
        if not (self._down or self._first_notes or self._last_notes):
            return
        data = self._down[0] if len(self._down) == 1 else b"".join(self._down)
        notes = self._first_notes
        if self._down_length:
            notes.append(partial(self._count_released, exchange, self._down_length))
        notes += self._last_notes
        self._down = []
        self._down_length = 0
        self._first_notes = []
        self._last_notes = []
        self._ends.deliver(data, self._delays(exchange, "to_client"), tuple(notes))

    # --- streams that can't be followed ----------------------------------------------------------

    def _lose(self, piece: Lost) -> None:
        """The client's bytes can't be followed any more."""
        self._flush_up()
        exchange = self._current
        if exchange is not None and not exchange.reaches_backend:
            self._ends.finish("lab", "fin", self._both_ways(exchange))
            return
        self._become_raw(piece.raw)

    def _become_raw(self, first: bytes = b"") -> None:
        if self.raw:
            return
        self._flush_up()
        self.raw = True
        self._current = None
        for piece in self._responses.lose():
            assert isinstance(piece, Lost)
            self._ends.deliver(piece.raw, self._raw_delays("to_client"))
        waiting = tuple(self._waiting)
        self._waiting.clear()
        self.waiting_size = 0
        rest = [first] if first else []
        rest += [piece.raw for _, piece in waiting if isinstance(piece, RequestHead | Data | Lost)]
        for piece in self._requests.lose():
            assert isinstance(piece, Lost)
            rest.append(piece.raw)
        if rest:
            self._ends.forward(b"".join(rest), self._raw_delays("to_backend"))

    # --- delays, notes, fires --------------------------------------------------------------------

    def _key(self, exchange: _Exchange) -> tuple[int, int]:
        if exchange.op is None or exchange.attempt is None:
            return (self._conn, exchange.number)
        return (exchange.op, exchange.attempt)

    def _delays(self, exchange: _Exchange, direction: Direction) -> tuple[Delay, ...]:
        scoped = exchange.delays
        if scoped:
            scoped = tuple(delay for delay in scoped if delay.direction == direction)
        if not self._force.streaming:
            return scoped
        stream = self._force.stream(direction, self._key(exchange))
        for delay in stream:
            if delay.fault not in exchange.streamed:
                exchange.streamed.add(delay.fault)
                self._fire(delay.fault, exchange, "bytes")
        return (*scoped, *stream)

    def _both_ways(self, exchange: _Exchange) -> tuple[Delay, ...]:
        """The gate stands at the backend's end: its answers pass the delays of both directions."""
        return (*self._delays(exchange, "to_backend"), *self._delays(exchange, "to_client"))

    def _raw_delays(self, direction: Direction) -> tuple[Delay, ...]:
        if not self._force.streaming:
            return ()
        stream = self._force.stream(direction, (self._conn, 0))
        for delay in stream:
            if delay.fault not in self._raw_streamed:
                self._raw_streamed.add(delay.fault)
                self._force.fired(delay.fault, "bytes", conn=self._conn)
        return stream

    def _fire(
        self, fault: int, exchange: _Exchange, on: Literal["request", "bytes"] = "request"
    ) -> None:
        self._force.fired(
            fault,
            on,
            conn=self._conn,
            request=exchange.number,
            op=exchange.op,
            attempt=exchange.attempt,
        )

    def _note_head(
        self,
        exchange: _Exchange,
        source: Literal["backend", "gate"],
        head: ResponseHead,
        length: int | None,
    ) -> None:
        exchange.released = 0
        self._force.record(
            HeadReleased(
                t=self._force.clock(),
                service=self._force.service,
                conn=self._conn,
                request=exchange.number,
                op=exchange.op,
                attempt=exchange.attempt,
                status=head.status,
                source=source,
                retry_after=head.get("retry-after"),
                content_type=head.get("content-type"),
                content_length=length,
            )
        )

    def _count_released(self, exchange: _Exchange, length: int) -> None:
        exchange.released = (exchange.released or 0) + length

    def _note_complete(self, exchange: _Exchange, length: int, damaged: str) -> None:
        exchange.finished = True
        self._force.record(
            ResponseComplete(
                t=self._force.clock(),
                service=self._force.service,
                conn=self._conn,
                request=exchange.number,
                op=exchange.op,
                attempt=exchange.attempt,
                length=length,
                damaged=damaged,
            )
        )

    def _note_cut(self, exchange: _Exchange, how: By) -> None:
        exchange.finished = True
        self._force.record(
            ResponseCut(
                t=self._force.clock(),
                service=self._force.service,
                conn=self._conn,
                request=exchange.number,
                op=exchange.op,
                attempt=exchange.attempt,
                at=exchange.released or 0,
                how=how,
                chunked=exchange.head is not None and exchange.head.body == "chunked",
            )
        )


def _lower(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
