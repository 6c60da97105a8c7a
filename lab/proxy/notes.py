"""What an exchange leaves in the history, and what a fault that acted on it leaves there.

Counterpart: force.py stamps and hands on. Decides nothing.
"""

from __future__ import annotations

from typing import Literal

from ..history import (
    ConnUnread,
    Ending,
    RequestComplete,
    RequestStarted,
    ResponseComplete,
    ResponseCut,
)
from ..history import ResponseHead as HeadReleased
from ..redaction import redacted_target, shortened
from .exchange import Exchange
from .force import Force
from .framer import RequestHead, ResponseHead
from .heads import METHOD, VALUE, recorded

__all__ = ["Notes"]

DIGITS = 16  # of a digest that are recorded


class Notes:
    """The entries of one client connection, each stamped when it is made."""

    def __init__(self, force: Force, conn: int) -> None:
        self._force = force
        self._conn = conn

    def started(self, exchange: Exchange, head: RequestHead) -> None:
        """A request's head arrived."""
        self._force.record(
            RequestStarted(
                t=exchange.begun,
                service=self._force.service,
                conn=self._conn,
                request=exchange.number,
                op=exchange.op,
                attempt=exchange.attempt,
                method=shortened(head.method, METHOD),
                target=redacted_target(head.target),
                headers=recorded(head.headers),
                reused=exchange.number > 1,
            )
        )

    def unread(self, exchange: Exchange | None, why: str) -> None:
        """From here on nothing is read, neither the rest of the exchange under way."""
        self._force.record(
            ConnUnread(
                t=self._force.clock(),
                service=self._force.service,
                conn=self._conn,
                request=None if exchange is None else exchange.number,
                op=None if exchange is None else exchange.op,
                attempt=None if exchange is None else exchange.attempt,
                why=why,
            )
        )

    def completed(self, exchange: Exchange) -> None:
        """The whole request arrived."""
        self._force.record(
            RequestComplete(
                t=self._force.clock(),
                service=self._force.service,
                conn=self._conn,
                request=exchange.number,
                op=exchange.op,
                attempt=exchange.attempt,
                length=exchange.length,
                digest="" if exchange.digest is None else exchange.digest.hexdigest()[:DIGITS],
            )
        )

    def fired(
        self, fault: int, exchange: Exchange, on: Literal["request", "bytes"] = "request"
    ) -> None:
        """A fault acted on it."""
        self._force.fired(
            fault,
            on,
            conn=self._conn,
            request=exchange.number,
            op=exchange.op,
            attempt=exchange.attempt,
        )

    def head(
        self,
        exchange: Exchange,
        source: Literal["backend", "gate"],
        head: ResponseHead,
        length: int | None,
    ) -> None:
        """Its answer's head is released; `length` is of the body, if known."""
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
                retry_after=_value(head, "retry-after"),
                content_type=_value(head, "content-type"),
                content_length=length,
            )
        )

    def released(self, exchange: Exchange, length: int) -> None:
        """So many more bytes of its answer's body are released."""
        exchange.released = (exchange.released or 0) + length

    def complete(self, exchange: Exchange, length: int, damaged: str) -> None:
        """Its answer is released whole."""
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

    def cut(self, exchange: Exchange, how: Ending) -> None:
        """Its answer ends here."""
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


def _value(head: ResponseHead, name: str) -> str | None:
    value = head.get(name)
    return None if value is None else shortened(value, VALUE)
