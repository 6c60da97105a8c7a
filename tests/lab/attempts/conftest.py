"""What the tests of reading share: events of one service, `core`, and a way to read them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faultlab.lab.attempts import Attempt, Reading, read
from faultlab.lab.history import (
    AnyEvent,
    ConnOpened,
    Header,
    History,
    ListenerMode,
    OpFailed,
    OpInvoked,
    Raised,
    RequestStarted,
    ResponseComplete,
    ResponseHead,
    SubjectOpened,
    numbered,
)


class Tell:
    """Writes events."""

    def history(
        self, *events: AnyEvent, opened: SubjectOpened | None = None, clock: float = 0.0
    ) -> History:
        """These events after the usual first two; `opened` instead of the first."""
        first = SubjectOpened(t=0.0) if opened is None else opened
        listening = ListenerMode(t=0.0, service="core", mode="open")
        return numbered(Header(scenario="x", clock=clock), (first, listening, *events))

    def reading(
        self, *events: AnyEvent, opened: SubjectOpened | None = None, clock: float = 0.0
    ) -> Reading:
        """Such a history, read."""
        return read(self.history(*events, opened=opened, clock=clock))

    def invoked(self, t: float, op: int = 1) -> OpInvoked:
        """An operation on core."""
        return OpInvoked(t=t, op=op, name="read", service="core", endpoint="GET /health")

    def failed(self, t: float, op: int = 1) -> OpFailed:
        """Its failure."""
        return OpFailed(t=t, op=op, errors=(Raised(classes=("x.Down",)),))

    def exchange(
        self, t: float, *rest: AnyEvent, op: int | None = 1, conn: int = 1, request: int = 1
    ) -> Iterator[AnyEvent]:
        """A request on a connection, and what came of it."""
        if request == 1:
            yield ConnOpened(t=t, conn=conn, service="core", port=5000 + conn)
        yield RequestStarted(
            t=t + 0.001,
            op=op,
            conn=conn,
            request=request,
            service="core",
            method="GET",
            target="/health",
            reused=request > 1,
        )
        yield from rest

    def head(self, t: float, status: int = 200, conn: int = 1, request: int = 1) -> ResponseHead:
        """An answer's head."""
        return ResponseHead(t=t, conn=conn, request=request, service="core", status=status)

    def complete(self, t: float, conn: int = 1) -> ResponseComplete:
        """An answer's end."""
        return ResponseComplete(t=t, conn=conn, request=1, service="core")

    def only(self, reading: Reading) -> Attempt:
        """The one attempt of the one operation."""
        (operation,) = reading.operations
        (attempt,) = operation.attempts
        return attempt


@pytest.fixture
def tell() -> Tell:
    """A writer of events."""
    return Tell()
