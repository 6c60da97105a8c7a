"""The way to the backend: what goes on of a request, tagged for a stub, and the copies of it.

Counterparts: gate.py says whose turn it is and what is kept back, answers.py is the way back.
"""

from __future__ import annotations

from functools import partial

from .ends import Ends
from .exchange import Exchange
from .framer import RequestHead
from .heads import forwarded
from .notes import Notes
from .pace import Pace

__all__ = ["Onward"]

COPIED = 1024 * 1024  # bytes of a request's body that are kept for its copies


class Onward:
    """Requests of one client connection on their way, one after the other.

    `tag_upstream`: the backend is a stub, which is told of the wire's exchange.
    """

    def __init__(
        self, ends: Ends, notes: Notes, pace: Pace, conn: int, *, tag_upstream: bool
    ) -> None:
        self._ends = ends
        self._notes = notes
        self._pace = pace
        self._conn = conn
        self._tag_upstream = tag_upstream
        self._bytes: list[bytes] = []

    def head(self, exchange: Exchange, head: RequestHead) -> None:
        """Its head goes on; the copies' heads are kept."""
        wire = None
        if self._tag_upstream:
            wire = f"{self._conn}.{exchange.number}"
            if exchange.op is not None:
                wire += f".{exchange.op}.{exchange.attempt}"
        self._bytes.append(forwarded(head, wire))
        for copy in exchange.copies:
            mark = None if wire is None else f"{wire}+{copy.fault}"
            exchange.whole.append(forwarded(head, mark))

    def body(self, exchange: Exchange, raw: bytes) -> None:
        """A part of its body goes on, and is kept for the copies, unless that becomes too much."""
        self._bytes.append(raw)
        if not exchange.copies:
            return
        if exchange.length > COPIED:
            exchange.copies = ()
            exchange.whole.clear()
        else:
            exchange.whole.append(raw)

    def copies(self, exchange: Exchange) -> None:
        """It is complete: the backend gets it again, as often as it has copies."""
        if not exchange.copies:
            return
        self.flush(exchange)
        heads, body = exchange.whole[: len(exchange.copies)], exchange.whole[len(exchange.copies) :]
        for copy, head in zip(exchange.copies, heads, strict=True):
            self._ends.copy(
                exchange.method,
                b"".join((head, *body)),
                copy.copies,
                self._pace.of(exchange, "to_backend"),
                partial(self._notes.fired, copy.fault, exchange),
            )
        exchange.whole.clear()

    def flush(self, exchange: Exchange | None) -> None:
        """Send what has gathered; None: it is no exchange's."""
        if not self._bytes:
            return
        data = self._bytes[0] if len(self._bytes) == 1 else b"".join(self._bytes)
        self._bytes.clear()
        if exchange is None:
            slows = self._pace.unread("to_backend")
        else:
            slows = self._pace.of(exchange, "to_backend")
        self._ends.forward(data, slows)
