"""What the proxy is to do: pure, (what arrived, faults in force, keyed draws) -> actions.

The one place that knows each fault by name. The proxy carries actions out and knows no fault; the
simulation does the same. Order of composition: delays add up, and of several rates the slowest
holds; of the faults that end or alter an exchange the first one armed that has it in scope wins,
and the others don't fire. Copies are sent and workers taken only where the request gets to the
backend, by the first `capacity` in scope.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Literal, assert_never

from . import AnyFault
from .bodies import BODIES, Body
from .down import Cut, Killed, Refused, Stopped
from .partial import BadBody, Capacity, Duplicate, LostAnswer, Stale
from .partition import Partition
from .scope import Fault, covers
from .slow import Drip, Frozen, Latency, Stall, Throttle
from .status import Status

__all__ = [
    "Action",
    "Answer",
    "Armed",
    "Copy",
    "CutAnswer",
    "CutBody",
    "CutConnection",
    "CutHead",
    "CutRequest",
    "Decision",
    "Delay",
    "Draws",
    "EndProcess",
    "Enter",
    "FreezeProcess",
    "Hold",
    "Live",
    "LoseAnswer",
    "OnProcess",
    "Paced",
    "Queue",
    "ReplaceBody",
    "Request",
    "Slow",
    "Withhold",
    "concerns",
    "conflict",
    "ender",
    "fold",
    "keyed",
    "listener",
    "mode",
    "on_accept",
    "on_bytes",
    "on_idle",
    "on_live",
    "on_process",
    "on_request",
    "paces",
    "patience",
    "picks",
    "replaced",
]

By = Literal["fin", "rst"]
Direction = Literal["to_client", "to_backend"]
Draws = Callable[[int, int, int], float]
"""(fault, operation, attempt) -> [0, 1), the same for the same key whatever the order."""

_PIECE = 0.01  # seconds that a piece of a throttled stream takes, if it has a byte
_LINE_END = re.compile(r"[\r\n]")


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault in force; `hits` counts the exchanges that it has acted on.

    `met`: those that its scope left, before `every_nth` and `fraction` pick among them. `ops`: the
    operations that met it, in order. `newest`: the last connection accepted before it was in force.
    `busy` and `queued`: exchanges that hold one of its workers, or wait for one.
    """

    id: int
    fault: AnyFault
    hits: int = 0
    met: int = 0
    ops: tuple[int, ...] = ()
    newest: int = 0
    busy: int = 0
    queued: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request decides; `conn` and `number` are the wire's, the rest its tag's.

    `number` 0: a connection, before any request.
    """

    method: str
    target: str
    conn: int
    number: int
    op: int | None = None
    attempt: int | None = None

    @property
    def key(self) -> tuple[int, int]:
        """What draws are keyed by: operation and attempt, or else the wire's own numbers."""
        if self.op is None or self.attempt is None:
            return (self.conn, self.number)
        return (self.op, self.attempt)


# --- actions -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delay:
    """Bytes of this direction are released `seconds` after they arrived, or at the fault's end."""

    fault: int
    direction: Direction
    seconds: float


@dataclass(frozen=True, slots=True)
class Paced:
    """Bytes of this direction are released in pieces of `size`, `seconds` apart."""

    fault: int
    direction: Direction
    size: int
    seconds: float


Slow = Delay | Paced
"""What keeps bytes back that are released all the same."""


@dataclass(frozen=True, slots=True)
class Copy:
    """When the request is complete the backend gets it `copies` more times, from the lab."""

    fault: int
    copies: int


@dataclass(frozen=True, slots=True)
class Enter:
    """The request goes on to the backend, and holds a worker until it is answered."""

    fault: int


@dataclass(frozen=True, slots=True)
class Queue:
    """The request waits until a worker is free for it."""

    fault: int


@dataclass(frozen=True, slots=True)
class Answer:
    """When the request is complete the gate answers it; the backend never sees it."""

    fault: int
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class CutHead:
    """The connection ends instead of an answer; nothing of the request is passed on."""

    fault: int
    by: By


@dataclass(frozen=True, slots=True)
class CutRequest:
    """When the request is complete the connection ends; nothing of it is passed on."""

    fault: int
    by: By


@dataclass(frozen=True, slots=True)
class CutAnswer:
    """When the head of the backend's answer has come the connection ends; nothing is released."""

    fault: int
    by: By


@dataclass(frozen=True, slots=True)
class Hold:
    """A live connection falls silent in these directions; `unplugged`: not even an ACK."""

    directions: tuple[Direction, ...] = ("to_client", "to_backend")
    unplugged: bool = False


Live = Literal["close", "reset"] | Hold


@dataclass(frozen=True, slots=True)
class EndProcess:
    """The backend's process ends: in order, or at once.

    `restart`: seconds after its end until it is started again; None: when the fault is over.
    """

    how: Literal["stop", "kill"]
    restart: float | None


@dataclass(frozen=True, slots=True)
class FreezeProcess:
    """The backend's process does nothing until the fault is over."""


OnProcess = EndProcess | FreezeProcess


@dataclass(frozen=True, slots=True)
class CutConnection:
    """The connection ends, with no request under way on it."""

    fault: int
    by: By


@dataclass(frozen=True, slots=True)
class Withhold:
    """The answer, or its body alone, is kept back until the fault ends."""

    fault: int
    body: bool = False


@dataclass(frozen=True, slots=True)
class CutBody:
    """The connection ends after `at` bytes of the answer's body."""

    fault: int
    at: int | Literal["half"]
    by: By


@dataclass(frozen=True, slots=True)
class ReplaceBody:
    """The answer's body is exchanged for this one."""

    fault: int
    body: Body


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """The request is carried out, and the connection ends instead of the answer."""

    fault: int
    by: By


Ending = Answer | CutHead | CutRequest | CutAnswer | Withhold | CutBody | ReplaceBody | LoseAnswer
Action = Slow | Copy | Enter | Queue | Ending


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with an exchange, the faults that act on it, and those that it met.

    `cut`: what is to be done with a connection on which no request is under way.
    """

    actions: tuple[Action, ...] = ()
    fires: tuple[int, ...] = ()
    met: tuple[int, ...] = ()
    cut: CutConnection | None = None


NOTHING = Decision()


# --- what arrived --------------------------------------------------------------------------------


def on_accept(conn: int, armed: Sequence[Armed], draws: Draws) -> Decision:
    """What becomes of a connection that is accepted now; its faults pick among connections."""
    arrived = Request("", "", conn, 0)
    met: list[int] = []
    for one in armed:
        if isinstance(one.fault, Cut) and one.fault.at == "accept":
            met.append(one.id)
            if picks(one, arrived, draws):
                return Decision((), (one.id,), tuple(met), CutConnection(one.id, one.fault.by))
    return Decision(met=tuple(met)) if met else NOTHING


def on_idle(at: Literal["reuse", "idle"], seconds: float, armed: Sequence[Armed]) -> Decision:
    """What becomes of a connection that has been idle so long; `first` counts connections.

    At `reuse` a request begins on it, at `idle` none does.
    """
    for one in armed:
        match one.fault:
            case Stale(at=where, idle=idle, by=by, first=first) if (
                where == at and seconds >= idle and (first is None or one.hits < first)
            ):
                return Decision((), (one.id,), cut=CutConnection(one.id, by))
    return NOTHING


def patience(armed: Sequence[Armed]) -> float | None:
    """The least idle seconds after which a connection may end by itself; None: never."""
    limits = (
        one.fault.idle for one in armed if isinstance(one.fault, Stale) and one.fault.at == "idle"
    )
    return min(limits, default=None)


def on_request(request: Request, armed: Sequence[Armed], draws: Draws) -> Decision:
    """What happens to the exchange that this request begins; `armed` in order of arming.

    What is for the backend's door (a place, copies) counts only where the request gets there; a
    backend that is full comes before what would become of its answer.
    """
    met: list[int] = []
    slows: list[Slow] = []
    copies: list[Copy] = []
    ending: Ending | None = None
    place: Enter | Queue | Answer | None = None
    frozen: int | None = None
    for one in armed:
        fault = one.fault
        if isinstance(fault, Frozen):
            frozen = one.id
        if fault.reach not in ("stream", "request") or not concerns(one, request):
            continue
        if fault.scoped:
            met.append(one.id)
            if not picks(one, request, draws):
                continue
        match fault:
            case Latency() | Throttle() | Drip():
                slows += _slows(one.id, fault, request.key, draws) if fault.scoped else ()
            case Duplicate():
                copies.append(Copy(one.id, fault.copies))
            case Capacity():
                place = _place(one, fault) if place is None else place
            case _:
                ending = _ending(one) if ending is None else ending
    door: list[Copy | Enter | Queue] = []
    if not isinstance(ending, Answer | CutHead | CutRequest):
        if isinstance(place, Answer):
            ending = place
        else:
            door = [*copies, *(() if place is None else (place,))]
    actions = (*slows, *door, *(() if ending is None else (ending,)))
    acting = {action.fault for action in actions if not isinstance(action, Enter)}
    if frozen is not None and not isinstance(ending, Answer | CutHead | CutRequest):
        acting.add(frozen)
    fires = tuple(one.id for one in armed if one.id in acting)
    return Decision(actions, fires, tuple(met)) if actions or fires or met else NOTHING


def concerns(armed: Armed, request: Request) -> bool:
    """Whether a request is one of those that the fault's scope picks among."""
    fault = armed.fault
    if not covers(fault.endpoint, request.method, request.target):
        return False
    if fault.connections is not None:
        age = "new" if request.conn > armed.newest else "live"
        if age != fault.connections:
            return False
    if fault.attempt and request.attempt not in fault.attempt:
        return False
    if fault.operation is None:
        return True
    if request.op is None:
        return False
    place = armed.ops.index(request.op) if request.op in armed.ops else len(armed.ops)
    return place + 1 == fault.operation


def picks(armed: Armed, request: Request, draws: Draws) -> bool:
    """Whether the fault acts on one of those; the draw's key is no other draw's of the fault."""
    fault = armed.fault
    if fault.every_nth is not None and (armed.met + 1) % fault.every_nth:
        return False
    if fault.fraction is not None and draws(-armed.id, *request.key) >= fault.fraction:
        return False
    return fault.first is None or armed.hits < fault.first


def on_bytes(
    direction: Direction, key: tuple[int, int], armed: Sequence[Armed], draws: Draws
) -> tuple[Slow, ...]:
    """What slows the byte stream, whatever the bytes are."""
    return tuple(
        slow
        for one in armed
        if isinstance(one.fault, Latency | Throttle | Drip) and not one.fault.scoped
        for slow in _slows(one.id, one.fault, key, draws)
        if slow.direction == direction
    )


def _slows(
    ident: int, fault: Latency | Throttle | Drip, key: tuple[int, int], draws: Draws
) -> Iterator[Slow]:
    for direction in _directions(fault.direction):
        match fault:
            case Latency(delay=delay, jitter=jitter):
                drawn = jitter * (2 * draws(ident, *key) - 1) if jitter else 0.0
                yield Delay(ident, direction, max(0.0, delay + drawn))
            case Throttle(rate=rate):
                size = max(1, round(rate * _PIECE))
                yield Paced(ident, direction, size, size / rate)
            case Drip(size=size, interval=interval):
                yield Paced(ident, direction, size, interval)
            case _:
                assert_never(fault)


def _place(armed: Armed, fault: Capacity) -> Enter | Queue | Answer:
    if armed.busy < fault.workers:
        return Enter(armed.id)
    if armed.queued < fault.queue:
        return Queue(armed.id)
    body = json.dumps({"detail": HTTPStatus.SERVICE_UNAVAILABLE.phrase, "status": 503})
    return Answer(armed.id, 503, (("Content-Type", "application/json"),), body.encode())


def paces(fault: AnyFault) -> tuple[Direction, ...]:
    """The directions in which this fault lets few bytes pass at a time."""
    return _directions(fault.direction) if isinstance(fault, Throttle | Drip) else ()


def _directions(named: Direction | Literal["both"]) -> tuple[Direction, ...]:
    return ("to_client", "to_backend") if named == "both" else (named,)


def _ending(armed: Armed) -> Ending | None:
    fault = armed.fault
    match fault:
        case Status():
            return _answer(armed.id, fault, armed.hits)
        case Cut():
            return _cut(armed.id, fault)
        case Stall():
            return Withhold(armed.id, body=fault.at == "response_body")
        case BadBody():
            return ReplaceBody(armed.id, BODIES[fault.body])
        case LostAnswer():
            return LoseAnswer(armed.id, fault.by)
        case Refused() | Partition() | Latency() | Throttle() | Drip():
            return None
        case Stopped() | Killed() | Frozen():
            return None
        case Stale() | Duplicate() | Capacity():
            return None
        case _:
            assert_never(fault)


def _cut(ident: int, fault: Cut) -> Ending | None:
    match fault.at:
        case "accept":
            return None
        case "request_head":
            return CutHead(ident, fault.by)
        case "request_complete":
            return CutRequest(ident, fault.by)
        case "response_head":
            return CutAnswer(ident, fault.by)
        case "response_body":
            return CutBody(ident, fault.bytes, fault.by)
        case _:
            assert_never(fault.at)


def _answer(ident: int, fault: Status, hits: int) -> Answer | None:
    if fault.code is not None:
        code = fault.code
    elif hits < len(fault.sequence):
        code = fault.sequence[hits]
    else:
        return None
    if fault.body is None:
        try:
            phrase = HTTPStatus(code).phrase
        except ValueError:
            phrase = f"status {code}"
        body = json.dumps({"detail": phrase, "status": code})
    else:
        body = fault.body
    headers = fault.headers
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("Content-Type", "application/json"), *headers)
    return Answer(ident, code, headers, body.encode())


# --- arming --------------------------------------------------------------------------------------


def mode(armed: Sequence[Armed]) -> Literal["open", "refusing", "dark"]:
    """What the faults in force make of a service's listener."""
    shut = (listener(one.fault) for one in armed)
    return next((wanted for wanted in shut if wanted is not None), "open")


def listener(fault: AnyFault) -> Literal["refusing", "dark"] | None:
    """The mode that this fault puts its service's listener in; None: it leaves it alone."""
    match fault:
        case Refused() | Stopped() | Killed():
            return "refusing"
        case Partition() | Stall(at="connect"):
            return "dark"
        case _:
            return None


def on_process(fault: Fault) -> OnProcess | None:
    """What arming this fault does to the backend's process; None: nothing."""
    match fault:
        case Stopped(restart=restart):
            return EndProcess("stop", None if restart == "never" else restart)
        case Killed(restart=restart):
            return EndProcess("kill", None if restart == "never" else restart)
        case Frozen():
            return FreezeProcess()
        case _:
            return None


def ender(armed: Sequence[Armed]) -> int | None:
    """The fault in force that has ended the backend's process; None: there is none."""
    return next(
        (one.id for one in armed if isinstance(on_process(one.fault), EndProcess)),
        None,
    )


def on_live(fault: AnyFault) -> Live | None:
    """What arming this fault does to live connections; None: nothing."""
    if isinstance(fault, Refused):
        return None if fault.live == "keep" else fault.live
    if isinstance(fault, Partition) and fault.live != "keep":
        return Hold(_directions(fault.direction), unplugged=fault.live == "unplugged")
    return None


def replaced(armed: Sequence[Armed], fault: AnyFault) -> Armed | None:
    """The fault in force whose place this one takes."""
    return next((one for one in armed if one.fault.slot() == fault.slot()), None)


def conflict(others: Iterable[AnyFault], fault: AnyFault) -> str | None:
    """Why this fault can't be in force beside these others; None if it can."""
    for other in others:
        state = _one_state(other, fault)
        if state and other.slot() != fault.slot():
            time = "may come into force beside it" if other.waits else "is in force"
            return (
                f"`{fault.kind}` on {fault.service} meets `{other.kind}`, which {time}: "
                f"the {state} only; clear that fault first"
            )
    if isinstance(fault, Status):
        for name, value in fault.headers:
            if not name.strip() or _LINE_END.search(name + value):
                return f"header {name!r}: {value!r} does not fit on one line of a head"
    return None


def _one_state(one: AnyFault, other: AnyFault) -> str:
    """What both would put in a state of their own; empty: nothing."""
    if listener(one) is not None and listener(other) is not None:
        return "listener can be in one mode"
    if on_process(one) is not None and on_process(other) is not None:
        return "process can be in one state"
    return ""


def fold(
    armed: Sequence[Armed], decision: Decision, request: Request | None = None
) -> tuple[Armed, ...]:
    """The faults in force after this was decided, for this request or for a connection."""
    return tuple(_after(one, decision, request) for one in armed)


def _after(armed: Armed, decision: Decision, request: Request | None) -> Armed:
    acted, met = armed.id in decision.fires, armed.id in decision.met
    ops = armed.ops
    if (
        armed.fault.operation is not None
        and request is not None
        and request.op is not None
        and request.op not in ops
        and covers(armed.fault.endpoint, request.method, request.target)
    ):
        ops = (*ops, request.op)
    if not acted and not met and ops is armed.ops:
        return armed
    return replace(armed, hits=armed.hits + acted, met=armed.met + met, ops=ops)


# --- chance --------------------------------------------------------------------------------------


def keyed(seed: int) -> Draws:
    """Draws that depend on seed and key alone, in any process and under any hash seed."""

    def draw(fault: int, op: int, attempt: int) -> float:
        text = f"{seed}:{fault}:{op}:{attempt}".encode()
        number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
        return (number >> 11) / (1 << 53)

    return draw
