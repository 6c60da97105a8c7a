"""The HTTP-aware part of a link: whose turn it is, and what is decided about each request.

It is given bytes and hands bytes on, to the `Ends` that the link is. Exchanges pass one after the
other; requests that arrive meanwhile are recorded and wait. It carries actions out and knows no
fault; once a stream isn't HTTP that can be followed, its bytes pass unread. Counterparts:
onward.py is the way to the backend, answers.py the way back.
"""

from __future__ import annotations

import hashlib
from functools import partial
from math import inf
from typing import assert_never

from ...faults.actions import (
    Answer,
    Copy,
    CutAnswer,
    CutBody,
    CutHead,
    CutRequest,
    Delay,
    Enter,
    LoseAnswer,
    Paced,
    Queue,
    ReplaceBody,
    Request,
    Slow,
    Withhold,
)
from ..history import Ending as How
from .answers import Answers
from .backlog import Backlog
from .ends import Ends, Note
from .exchange import Exchange
from .force import Force
from .framer import Begun, Data, End, Framer, Lost, Piece, RequestHead, ResponseHead
from .heads import tag_of
from .made import CONTINUE
from .notes import Notes
from .onward import Onward
from .pace import Pace

__all__ = ["Gate"]


class Gate:
    """The exchanges of one client connection; `op`: whose it is, where its address says so."""

    def __init__(
        self, ends: Ends, force: Force, conn: int, op: int | None, *, tag_upstream: bool
    ) -> None:
        self.raw = False  # bytes pass unread
        self._ends = ends
        self._force = force
        self._conn = conn
        self._op = op
        self._requests = Framer("request")
        self._responses = Framer("response")
        self._count = 0
        self._incoming: Exchange | None = None
        self._current: Exchange | None = None
        self._waiting = Backlog()
        self._passing = False
        self._holder: int | None = None
        self._held = False
        self._queued = False  # the current exchange waits for a worker
        self._shut: int | None = None
        self._closed = False
        self._left = False  # nobody waits for answers any more
        self._notes = Notes(force, conn)
        self._pace = Pace(force, self._notes, conn)
        self._onward = Onward(ends, self._notes, self._pace, conn, tag_upstream=tag_upstream)
        self._answers = Answers(ends, self._notes, self._pace)

    # --- what the link asks ----------------------------------------------------------------------

    @property
    def in_flight(self) -> bool:
        """Whether a request awaits its answer, or its turn."""
        return self._current is not None or bool(self._waiting)

    @property
    def waiting_size(self) -> int:
        """Bytes of memory that what waits for its turn takes, about."""
        return self._waiting.size

    @property
    def used(self) -> bool:
        """Whether a request has begun on this connection."""
        return self._count > 0

    @property
    def idle(self) -> bool:
        """Whether the connection stands between two exchanges."""
        return not self.raw and not self.in_flight and self._requests.idle

    def hold(self, fault: int, *, passing: bool = False) -> None:
        """The fault acts on each request whose head arrives; unless `passing`, all have to wait."""
        self._holder = fault
        self._held = not passing

    def release(self) -> None:
        """No fault acts on what arrives, and nothing has to wait for it; `go_on` lets it pass."""
        self._holder = None
        self._held = False

    def go_on(self) -> None:
        """Let pass what waited, as far as nothing holds it."""
        self._pass_waiting()

    def shut(self, fault: int | None) -> None:
        """The client's connection is ending: later requests are recorded and go nowhere."""
        self._closed = self._left = True
        self._shut = fault
        self._waiting.clear()
        if self._current is not None:
            if not self._current.reaches_backend:
                self._finish(self._current)
            elif not self._current.asked:
                self._break_off()
        self._abandon()

    def _abandon(self) -> None:
        """Give up an answer that has begun and that nobody waits for: it may have no end."""
        exchange = self._current
        if exchange is None or not self._left or self._waiting or not exchange.asked:
            return
        if exchange.head is not None:
            self._finish(exchange)
            self._ends.settle()

    def _break_off(self) -> None:
        """The rest of the request won't come: the backend learns it by FIN."""
        self._onward.flush(self._current)
        self._ends.forward_fin()
        if self._current is not None:
            self._finish(self._current)

    def _finish(self, exchange: Exchange) -> None:
        """Nothing of it is under way any more; its worker is free for another connection's."""
        self._current = None
        self._queued = False
        if exchange.place is not None:
            exchange.place.leave()

    def broken_off(self, how: How) -> Note | None:
        """What to note if the connection ends now, inside an answer."""
        exchange = self._current
        if exchange is None or exchange.released is None or exchange.finished:
            return None
        return partial(self._notes.cut, exchange, how)

    # --- requests --------------------------------------------------------------------------------

    def from_client(self, data: bytes) -> None:
        """Bytes arrived from the client."""
        if self.raw and not self._waiting:
            if not self._closed:
                self._ends.forward(data, self._pace.unread("to_backend"))
            return
        for piece in self._requests.feed(data):
            self._arrive(piece)
        self._onward.flush(self._current)

    def client_ended(self) -> None:
        """The client sends no more."""
        for piece in self._requests.eof():
            self._arrive(piece)
        self._onward.flush(self._current)
        self._left = True
        self._abandon()

    def _arrive(self, piece: Piece) -> None:
        """Record what arrived, then pass it, or let it wait for its turn."""
        exchange = self._incoming
        match piece:
            case Begun():
                self._count += 1
                self._incoming = Exchange(self._count, self._force.clock(), self._force.armed)
                return
            case RequestHead():
                assert exchange is not None
                self._started(exchange, piece)
            case Data():
                assert exchange is not None
                exchange.length += piece.length
                if exchange.digest is None:
                    exchange.digest = hashlib.sha256()  # processors have it in hardware
                exchange.digest.update(piece.payload)
            case End(cut=False):
                assert exchange is not None
                self._notes.completed(exchange)
                if self._force.waiting.sees_requests:
                    self._force.waiting.request(exchange.method, exchange.target, "whole")
        if self._closed:
            return
        if (
            self._held
            or self._queued
            or self._waiting
            or (self._current is not None and self._current is not exchange)
            or (isinstance(piece, RequestHead) and self._ends.full)
        ):
            self._waiting.add(exchange, piece)
        else:
            self._pass(exchange, piece)

    def _started(self, exchange: Exchange, head: RequestHead) -> None:
        exchange.method = head.method
        exchange.target = head.target
        exchange.closing = head.closing
        tag = tag_of(head)
        if tag is not None:
            exchange.op, exchange.attempt = tag
        elif self._op is not None:
            exchange.op, exchange.attempt = self._op, self._force.next_of(self._op)
        self._notes.started(exchange, head)
        if self._force.waiting.sees_requests:
            self._force.waiting.request(exchange.method, exchange.target, "head")
        stopper = self._holder if self._holder is not None else self._shut
        if stopper is not None:
            self._notes.fired(stopper, exchange)

    def _pass_waiting(self) -> None:
        if self._passing:
            return
        self._passing = True
        try:
            while self._waiting and not (self._held or self._queued):
                exchange, piece = self._waiting.first
                if self._current is not None and self._current is not exchange:
                    break
                if isinstance(piece, RequestHead) and self._ends.full:
                    break
                self._pass(*self._waiting.take())
        finally:
            self._passing = False
        self._onward.flush(self._current)

    def _pass(self, exchange: Exchange | None, piece: Piece) -> None:
        """The piece has come to the gate: decide, forward, or keep from the backend."""
        match piece:
            case RequestHead():
                assert exchange is not None
                self._current = exchange
                self._decide(exchange, piece)
            case Data():
                assert exchange is not None
                if exchange.reaches_backend:
                    self._onward.body(exchange, piece.raw)
            case End(cut=True):
                # The client left inside its request; the backend learns it the same way.
                self._break_off()
                self._ends.settle()
            case End():
                assert exchange is not None
                match exchange.ending:
                    case Answer():
                        self._answers.own(exchange, exchange.ending)
                        exchange.answered = True
                    case CutRequest(fault=fault, by=by):
                        self._hang_up(exchange, fault, by)
                        return
                self._onward.copies(exchange)
                exchange.asked = True
                self._over(exchange)
            case Lost():
                self._lose(piece)
            case Begun() | ResponseHead():
                raise AssertionError(f"{piece!r} is not passed on")
            case _:
                assert_never(piece)

    def _over(self, exchange: Exchange) -> None:
        if exchange.asked and exchange.answered and self._current is exchange:
            self._finish(exchange)
            if self._waiting:
                self._pass_waiting()
            self._ends.settle()

    def _decide(self, exchange: Exchange, head: RequestHead) -> None:
        request = Request(
            head.method,
            head.target,
            self._conn,
            exchange.number,
            exchange.op,
            exchange.attempt,
        )
        decision = self._force.decide(request, exchange.seen)
        for action in decision.actions:
            match action:
                case Delay() | Paced():
                    exchange.delays += (action,)
                case Copy():
                    exchange.copies += (action,)
                case Enter(fault=fault):
                    exchange.place = self._force.workers.enter(fault)
                case Queue(fault=fault):
                    turn = partial(self._turn, exchange, head)
                    exchange.place = self._force.workers.queue(fault, turn)
                    self._queued = True
                case _:
                    exchange.ending = action
        for fault in decision.fires:
            if any(copy.fault == fault for copy in exchange.copies):
                continue
            if not exchange.acts_later(fault):
                self._notes.fired(fault, exchange)
        if not self._queued:
            self._begin(exchange, head)

    def _turn(self, exchange: Exchange, head: RequestHead) -> None:
        """A worker is free for the request that waited."""
        self._queued = False
        self._begin(exchange, head)
        self._pass_waiting()

    def _begin(self, exchange: Exchange, head: RequestHead) -> None:
        """It goes on to the backend, or is kept from it."""
        match exchange.ending:
            case CutHead(fault=fault, by=by):
                self._hang_up(exchange, fault, by)
            case Answer() | CutRequest():
                if (head.get("expect") or "").lower() == "100-continue":
                    self._ends.deliver(CONTINUE, self._pace.both_ways(exchange))
            case Withhold(fault=fault, body=False):
                exchange.delays += (Delay(fault, "to_client", inf),)
                self._forward_head(exchange, head)
            case Withhold() | CutAnswer() | CutBody() | ReplaceBody() | LoseAnswer() | None:
                self._forward_head(exchange, head)
            case _:
                assert_never(exchange.ending)

    def _hang_up(self, exchange: Exchange, fault: int, by: How) -> None:
        """End the connection instead of an answer; the backend never hears of the request."""
        delays = self._pace.both_ways(exchange)
        self.shut(fault)
        self._ends.finish("lab", by, delays)

    def _forward_head(self, exchange: Exchange, head: RequestHead) -> None:
        self._responses.expect(head.method)
        self._onward.head(exchange, head)

    # --- answers ---------------------------------------------------------------------------------

    def touch(self, fault: int) -> None:
        """This fault keeps the backend from answering what is under way."""
        exchange = self._current
        if exchange is not None and exchange.reaches_backend and not exchange.answered:
            self._notes.fired(fault, exchange)

    def from_backend(self, data: bytes) -> None:
        """Bytes arrived from the backend."""
        if self.raw:
            self._ends.deliver(data, self._pace.unread("to_client"))
            return
        for piece in self._responses.feed(data):
            self._answered(piece)
        exchange = self._current
        if exchange is not None:
            self._answers.flush(exchange)
            self._abandon()

    def backend_ended(self, how: How, why: str = "") -> None:
        """The backend's connection is over; the client's ends the same way."""
        if self.raw:
            self._ends.finish("backend", how, self._pace.unread("to_client"), why=why)
            return
        exchange = self._current
        for piece in self._responses.eof():
            if isinstance(piece, End) and how == "rst":
                self._answered(End(cut=True), how)
            elif not isinstance(piece, Lost):
                self._answered(piece, how)
            elif exchange is not None and exchange.mode == "pass":
                self._answers.unread(piece.raw)
        delays: tuple[Slow, ...] = ()
        if exchange is not None:
            self._answers.flush(exchange)
            delays = self._pace.of(exchange, "to_client")
            if isinstance(exchange.ending, LoseAnswer) and not exchange.answered:
                self._answers.lose(exchange, exchange.ending)
        self._ends.finish("backend", how, delays, why=why)
        if exchange is not None:
            exchange.asked = exchange.answered = True
            self._over(exchange)

    def _answered(self, piece: Piece, how: How = "fin") -> None:
        """A piece of an answer has come to the gate."""
        exchange = self._current
        match piece:
            case Begun():
                pass
            case ResponseHead(interim=True) if exchange is not None:
                self._interim(exchange, piece)
            case ResponseHead() if exchange is not None:
                self._answers.begins(exchange, piece)
                if piece.body == "tunnel":
                    self._tunnel(exchange, piece)
            case Data() if exchange is not None:
                self._answers.goes_on(exchange, piece)
            case End() if exchange is not None:
                self._answers.over(exchange, piece, how)
                exchange.answered = True
                self._over(exchange)
            case Lost():
                self._lose_answer(exchange, piece)
            case _:
                pass  # the answer to a request that was broken off

    def _interim(self, exchange: Exchange, head: ResponseHead) -> None:
        """An answer that another one follows: it passes, and 100 in any case.

        A client that waits for it would never complete the request, whose answer a fault is for.
        """
        match exchange.ending:
            case LoseAnswer() | Withhold(body=False) if head.status == 100 and not exchange.asked:
                slows = self._pace.of(exchange, "to_client")
                self._ends.deliver(
                    head.raw,
                    tuple(s for s in slows if not (isinstance(s, Delay) and s.seconds == inf)),
                )
            case LoseAnswer():
                pass
            case _:
                self._answers.unread(head.raw)

    # --- streams that can't be followed ----------------------------------------------------------

    def _lose(self, piece: Lost) -> None:
        """The client's bytes can't be followed any more."""
        self._onward.flush(self._current)
        why = f"the client sent {self._requests.why}"
        exchange = self._current
        if exchange is not None and not exchange.reaches_backend:
            # The backend has no part in this exchange, so the rest of it can't go there.
            slows = self._pace.both_ways(exchange)
            self.shut(None)
            self._ends.finish("lab", "fin", slows, why=why)
            return
        self._become_raw(why, piece.raw)

    def _lose_answer(self, exchange: Exchange | None, piece: Lost) -> None:
        """The backend's bytes can't be followed any more."""
        if self._closed:
            return
        why = f"the backend sent {self._responses.why}"
        if exchange is not None and exchange.mode in {"half", "replace", "drop"}:
            # What came of the answer was kept back, so the client could make nothing of the rest.
            self._answers.over(exchange, End(cut=True), "fin")
            self.shut(None)
            self._ends.finish("lab", "fin", self._pace.of(exchange, "to_client"), why=why)
            return
        self._become_raw(why)
        if exchange is not None:
            self._answers.unread(piece.raw)
            self._answers.flush(exchange)
        else:
            self._ends.deliver(piece.raw, self._pace.unread("to_client"))

    def _tunnel(self, exchange: Exchange, head: ResponseHead) -> None:
        """The answer is its head; what follows is another protocol's."""
        self._answers.over(exchange, End(), "fin")
        if exchange.mode != "pass":  # a fault has ended the connection
            exchange.answered = True
            self._over(exchange)
            return
        what = head.get("upgrade") or "another protocol"
        self._finish(exchange)
        self._become_raw(f"the backend answered {head.status} and went on in {what[:40]}")

    def _become_raw(self, why: str, first: bytes = b"") -> None:
        if self.raw:
            return
        self._onward.flush(self._current)
        self.raw = True
        self._notes.unread(self._current, why)
        if self._current is not None:
            self._finish(self._current)
        for piece in self._responses.lose(why):
            assert isinstance(piece, Lost)
            self._ends.deliver(piece.raw, self._pace.unread("to_client"))
        rest = [first] if first else []
        rest += self._waiting.clear()
        for piece in self._requests.lose(why):
            assert isinstance(piece, Lost)
            rest.append(piece.raw)
        if rest:
            self._ends.forward(b"".join(rest), self._pace.unread("to_backend"))
