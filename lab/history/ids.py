"""Whether the ids in a history go together: what ends has begun, and nothing begins twice.

Counterpart: record.py reads the lines. No recorder writes a history that fails here, so its file
was altered, or lost lines that were numbered anew; to judge what is left would be a guess.
"""

from __future__ import annotations

from collections.abc import Iterable

from .events import (
    AnyEvent,
    ConnClosed,
    ConnFull,
    ConnOpened,
    ConnUnread,
    FaultArmed,
    FaultAwaited,
    FaultCleared,
    FaultFired,
    OpCancelled,
    OpCancelRequested,
    OpFailed,
    OpHung,
    OpInvoked,
    OpOk,
    OpUnknown,
    RequestComplete,
    RequestStarted,
    ResponseComplete,
    ResponseCut,
    ResponseHead,
)

__all__ = ["refuted"]

# kind -> the id that it gives a meaning to, or that must have one
_BEGINS = {OpInvoked: "op", ConnOpened: "conn", FaultArmed: "fault", FaultAwaited: "fault"}
_NEEDS = {
    **dict.fromkeys((OpOk, OpFailed, OpUnknown, OpHung, OpCancelRequested, OpCancelled), "op"),
    **dict.fromkeys((ConnClosed, ConnUnread, ConnFull), "conn"),
    **dict.fromkeys((RequestStarted, RequestComplete), "conn"),
    **dict.fromkeys((ResponseHead, ResponseComplete, ResponseCut), "conn"),
    **dict.fromkeys((FaultFired, FaultCleared), "fault"),
}
_ONCE = frozenset((OpInvoked, ConnOpened))
_NAMES = {"op": "operation", "conn": "connection", "fault": "fault"}
_BEGUN = {"op": "began", "conn": "was opened", "fault": "was armed"}


def refuted(events: Iterable[AnyEvent]) -> tuple[int, str] | None:
    """The first event, by its index, whose id means nothing there, and why; None: all go together."""
    known: dict[str, set[int]] = {name: set() for name in _NAMES}
    for event in events:
        kind = type(event)
        need = _NEEDS.get(kind)
        if need is not None:
            if getattr(event, need) not in known[need]:
                return event.index, _why(event, need, f"never {_BEGUN[need]} before it")
            continue
        begun = _BEGINS.get(kind)
        if begun is not None:
            number: int | None = getattr(event, begun)
            if number is None or (kind in _ONCE and number in known[begun]):
                return event.index, _why(event, begun, f"{_BEGUN[begun]} before")
            known[begun].add(number)
    return None


def _why(event: AnyEvent, name: str, why: str) -> str:
    kind = type(event).__struct_config__.tag
    number = getattr(event, name)
    if number is None:
        return f"{kind} names no {_NAMES[name]}"
    return f"{kind} of {_NAMES[name]} {number}, which {why}"
