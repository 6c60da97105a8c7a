"""Which operation a request belongs to, and which of its attempts it is.

Two context variables say so; what an operation sends to a service carries them on the wire as
`X-Faultlab-Op: OP.ATTEMPT`, which the proxy takes off again. How each client's requests come by the
header is told in `clients/`. Without a current operation nothing is added.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from ..history import AnyEvent, AttemptBegun, AttemptEnded
from ..stamp import Stamp
from .listeners import Listeners
from .outcome import qualified

__all__ = ["HEADER", "Attribution", "Current", "Sending", "attempt", "current"]

HEADER = "X-Faultlab-Op"


@dataclass(frozen=True, slots=True, eq=False)
class Current:
    """The operation that a context belongs to; `ordinals` numbers its attempts from 1."""

    op: int
    ordinals: Iterator[int] = field(default_factory=lambda: count(1))  # atomic under the GIL


# Context variables have to be made once, at import; they hold nothing until an operation runs.
current: contextvars.ContextVar[Current | None] = contextvars.ContextVar("op", default=None)
attempt: contextvars.ContextVar[int | None] = contextvars.ContextVar("attempt", default=None)


@dataclass(slots=True, eq=False)
class Sending:
    """One attempt that a client has begun; `tag` is the header's value."""

    tag: str
    _number: int
    _ended: Callable[[str], None]
    _over: bool = False

    @contextmanager
    def here(self) -> Iterator[None]:
        """What this context does meanwhile, a connect say, is part of the attempt."""
        token = attempt.set(self._number)
        try:
            yield
        finally:
            attempt.reset(token)

    def ended(self, error: BaseException | None = None) -> None:
        """The head of its answer is there, or this was raised. Only the first end counts."""
        if not self._over:
            self._over = True
            self._ended("" if error is None else qualified(type(error)))


class Attribution:
    """Numbers what operations send to `listeners`, and records each attempt.

    `record` gets the events; it may be called from any thread.
    """

    def __init__(
        self, listeners: Listeners, stamp: Stamp, record: Callable[[AnyEvent], None]
    ) -> None:
        self._listeners = listeners
        self._stamp = stamp
        self._record = record
        self._on = False

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Attempts begin in this block only: whoever kept a wrapped method calls it later, too."""
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def begin(self, host: str | None, port: int | None) -> Sending | None:
        """The next attempt of the current operation, if it goes to a service.

        None inside another attempt: of a library on top of another one, both instrumented, the
        upper one says what an attempt is.
        """
        operation = current.get()
        service = self._listeners.service(host, port)
        if not self._on or operation is None or service is None or attempt.get() is not None:
            return None
        number = next(operation.ordinals)
        t, late = self._stamp()
        self._record(AttemptBegun(t=t, late=late, service=service, op=operation.op, attempt=number))

        def ended(error: str) -> None:
            t, late = self._stamp()
            self._record(
                AttemptEnded(
                    t=t, late=late, service=service, op=operation.op, attempt=number, error=error
                )
            )

        return Sending(f"{operation.op}.{number}", number, ended)

    @contextmanager
    def sending(self, host: str | None, port: int | None) -> Iterator[str | None]:
        """The block is one attempt, from its connect to the head of its answer; gives its tag."""
        begun = self.begin(host, port)
        if begun is None:
            yield None
            return
        try:
            with begun.here():
                yield begun.tag
        except BaseException as error:
            begun.ended(error)
            raise
        else:
            begun.ended()
