"""The way back: what becomes of an answer, by the ending that its exchange was given.

It is released, cut, put in place of the backend's, or lost. Counterparts: gate.py says whose turn
it is, made.py writes the bytes of answers that the lab makes.
"""

from __future__ import annotations

from functools import partial
from math import inf
from typing import assert_never

from ...faults.actions import Answer, CutAnswer, CutBody, Delay, LoseAnswer, ReplaceBody, Withhold
from ..history import Ending
from .ends import Due, Ends, Note
from .exchange import Exchange
from .framer import Data, End, ResponseHead
from .made import own, replaced
from .notes import Notes
from .pace import Pace

__all__ = ["Answers"]

KEPT = 1024 * 1024  # bytes of a body that are kept until its half is known
FRAMED = 2 * KEPT  # the same, with its chunk framing


class Answers:
    """Answers on one client connection, one after the other."""

    def __init__(self, ends: Ends, notes: Notes, pace: Pace) -> None:
        self._ends = ends
        self._notes = notes
        self._pace = pace
        self._bytes: list[bytes] = []
        self._length = 0  # of the body's payload in them
        self._first: list[Due] = []  # notes about the bytes up to some point of them
        self._last: list[Note] = []  # and about all of them

    def own(self, exchange: Exchange, action: Answer) -> None:
        """Answer in the backend's place, after the delays of both ways."""
        shown, head, body = own(action, exchange.method, closing=exchange.closing)
        exchange.head = shown
        slows = self._pace.both_ways(exchange)
        notes = (
            (len(head), partial(self._notes.head, exchange, "gate", shown, len(action.body))),
            (len(head + body), partial(self._notes.complete, exchange, len(body), "")),
        )
        self._ends.deliver(head + body, slows, notes)
        if exchange.closing:
            self._ends.finish("lab", "fin", slows)

    def unread(self, data: bytes) -> None:
        """Bytes before any head, which pass as they are."""
        self._bytes.append(data)

    def begins(self, exchange: Exchange, head: ResponseHead) -> None:
        """Its head has come: choose what becomes of it."""
        exchange.head = head
        has_body = head.body in {"length", "chunked", "close"}
        match exchange.ending:
            case LoseAnswer():
                exchange.mode = "drop"
            case CutAnswer(fault=fault, by=by):
                exchange.mode = "drop"
                self._notes.fired(fault, exchange)
                self._ends.finish("lab", by, self._pace.of(exchange, "to_client"))
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
            if isinstance(exchange.ending, Withhold) and exchange.ending.body and has_body:
                self._withhold(exchange, exchange.ending.fault)

    def _withhold(self, exchange: Exchange, fault: int) -> None:
        """The head goes; what follows stays until the fault is over."""
        self.flush(exchange)
        self._notes.fired(fault, exchange)
        exchange.delays += (Delay(fault, "to_client", inf),)

    def _release_head(self, exchange: Exchange, head: ResponseHead) -> None:
        length = head.length if head.body == "length" else None
        if length is None and head.get("content-length") == "0":
            length = 0
        self._bytes.append(head.raw)
        self._note_head(partial(self._notes.head, exchange, "backend", head, length))

    def _note_head(self, note: Note, behind: int = 0) -> None:
        """The head ends so many bytes before the end of what has gathered."""
        self._first.append((sum(map(len, self._bytes)) - behind, note))

    def goes_on(self, exchange: Exchange, data: Data) -> None:
        """More of its body has come."""
        length = data.length
        match exchange.mode:
            case "pass":
                self._bytes.append(data.raw)
                self._length += length
            case "count":
                left = exchange.limit - exchange.payload
                if length < left:
                    self._bytes.append(data.raw)
                    self._length += length
                else:
                    self._bytes.append(data.upto(left))
                    self._length += left
                    exchange.payload += left
                    self._cut(exchange)
                    return
            case "half":
                exchange.kept.append(data)
                exchange.kept_size += len(data.raw)
                if exchange.payload + length > KEPT or exchange.kept_size > FRAMED:
                    exchange.payload += length
                    self._cut_kept(exchange)
                    return
            case "replace":
                exchange.kept_size += len(data.raw)
                if exchange.payload + length <= KEPT and exchange.kept_size <= FRAMED:
                    exchange.kept.append(data)
            case "drop":
                pass
            case _:
                assert_never(exchange.mode)
        exchange.payload += length

    def over(self, exchange: Exchange, end: End, how: Ending) -> None:
        """All of it has come, or its backend ended it `how`."""
        if exchange.mode == "half":
            self._cut_kept(exchange)
        if exchange.mode in {"pass", "count"}:
            if end.cut:
                self._last.append(partial(self._notes.cut, exchange, how))
            else:
                self._last.append(partial(self._notes.complete, exchange, exchange.payload, ""))
        elif exchange.mode == "replace" and not end.cut:
            assert isinstance(exchange.ending, ReplaceBody)
            self._replace(exchange, exchange.ending)
        elif isinstance(exchange.ending, LoseAnswer):
            self.lose(exchange, exchange.ending)
        self.flush(exchange)

    def _cut(self, exchange: Exchange) -> None:
        """Here the answer ends; what still comes of it is dropped."""
        assert isinstance(exchange.ending, CutBody)
        self._notes.fired(exchange.ending.fault, exchange)
        self.flush(exchange)
        exchange.mode = "drop"
        by = exchange.ending.by
        note = partial(self._notes.cut, exchange, by)
        self._ends.finish("lab", by, self._pace.of(exchange, "to_client"), (note,))

    def _cut_kept(self, exchange: Exchange) -> None:
        """Half of the body is known now."""
        assert exchange.head is not None
        self._release_head(exchange, exchange.head)
        half = exchange.payload // 2
        if half == exchange.payload:
            self._bytes += [data.raw for data in exchange.kept]
            exchange.kept.clear()
            exchange.mode = "pass"
            return
        left = half
        for data in exchange.kept:
            self._bytes.append(data.upto(left))
            if data.length >= left:
                break
            left -= data.length
        exchange.kept.clear()
        self._length += half
        self._cut(exchange)

    def _replace(self, exchange: Exchange, action: ReplaceBody) -> None:
        assert exchange.head is not None
        self._notes.fired(action.fault, exchange)
        own_data = b"".join(data.payload for data in exchange.kept)
        exchange.kept.clear()
        shown, length, data = replaced(exchange.head, action.body, own_data)
        told = None if action.body.chunked else length
        self._bytes.append(data)
        self._note_head(partial(self._notes.head, exchange, "backend", shown, told), length)
        self._last.append(partial(self._notes.complete, exchange, length, action.body.damaged))
        if action.body.chunked:
            self.flush(exchange)
            self._ends.finish("lab", "fin", self._pace.of(exchange, "to_client"))

    def lose(self, exchange: Exchange, action: LoseAnswer) -> None:
        """The client's connection ends where the answer would begin."""
        self._notes.fired(action.fault, exchange)
        self._ends.finish("lab", action.by, self._pace.of(exchange, "to_client"))

    def flush(self, exchange: Exchange) -> None:
        """Release what has gathered."""
        if not (self._bytes or self._first or self._last):
            return
        data = self._bytes[0] if len(self._bytes) == 1 else b"".join(self._bytes)
        notes = self._first
        if self._length:
            notes.append((len(data), partial(self._notes.released, exchange, self._length)))
        notes += [(len(data), note) for note in self._last]
        self._bytes = []
        self._length = 0
        self._first = []
        self._last = []
        self._ends.deliver(data, self._pace.of(exchange, "to_client"), tuple(notes))
