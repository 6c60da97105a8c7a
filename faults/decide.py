"""What the proxy is to do: pure, (what arrived, faults in force, keyed draws) -> actions.

Here and in `arming.py` each fault is known by name. The proxy carries actions out and knows no
fault; the simulation does the same. `COMPOSED` is the order of composition.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Literal, assert_never

from .actions import (
    NOTHING,
    Answer,
    Armed,
    Copy,
    CutAnswer,
    CutBody,
    CutConnection,
    CutHead,
    CutRequest,
    Decision,
    Delay,
    Direction,
    Draws,
    Ending,
    Enter,
    LoseAnswer,
    Paced,
    Queue,
    ReplaceBody,
    Request,
    Slow,
    Withhold,
    directions,
)
from .bodies import BODIES
from .down import Cut, Killed, Refused, Stopped
from .partial import BadBody, Capacity, Duplicate, LostAnswer, Stale
from .partition import EVERY_REQUEST, Partition
from .scope import covers
from .slow import Drip, Frozen, Latency, Stall, Throttle
from .status import Status

__all__ = [
    "COMPOSED",
    "concerns",
    "fold",
    "keyed",
    "on_accept",
    "on_bytes",
    "on_idle",
    "on_request",
    "patience",
    "picks",
]

COMPOSED = (
    "Several faults at once: delays add up, and of several rates the slowest holds. Of those that"
    " end or alter an exchange the first one injected that has it in scope acts, and the others do"
    " not fire. Copies are sent and workers taken only where the request gets to the backend. Two"
    " that would put one listener in two modes, or one process in two states, are refused by name."
    " One of the same kind, service and endpoint takes the place of the one before, which is over."
)
"""The stated order of composition."""

_PIECE = 0.01  # seconds that a piece of a throttled stream takes, if it has a byte


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
    silent: list[int] = []  # faults that keep the backend from answering
    for one in armed:
        fault = one.fault
        if isinstance(fault, Frozen) or (
            isinstance(fault, Partition) and fault.between in EVERY_REQUEST
        ):
            silent.append(one.id)
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
    if not isinstance(ending, Answer | CutHead | CutRequest):
        acting.update(silent)
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
    for direction in directions(fault.direction):
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
    return _made(armed.id, 503)


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
    return _made(ident, code, fault.headers, fault.body)


def _made(
    ident: int, code: int, headers: tuple[tuple[str, str], ...] = (), body: str | None = None
) -> Answer:
    """An answer of the gate's; without a body of its own it names its status."""
    if body is None:
        try:
            phrase = HTTPStatus(code).phrase
        except ValueError:
            phrase = f"status {code}"
        body = json.dumps({"detail": phrase, "status": code})
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("Content-Type", "application/json"), *headers)
    return Answer(ident, code, headers, body.encode())


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


def keyed(seed: int) -> Draws:
    """Draws that depend on seed and key alone, in any process and under any hash seed."""

    def draw(fault: int, op: int, attempt: int) -> float:
        text = f"{seed}:{fault}:{op}:{attempt}".encode()
        number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
        return (number >> 11) / (1 << 53)

    return draw
