"""What can be recorded: the kinds of events, a type each.

Counterpart: record.py puts them into a History. Every process that takes part stamps its own events;
one recorder (lab/host.py) numbers and writes them.
"""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import msgspec

KNOWN = frozenset(("audit", "packets", "network"))
"""The ways in which every connect of a subject is known."""

Where = Literal["subject", "wire", "backend", "lab"]
Mode = Literal["open", "refusing", "dark"]
Ending = Literal["fin", "rst"]
Side = Literal["client", "lab", "backend"]


class Event(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True, gc=False
):
    """One recorded fact.

    `index` is the order of arrival at the recorder, from 1 (0: not recorded yet). `t` is seconds
    on CLOCK_MONOTONIC since the run's start, stamped at the source. `late` is the running sum of
    seconds that the stamping thread was runnable but not running: what widens upper bounds.
    `op` is the plan's operation id; `conn` and `request` name a wire exchange (the n-th request
    on connection `conn`, both from 1); `attempt` is the ordinal that the tag carried.
    """

    where: ClassVar[Where]

    index: int = 0
    t: float
    late: float = 0.0
    phase: str = ""
    service: str = ""
    op: int | None = None
    conn: int | None = None
    request: int | None = None
    attempt: int | None = None
    fault: int | None = None


# --- subject -------------------------------------------------------------------------------------


class _Subject(Event, frozen=True, kw_only=True):
    where: ClassVar[Where] = "subject"


CHAIN = 10
"""Exceptions of a chain that are recorded; what lies deeper is not known."""


class Raised(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One exception of a chain: qualified names of every class of its MRO, most derived first.

    `via`: how it hangs on the one before it: its `__cause__`, its `__context__`, or a `member` of a
    group; "" for the first. `secrets`: the names whose secret values its text told, before they
    were taken out of `message`. `attributes`: of the first, what its public attributes hold; what
    is no number or text by its type in angle brackets, and a property unread, as `<property>`.
    """

    classes: tuple[str, ...]
    message: str = ""
    via: Literal["", "cause", "context", "member"] = ""
    secrets: tuple[str, ...] = ()
    attributes: dict[str, str | int | float | bool | None] = {}


class SubjectOpened(_Subject, frozen=True, kw_only=True, tag="subject.opened"):
    """The subject's factory was entered.

    `connects` says how connects that reach no proxy are known: by the interpreter's `audit` event,
    by the `packets` of the loopback, by the simulated `network`, or `none: REASON`.
    `tags` says how attempts are attributed: `exact` or `none: REASON`.
    """

    connects: str = "audit"
    tags: str = "exact"


class SubjectClosed(_Subject, frozen=True, kw_only=True, tag="subject.closed"):
    """The subject's factory was left."""


class OpInvoked(_Subject, frozen=True, kw_only=True, tag="op.invoked"):
    """An operation begins. `endpoint` is `METHOD /path/{template}`; `keyed`: idempotency key.

    `idempotent` None: nobody declared it, and neither service nor endpoint; its requests tell.
    """

    name: str
    endpoint: str = ""
    idempotent: bool | None = False
    keyed: bool = False


class OpOk(_Subject, frozen=True, kw_only=True, tag="op.ok"):
    """An operation returned a value of this type; `digest` tells equal values apart."""

    type: str = ""
    digest: str = ""


class OpFailed(_Subject, frozen=True, kw_only=True, tag="op.failed"):
    """An operation raised; `errors` is the chain, the exception that escaped first."""

    errors: tuple[Raised, ...]


class OpUnknown(_Subject, frozen=True, kw_only=True, tag="op.unknown"):
    """Still running when the run ended."""


class OpHung(_Subject, frozen=True, kw_only=True, tag="op.hung"):
    """Will never end: in a simulation nothing is left to happen, no timer and no traffic.

    `awaits`: where it waits, with the line of its author, and behind it where each other task of the
    subject does. `unless`: what the simulation does not see, and might wake it all the same.
    """

    awaits: tuple[str, ...]
    unless: str = ""


class OpCancelRequested(_Subject, frozen=True, kw_only=True, tag="op.cancel_requested"):
    """The lab asked for the operation's cancellation."""


class OpCancelled(_Subject, frozen=True, kw_only=True, tag="op.cancelled"):
    """The operation ended by cancellation."""


class AttemptBegun(_Subject, frozen=True, kw_only=True, tag="attempt.begun"):
    """The instrumented client begins to send one request, tagged with `op` and `attempt`."""


class AttemptEnded(_Subject, frozen=True, kw_only=True, tag="attempt.ended"):
    """That request returned or raised; `error` is the exception's qualified class name."""

    error: str = ""


class ConnectAttempted(_Subject, frozen=True, kw_only=True, tag="connect.attempted"):
    """The subject's process called connect towards `port`, from its own `local` port (0: unknown)."""

    port: int
    local: int = 0


class ConnectsHidden(_Subject, frozen=True, kw_only=True, tag="connects.hidden"):
    """From here on connects may have been made that are not in the history; `why`."""

    why: str


# --- wire ----------------------------------------------------------------------------------------


class _Wire(Event, frozen=True, kw_only=True):
    where: ClassVar[Where] = "wire"


class ListenerMode(_Wire, frozen=True, kw_only=True, tag="listener.mode"):
    """A service's listener is about to be switched, or was (`done`)."""

    mode: Mode
    done: bool = True


class ConnOpened(_Wire, frozen=True, kw_only=True, tag="conn.opened"):
    """The proxy accepted a connection from the client's `port`; `op`, if its address says whose."""

    port: int = 0


class ConnClosed(_Wire, frozen=True, kw_only=True, tag="conn.closed"):
    """Who ended the client's connection first, how, and the bytes that had passed each way.

    `sent_at`: when the last of those to the client went; None: none did. A client's FIN is recorded
    when it arrives, also while the link is held. `why`: what ended it where neither a fault nor a
    peer's own FIN or RST did.
    """

    by: Side
    how: Ending
    sent: int = 0
    received: int = 0
    sent_at: float | None = None
    why: str = ""


class ConnUnread(_Wire, frozen=True, kw_only=True, tag="conn.unread"):
    """From here on the connection's bytes pass both ways unread, because of what was sent.

    No request is seen in them: only faults of whole streams and connections act. `request` is the
    exchange whose answer was still to come.
    """

    why: str


class ConnFull(_Wire, frozen=True, kw_only=True, tag="conn.full"):
    """For the first time `size` bytes, the lab's limit, wait in it on their way `toward` one side.

    Their source isn't read until some have left, so its end isn't seen meanwhile either.
    """

    toward: Side
    size: int


class RequestStarted(_Wire, frozen=True, kw_only=True, tag="request.started"):
    """A complete request head arrived; `reused`: not the first request of its connection.

    `t` is when its first byte arrived. `headers` holds chosen ones, lower case, secrets redacted.
    """

    method: str
    target: str
    headers: dict[str, str] = {}
    reused: bool = False


class RequestComplete(_Wire, frozen=True, kw_only=True, tag="request.complete"):
    """The whole request arrived; `length` and `digest` are of its body, chunk framing aside.

    The digest is the first 16 digits of the SHA-256, "" of a request without a body.
    """

    length: int = 0
    digest: str = ""


class ResponseHead(_Wire, frozen=True, kw_only=True, tag="response.head"):
    """A response head is released to the client; `source` made it."""

    status: int
    source: Literal["backend", "gate"] = "backend"
    retry_after: str | None = None
    content_type: str | None = None
    content_length: int | None = None


class ResponseComplete(_Wire, frozen=True, kw_only=True, tag="response.complete"):
    """The last byte of an undamaged (or deliberately replaced) response is released."""

    length: int = 0
    damaged: str = ""  # the observable that a replaced body shows as, e.g. `bad_json`


class ResponseCut(_Wire, frozen=True, kw_only=True, tag="response.cut"):
    """The response ends after `at` bytes of its body, by the lab or by the backend."""

    at: int = 0
    how: Ending = "fin"
    chunked: bool = False


# --- backend -------------------------------------------------------------------------------------


class _Backend(Event, frozen=True, kw_only=True):
    where: ClassVar[Where] = "backend"


class RequestReceived(_Backend, frozen=True, kw_only=True, tag="request.received"):
    """A stub received a complete request (`conn` and `request` are the wire's)."""

    method: str
    target: str


class EffectApplied(_Backend, frozen=True, kw_only=True, tag="effect.applied"):
    """A stub carried out a request on an operation that isn't idempotent."""

    endpoint: str = ""


class ResponseSent(_Backend, frozen=True, kw_only=True, tag="response.sent"):
    """A stub answered. `why`: what it received was no request that it could carry out."""

    status: int
    why: str = ""


# --- lab -----------------------------------------------------------------------------------------


class _Lab(Event, frozen=True, kw_only=True):
    where: ClassVar[Where] = "lab"


class PhaseEntered(_Lab, frozen=True, kw_only=True, tag="phase.entered"):
    """The conductor entered the phase named in `phase`."""


class FaultAwaited(_Lab, frozen=True, kw_only=True, tag="fault.awaited"):
    """A fault's step has come, and its time has not: it waits until `awaits`, a phrase."""

    name: str
    text: str = ""
    awaits: str = ""
    unfired: Literal["fail", "ok"] = "fail"


class FaultArmed(_Lab, frozen=True, kw_only=True, tag="fault.armed"):
    """A fault is in force; `name` is its kind, `text` its parameters, `mechanism` how it is done.

    `listener`: the mode that it puts the listener in, None where it leaves it alone. `why`: what
    it had waited for. `paces`: the directions in which it lets few bytes pass at a time.
    """

    name: str
    text: str = ""
    mechanism: str = ""
    listener: Mode | None = None
    paces: tuple[Literal["to_client", "to_backend"], ...] = ()
    why: str = ""
    unfired: Literal["fail", "ok"] = "fail"


class FaultFired(_Lab, frozen=True, kw_only=True, tag="fault.fired"):
    """A fault acted on a connect, connection, request or byte stream.

    `heard` False: until it is over, nothing that the client sends on this connection arrives.
    """

    on: Literal["connect", "connection", "request", "bytes"] = "request"
    heard: bool = True


class FaultCleared(_Lab, frozen=True, kw_only=True, tag="fault.cleared"):
    """A fault is over; `fired` counts what it hit as the proxy saw it (refused connects aside).

    `why`: what ended it, where nobody cleared it.
    """

    name: str = ""
    fired: int = 0
    why: str = ""


class ClockSet(_Lab, frozen=True, kw_only=True, tag="clock.set"):
    """The wall clock was set forward by `seconds`, or back; `t` is of a clock that was not."""

    seconds: float


class RunEnded(_Lab, frozen=True, kw_only=True, tag="run.ended"):
    """The conductor came to the end of the plan, or of its limit; without it a run was cut short."""


class BreakerState(_Lab, frozen=True, kw_only=True, tag="breaker.state"):
    """What the subject reports of a breaker; cross-checked, never trusted alone."""

    key: str
    state: str


class Starved(_Lab, frozen=True, kw_only=True, tag="lab.starved"):
    """The lab's process lacks descriptors or memory (`why`) to accept connections to a service.

    They wait unanswered meanwhile, without any fault; `over`: they are accepted again.
    """

    why: str = ""
    over: bool = False


LeftKind = Literal["task", "thread", "timer", "descriptor", "coroutine"]


class Left(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a subject left behind, `count` times; a `coroutine` was thrown away and never awaited.

    `op`: the operation that the first was of, where that is known.
    """

    kind: LeftKind
    name: str
    count: int = 1
    op: int | None = None


class Sample(_Lab, frozen=True, kw_only=True, tag="sample"):
    """What the subject's process holds before its factory is entered (`open`), or after it was left
    (`close`), when what was ending has ended.

    `counts` by kind; what the system doesn't tell is not in it. `left`: what was not held at the
    opening, at most twenty names of a kind.
    """

    at: Literal["open", "close"]
    counts: dict[LeftKind, int] = {}
    left: tuple[Left, ...] = ()


AnyEvent = (
    SubjectOpened
    | SubjectClosed
    | OpInvoked
    | OpOk
    | OpFailed
    | OpUnknown
    | OpHung
    | OpCancelRequested
    | OpCancelled
    | AttemptBegun
    | AttemptEnded
    | ConnectAttempted
    | ConnectsHidden
    | ListenerMode
    | ConnOpened
    | ConnClosed
    | ConnUnread
    | ConnFull
    | RequestStarted
    | RequestComplete
    | ResponseHead
    | ResponseComplete
    | ResponseCut
    | RequestReceived
    | EffectApplied
    | ResponseSent
    | PhaseEntered
    | FaultAwaited
    | FaultArmed
    | FaultFired
    | FaultCleared
    | ClockSet
    | RunEnded
    | BreakerState
    | Starved
    | Sample
)

KINDS: tuple[type[Event], ...] = get_args(AnyEvent)
