"""A stub in a process of its own, and the process that takes its place after its end.

The form of a backend that can be ended and halted: the same stub, served by `lab/apart.py`. Knows no
proxy; whoever kills decides when it serves again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, Protocol

from ..history import AnyEvent
from .container import Cuts
from .network import Network
from .pipe import Serve
from .routes import Request
from .served import Builtin, Routed
from .speaking import State

__all__ = ["Apart", "Running", "Start"]

_SERVES = ("serving", "freezing", "frozen", "thawing")

Recalled = Callable[[tuple[Request, ...]], None]


class Running(Protocol):
    """A process that serves one stub, from its start to its end.

    `StubProcess` is one, `StubContainer` another.
    """

    @property
    def state(self) -> State:
        """What it does."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, once it serves."""

    @property
    def problem(self) -> str:
        """Why it does not do what it was told; empty while it does."""

    def serve(self, what: Serve) -> None:
        """Have it serve; it is `serving` as soon as it says that it listens."""

    def end(self, how: Literal["stop", "kill"]) -> None:
        """Have it end, in order or at once; it is `gone` when its kernel has closed all it had."""

    def freeze(self) -> None:
        """Stop it where it stands; it does nothing any more when it is `frozen`."""

    def thaw(self) -> None:
        """Let it go on."""

    def drain(self) -> None:
        """Take what it has reported."""

    def close(self) -> None:
        """Kill it, frozen or not."""


class Start(Protocol):
    """Starts a process: `StubProcess` on the lab process's loop. Raises OSError."""

    def __call__(self, record: Callable[[AnyEvent], None], changed: Callable[[], None]) -> Running:
        """As `StubProcess` is made."""


def _nothing(told: Recalled) -> None:
    told(())


class Apart:
    """The backend of one service, in a process of its own.

    `new` starts each of them. `start` is the run's, in seconds on CLOCK_MONOTONIC. `record` takes
    the events that are reported, stamped whole. `changed` is called, from the loop, when `settled` may
    have changed. `what` and `halts`: how the history calls its process, and what freezes it. `engine`:
    who has given it a network of its own; None: it has none.
    """

    def __init__(
        self,
        new: Start,
        service: str,
        specification: Routed | Builtin,
        record: Callable[[AnyEvent], None],
        *,
        start: float,
        changed: Callable[[], None],
        what: str = "stub process",
        halts: str = "SIGSTOP",
        engine: Cuts | None = None,
    ) -> None:
        self.what = what
        self.halts = halts
        self.problem = ""
        self._service = service
        self._specification = specification
        self._start = start
        self.network = None if engine is None else Network(engine, service, self._has_cut)
        self._told = changed
        self._new = partial(new, record, self._changed)
        self._process: Running | None = None
        self._spare: Running | None = None
        self._again = False  # another process is wanted when the spare one serves
        self._past: Callable[[Recalled], None] = _nothing
        self._served: Callable[[], None] | None = None  # to be called when it serves
        self._ended: Callable[[], None] | None = None  # to be called when it has ended
        self._frozen: Callable[[], None] | None = None  # to be called when it does nothing more

    def __repr__(self) -> str:
        return f"Apart({self._service}, {self._process})"

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, host and port; port 0 while it doesn't."""
        if self._process is None:
            return ("", 0)
        host, port = self._process.address
        return (host, port if self._process.state in _SERVES else 0)

    @property
    def settled(self) -> bool:
        """Whether nothing is starting or ending, or nothing of it will come any more."""
        if self.problem:
            return True
        moves = self._process is not None and self._process.state in ("freezing", "thawing")
        starts = self._spare is not None and self._spare.state == "starting"
        cuts = self.network is not None and not self.network.settled
        return not (moves or starts or cuts or self._served or self._ended)

    def open(self, served: Callable[[], None], past: Callable[[Recalled], None] = _nothing) -> None:
        """Have a process serve, where none does; `served` is called when it listens.

        `past`, asked as late as can be, tells the requests that it is to know of.
        """
        if self._served is not None or self.address[1]:
            return
        self._past = past
        if self._spare is None:
            self.prepare()
        self._served = served
        self._proceed()

    def prepare(self) -> None:
        """Have a process ready that waits to be told to serve, beside one that does."""
        if self._spare is not None:
            self._again = self._served is not None  # it won't wait long
        elif not self.problem:
            try:
                self._spare = self._new()
            except OSError as error:
                self._fail(f"its process does not start: {error}")

    def end(self, how: Literal["stop", "kill"], ended: Callable[[], None]) -> None:
        """End the process that serves; `ended` is called when it is gone."""
        self._served = None  # what was to be started again is not, by this
        if self._process is None:
            ended()
            return
        self._ended = ended
        self._process.end(how)

    def freeze(self, frozen: Callable[[], None]) -> None:
        """Stop the process where it stands; `frozen` is called when it does nothing any more."""
        self._frozen = frozen
        if self._process is not None:
            self._process.freeze()
        self._proceed()

    def thaw(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.thaw()

    def drain(self) -> None:
        """Take what has been reported."""
        if self._process is not None:
            self._process.drain()

    def close(self) -> None:
        """Kill what there is."""
        if self.network is not None:
            self.network.close()
        for process in (self._process, self._spare):
            if process is not None:
                process.drain()
                process.close()
        self._process = self._spare = self._served = self._ended = self._frozen = None

    def _has_cut(self, problem: str) -> None:
        if problem:
            self._fail(problem)
        self._told()

    def _changed(self) -> None:
        self._proceed()
        self._told()

    def _proceed(self) -> None:
        """Go on from what the processes have come to."""
        for process in (self._process, self._spare):
            if process is not None and process.problem:
                self._fail(process.problem)
                return
        if self._process is not None and self._process.state == "gone":
            self._process = None
            ended, self._ended = self._ended, None
            if ended is not None:
                ended()
        freezing = self._process is not None and self._process.state == "freezing"
        if self._frozen is not None and not freezing:
            frozen, self._frozen = self._frozen, None
            frozen()
        if self._served is None:
            return
        if self._process is not None and self._process.state == "serving":
            served, self._served = self._served, None
            served()
        elif self._process is None and self._spare is not None and self._spare.state == "ready":
            self._process, self._spare = self._spare, None
            past, self._past = self._past, _nothing
            past(partial(self._serve, self._process))
            if self._again:
                self._again = False
                self.prepare()

    def _serve(self, process: Running, past: tuple[Request, ...]) -> None:
        if process is self._process and process.state == "ready":  # it may have ended meanwhile
            host = process.address[0]
            process.serve(Serve(self._service, self._specification, self._start, past, host))

    def _fail(self, why: str) -> None:
        self.problem = f"the stub of {self._service} can't be had: {why}"
        self.close()
