"""What a subject's process holds, so that what a subject leaves behind is known by name.

Counterparts: inside.py looks before a factory is entered and after it was left; recording.py
records what is told here, and lab/checks/resources.py judges it. What belongs to the lab, or to the
event loop and outlives every client by design, is nobody's.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, TypeAlias

from msgspec.structs import replace

from ..history import Left, LeftKind
from .attribution import current

__all__ = ["OURS", "SETTLE", "Held", "Leftovers", "held_now", "settled", "unawaited"]

OURS = "faultlab "
"""What the names of the lab's own threads begin with."""

SETTLE = 1.0
"""Seconds in which what a closed subject still held may end by itself; a connection gets as many."""

Thrown: TypeAlias = Coroutine[Any, Any, Any]

_NAMES = 20  # of a kind that are told
_TURNS = 5  # of the loop, in which what was closed is gone
_LOOK = 0.01  # seconds between two looks at what takes longer
_ESTABLISHED = 1  # tcp(7), TCP_INFO: the first byte is the state


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds at one moment. `descriptors` and `timers` None: it can't be told.

    `descriptors` gives each one's target as the kernel names it.
    """

    tasks: frozenset[asyncio.Task[Any]]
    threads: frozenset[threading.Thread]
    timers: tuple[asyncio.TimerHandle, ...] | None
    descriptors: dict[int, str] | None

    @property
    def counts(self) -> dict[LeftKind, int]:
        """How many of each kind that can be told."""
        known: dict[LeftKind, Collection[object] | None] = {
            "task": self.tasks,
            "thread": self.threads,
            "timer": self.timers,
            "descriptor": self.descriptors,
        }
        return {kind: len(held) for kind, held in known.items() if held is not None}

    def beyond(self, before: Held, ports: Collection[int] = ()) -> tuple[Left, ...]:
        """What was not held before, by name; at most twenty names of a kind.

        A connection to one of `ports` that is open at both ends is no matter of this process: the
        proxy sees it.
        """
        found: dict[LeftKind, Iterator[str]] = {
            "task": (_task(one) for one in self.tasks - before.tasks),
            "thread": (one.name for one in self.threads - before.threads),
            "timer": self._timers(before),
            "descriptor": self._descriptors(before, ports),
        }
        return tuple(
            Left(kind=kind, name=name, count=count)
            for kind, names in found.items()
            for name, count in sorted(Counter(names).items())[:_NAMES]
        )

    def _timers(self, before: Held) -> Iterator[str]:
        known = {id(one) for one in before.timers or ()}
        new = (_callback(one) for one in self.timers or () if id(one) not in known)
        return (name for name, module in new if not module.startswith("asyncio."))  # of a task

    def _descriptors(self, before: Held, ports: Collection[int]) -> Iterator[str]:
        known = before.descriptors or {}
        for number, target in (self.descriptors or {}).items():
            if known.get(number) != target:
                name = _descriptor(number, target, ports)
                if name is not None:
                    yield name


def held_now(apart: Collection[asyncio.Task[Any]] = ()) -> Held:
    """What the process of the running loop holds now, but for the lab's own and these tasks."""
    loop = asyncio.get_running_loop()
    timers = getattr(loop, "_scheduled", None)  # asyncio's own loops; others don't tell
    return Held(
        tasks=frozenset(one for one in asyncio.all_tasks(loop) if one not in apart),
        threads=frozenset(one for one in threading.enumerate() if _is_owned(one)),
        timers=None if timers is None else tuple(one for one in timers if not one.cancelled()),
        descriptors=_open_descriptors(),
    )


class Leftovers:
    """Looks at its process before a subject is entered, and after it was left.

    `apart`: the lab's own tasks, whichever there are at a look.
    """

    def __init__(self, apart: Collection[asyncio.Task[Any]]) -> None:
        self._apart = apart
        self._before: Held | None = None
        self._thrown: dict[str, Left] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Learn meanwhile of coroutines that are thrown away."""
        with unawaited(self._threw):
            yield

    def begin(self) -> Held:
        """What is held before the subject is entered: no part of what it will have left."""
        self._thrown.clear()
        self._before = held_now(self._apart)
        return self._before

    async def behind(self, ports: Collection[int]) -> tuple[Held, tuple[Left, ...]]:
        """What is held after the subject was left, and what of it is more than before, by name."""
        assert self._before is not None
        now, left = await settled(partial(held_now, self._apart), self._before, ports=ports)
        return now, (*left, *islice(self._thrown.values(), _NAMES))

    def _threw(self, left: Left) -> None:
        known = self._thrown.setdefault(left.name, replace(left, count=0))
        self._thrown[left.name] = replace(known, count=known.count + left.count)


async def settled(
    look: Callable[[], Held],
    before: Held,
    *,
    ports: Collection[int] = (),
    limit: float = SETTLE,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> tuple[Held, tuple[Left, ...]]:
    """What is held as soon as it is no more than before, or after `limit` seconds, and what is more.

    A connection, a task or a thread that was told to end needs turns of the loop, or time.
    """
    now = look()
    left = now.beyond(before, ports)
    for seconds in chain(repeat(0.0, _TURNS), repeat(_LOOK, int(limit / _LOOK))):
        if not left:
            break
        await pause(seconds)
        now = look()
        left = now.beyond(before, ports)
    return now, left


@contextmanager
def unawaited(note: Callable[[Left], None]) -> Iterator[None]:
    """Tell of each coroutine that is thrown away before anyone has awaited it.

    The interpreter calls this function of `warnings` for it, whatever its filters say; where it has
    none, nothing is told.
    """
    name = "_warn_unawaited_coroutine"
    original: Callable[[Thrown], None] | None = getattr(warnings, name, None)
    if original is None:
        yield
        return

    def warn(thrown: Thrown) -> None:
        operation = current.get()
        op = None if operation is None else operation.op
        note(Left(kind="coroutine", name=getattr(thrown, "__qualname__", "?"), op=op))
        original(thrown)

    setattr(warnings, name, warn)
    try:
        yield
    finally:
        if getattr(warnings, name) is warn:
            setattr(warnings, name, original)


def _is_owned(thread: threading.Thread) -> bool:
    """Whether a thread is the subject's to end: anyio's workers wait for others to need them."""
    kind = type(thread)
    return not (
        thread.name.startswith(OURS)
        or kind.__module__.startswith("anyio.")
        or kind.__name__ == "_DummyThread"  # of another library's making, seen from Python once
    )


def _task(task: asyncio.Task[Any]) -> str:
    """The coroutine that a task runs, and the line where it stands."""
    coroutine = task.get_coro()
    name = getattr(coroutine, "__qualname__", None) or task.get_name()
    for frame in task.get_stack(limit=1):
        return f"{name} at {Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
    return str(name)


def _callback(timer: asyncio.TimerHandle) -> tuple[str, str]:
    """What a timer will call, and the module that it is of."""
    called = getattr(timer, "_callback", None)
    name, module = getattr(called, "__qualname__", None), getattr(called, "__module__", None)
    return str(name or "a callback"), str(module or "")


def _open_descriptors() -> dict[int, str] | None:
    try:
        links = list(Path("/proc/self/fd").iterdir())
    except OSError:
        return None
    found: dict[int, str] = {}
    for link in links:
        with suppress(OSError):  # that of the listing itself is gone
            found[int(link.name)] = str(link.readlink())
    return found


def _descriptor(number: int, target: str, ports: Collection[int]) -> str | None:
    """What a descriptor is; None for an open connection to one of the ports, or one just closed."""
    kind, _, rest = target.partition(":")
    match kind:
        case "socket":
            return _socket(number, ports)
        case "pipe":
            return "pipe"
        case "anon_inode":
            return rest.strip("[]")
        case "/dev/null":
            return None  # uvloop's library keeps one, for the day when no other can be opened
        case _:
            return f"file {target}"


def _socket(number: int, ports: Collection[int]) -> str | None:
    try:
        with socket.socket(fileno=os.dup(number)) as sock:
            if sock.family not in (socket.AF_INET, socket.AF_INET6):
                return "socket of this machine"
            try:
                host, port = sock.getpeername()[:2]
            except OSError:
                return "socket without a peer"
            state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
            if port in ports and state == _ESTABLISHED:
                return None
            return f"socket to {host}:{port}" + ("" if state == _ESTABLISHED else ", half closed")
    except OSError:
        return None
