"""What arming a fault does: to the listener, to live connections, to the backend's process.

Pure. Counterpart: `decide.py`, what a fault in force does to what arrives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from . import AnyFault
from .actions import (
    Armed,
    CutOff,
    Direction,
    EndProcess,
    FreezeProcess,
    Hold,
    Live,
    OnProcess,
    directions,
)
from .down import Killed, Refused, Stopped
from .partition import NETWORK, Partition
from .scope import Fault
from .slow import Drip, Frozen, Latency, Stall, Throttle
from .status import Status

__all__ = [
    "conflict",
    "ender",
    "listener",
    "mode",
    "needs",
    "on_live",
    "on_process",
    "paces",
    "replaced",
    "steady",
]

_LINE_END = re.compile(r"[\r\n]")


def mode(armed: Sequence[Armed]) -> Literal["open", "refusing", "dark"]:
    """What the faults in force make of a service's listener."""
    shut = (listener(one.fault) for one in armed)
    return next((wanted for wanted in shut if wanted is not None), "open")


def listener(fault: AnyFault) -> Literal["refusing", "dark"] | None:
    """The mode that this fault puts its service's listener in; None: it leaves it alone."""
    match fault:
        case Refused() | Stopped() | Killed():
            return "refusing"
        case Partition(between=None) | Stall(at="connect"):
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
        case Partition(between=str(peer), direction=direction):
            return CutOff(peer, directions(direction))
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
    if isinstance(fault, Partition) and fault.between is None and fault.live != "keep":
        return Hold(directions(fault.direction), unplugged=fault.live == "unplugged")
    return None


def needs(fault: AnyFault) -> tuple[Literal["reset", "unplug", "dark", "keep", "part"], ...]:
    """What the network must be able to do for it, beside what each can.

    To end a connection by RST, to unplug one, to leave connects unanswered, to keep live
    connections while connects are refused, to part a backend from others.
    """
    live, shut = on_live(fault), listener(fault)
    found: list[Literal["reset", "unplug", "dark", "keep", "part"]] = []
    if live == "reset" or getattr(fault, "by", "") == "rst" or isinstance(fault, Killed):
        found.append("reset")
    if isinstance(live, Hold) and live.unplugged:
        found.append("unplug")
    if shut == "dark":
        found.append("dark")
    if shut == "refusing" and live != "close":
        found.append("keep")
    act = on_process(fault)
    if isinstance(act, CutOff) and act.peer != NETWORK:
        found.append("part")
    return tuple(found)


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
    acts = (on_process(one), on_process(other))
    if None not in acts and not all(isinstance(act, CutOff) for act in acts):
        return "process can be in one state"
    return ""


def steady(fault: AnyFault) -> tuple[float, int] | None:
    """What this fault does to all bytes to clients, and to nothing else; None: it does more, or less.

    So many seconds later, or (0: as fast as they come) so many bytes a second. Nothing is drawn for
    it, and no request is picked, so that whatever carries bytes can do it.
    """
    if not isinstance(fault, Latency | Throttle) or fault.scoped or fault.direction != "to_client":
        return None
    match fault:
        case Latency(delay=delay, jitter=0):
            return (delay, 0) if delay else None
        case Throttle(rate=rate):
            return (0.0, rate)
        case _:
            return None


def paces(fault: AnyFault) -> tuple[Direction, ...]:
    """The directions in which this fault lets few bytes pass at a time."""
    return directions(fault.direction) if isinstance(fault, Throttle | Drip) else ()
