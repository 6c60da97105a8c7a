"""What a history is read into: operations, their attempts, and what stood around them.

Counterpart: reader.py makes these; oracle, checks and reports read nothing else.
"""

from __future__ import annotations

from functools import cached_property
from math import inf
from typing import Literal

import msgspec

from ..history import ClockSet, Header, Left, Mode, OpHung, Raised
from .spans import Spans

Ending = Literal["ok", "failed", "cancelled", "unknown"]
Certainty = Literal["exact", "inferred"]


class Told(msgspec.Struct, frozen=True, gc=False):
    """When the instrumented client says that an attempt began and ended, and its `late` then.

    `ended` is when the transport gave the answer's head, or raised (`error`, its qualified class).
    Both are the client's own stamps, so a wait between two attempts lies between `ended` and the
    next `begun`.
    """

    begun: float | None = None
    begun_late: float = 0.0
    ended: float | None = None
    ended_late: float = 0.0
    error: str = ""

    @property
    def raised(self) -> bool:
        """Whether it ended by an exception."""
        return self.error != ""


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """A request head begun on the wire, or a connect without one that the lab's side ended or left.

    `number` counts from 1 within its operation, in order of time. `begun`: first byte of the head
    at the proxy, or the connect call for a headless one; where its connection was unplugged, the
    client's own stamp, and without one `since` is the earliest instant that it may be. `sent`: when the head began, None if
    headless. `seen`: the instant at which the client could observe the end (last byte released,
    FIN or RST sent, its own give-up), None while open. `observable`: `ok` for a complete
    undamaged answer of a success status (2xx), `status:NNN` for another complete answer, else a
    contract key (`connect_refused`, `read_timeout_headers`, ...), `cancelled` when the client let go
    of it because its operation was cancelled meanwhile, `unknown` where evidence is missing,
    `pending` while the run ended before it did.
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
    keyed: bool = False  # its head carries an idempotency key
    effects: int = 0
    faults: tuple[int, ...] = ()  # faults that fired on it
    paced: tuple[str, ...] = ()  # directions in which its bytes passed few at a time
    gave_up: bool = False  # the client ended it before an answer was complete
    unread: str = (
        ""  # why its connection's bytes were not read to its end, so what it met is unknown
    )
    reached: float | None = None  # its connect, where that came before its head
    since: float | None = None  # begun between this and `begun`, which is only when it arrived
    late: float = 0.0  # `late` of its first event: run delay sum of the stamping thread
    events: tuple[int, ...] = ()
    told: Told = Told()

    @property
    def headless(self) -> bool:
        """No head of it was seen: a connect that was refused or stayed unanswered sent nothing.

        One whose observable is `unknown` may have, into an unplugged connection.
        """
        return self.sent is None


class Operation(msgspec.Struct, frozen=True, gc=False):
    """One logical call of the subject, with its attempts in order of time.

    `effects` counts what the backend applied for it, late requests included; None: no stub
    keeps a ledger for this service. `errors`: the exception chain if it failed. `undeclared`:
    nothing says whether it may be repeated, neither its author nor a request of it. `hung`: it is
    known that it will never end.
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
    undeclared: bool = False
    events: tuple[int, ...] = ()
    hung: OpHung | None = None

    @property
    def calls(self) -> str | None:
        """The service to which its attempts go; None: any, for it is not known."""
        return self.service or None

    @property
    def cancelled_at(self) -> float | None:
        """When the lab asked for its cancellation, while it ran; None: it did not."""
        asked, ended = self.cancel_requested, self.ended
        if asked is None or (ended is not None and ended < asked):
            return None
        return asked

    @property
    def method(self) -> str:
        """The HTTP method that its endpoint declares."""
        return self.endpoint.partition(" ")[0]


class FaultRecord(msgspec.Struct, frozen=True, gc=False):
    """One fault's time in force, and the proof that it acted.

    `fired` counts every connect, connection or request it hit, refused and unanswered connects
    (derived from the audit event and the listener's mode) included. `effects`: what the backend
    applied for copies of requests that it had the lab send; they are no operation's.
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
    effects: int = 0
    listener: Mode | None = None
    awaited: str = ""
    unfired: Literal["fail", "ok"] = "fail"
    events: tuple[int, ...] = ()


class Connection(msgspec.Struct, frozen=True, gc=False):
    """One connection that the proxy accepted, until it was over for the client's side.

    `client_closed`: when the client's FIN or RST arrived; `closed`: first end by either side.
    `unheard`: since when it has been unplugged without a sign of the client, None: it is heard.
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
    unheard: float | None = None


class Missing(msgspec.Struct, frozen=True, gc=False):
    """Evidence that the history does not hold: what, and why; findings that need it are unknown."""

    what: Literal["connects", "attribution", "effects", "end"]
    why: str


class Incarnation(msgspec.Struct, frozen=True, gc=False):
    """One life of the subject, from `subject.opened` to `subject.closed` (None: never closed).

    `tagged`: each of its requests says whose it is. `counted`: what its process held was looked at
    before it was entered; `left` what it left behind then, None where nobody could look.
    """

    opened: float
    closed: float | None
    tagged: bool = True
    counted: bool = False
    left: tuple[Left, ...] | None = None
    events: tuple[int, ...] = ()


class Shortage(msgspec.Struct, frozen=True, gc=False):
    """A time in which the lab could accept no connection to a service; `until` None: to the end."""

    service: str
    since: float
    until: float | None
    why: str


class Reading(msgspec.Struct, frozen=True, dict=True):
    """A history, read; operations in order of id. `strays` are attempts that belong to none."""

    header: Header
    operations: tuple[Operation, ...]
    strays: tuple[Attempt, ...]
    faults: tuple[FaultRecord, ...]
    connections: tuple[Connection, ...]
    incarnations: tuple[Incarnation, ...]
    missing: tuple[Missing, ...]
    end: float  # t of the last event
    shortages: tuple[Shortage, ...] = ()
    clock: tuple[ClockSet, ...] = ()  # each time that the wall clock was set
    unheard: tuple[tuple[str, float], ...] = ()  # services of such connections, and since when

    @cached_property
    def tagged(self) -> bool:
        """Whether each request of every life of the subject says whose it is."""
        return all(life.tagged for life in self.incarnations)

    @cached_property
    def astray(self) -> Spans:
        """When attempts may have begun that belong to no operation."""
        return Spans(
            (stray.service, stray.begun if stray.since is None else stray.since, stray.begun)
            for stray in self.strays
        )

    @cached_property
    def shut(self) -> Spans:
        """When faults shut listeners, so that connects to them may reach no proxy."""
        return Spans(
            (fault.service, fault.armed, inf if fault.cleared is None else fault.cleared)
            for fault in self.faults
            if fault.listener is not None
        )

    @cached_property
    def unplugged(self) -> Spans:
        """When what clients send may be under way on connections that are not heard."""
        return Spans((service, since, inf) for service, since in self.unheard)

    def lacks(self, what: Literal["connects", "attribution", "effects", "end"]) -> str | None:
        """Why this evidence is missing, or None."""
        return next((gap.why for gap in self.missing if gap.what == what), None)
