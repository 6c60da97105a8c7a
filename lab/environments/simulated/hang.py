"""A program that waits for what can't come: found at once, and told with all that is awaited."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from .places import author

__all__ = ["Hang", "awaits", "place"]


class Hang(RuntimeError):  # noqa: N818  # it is called so everywhere
    """Nothing is left to run and no timer will go off, but something is awaited.

    Or it has turned `turns` times without any time passing. `awaits` says who waits where.
    """

    def __init__(self, awaits: tuple[str, ...], *, turns: int | None = None) -> None:
        super().__init__(awaits, turns)
        self.awaits = awaits
        self.turns = turns

    def __str__(self) -> str:
        waiting = [f"  awaits   {line}" for line in self.awaits or ("nobody: it was left running",)]
        if self.turns is not None:
            return "\n".join([f"no time has passed in {self.turns:,} turns of the loop", *waiting])
        return "\n".join(["nothing can happen any more: no timer, no traffic", *waiting])


def awaits(tasks: Iterable[asyncio.Task[Any]]) -> tuple[str, ...]:
    """Where each of these tasks waits, by its name."""
    return tuple(
        f"{task.get_name()}: {place(task)}" for task in sorted(tasks, key=_begun) if not task.done()
    )


def place(task: asyncio.Task[Any]) -> str:
    """Where a task waits: the author's line, and in what, where that is told.

    As `shop.py:14, Orders.get, in Queue.get`, or `..., for a Future`.
    """
    frames = [*_suspended(task.get_coro())][::-1]
    if not frames:
        return "has not begun"
    line, inner = author(frames), frames[0].f_code.co_qualname
    if not line.endswith(f", {inner}"):
        return f"{line}, in {inner}"
    waiter = getattr(task, "_fut_waiter", None)  # nothing public tells
    return line if waiter is None else f"{line}, for {_named(waiter)}"


def _named(waiter: asyncio.Future[Any]) -> str:
    if isinstance(waiter, asyncio.Task):
        return f"the task {getattr(waiter.get_coro(), '__qualname__', waiter.get_name())}"
    return f"a {type(waiter).__name__.lstrip('_')}"


def _begun(task: asyncio.Task[Any]) -> tuple[int, str]:
    """`Task-10` comes after `Task-9`."""
    name = task.get_name()
    return len(name), name


def _suspended(awaiting: Any) -> Iterator[FrameType]:
    """The frames of a suspended coroutine, the innermost last."""
    while awaiting is not None:
        frame = _frame(awaiting)
        if frame is not None:
            yield frame
            inner = getattr(awaiting, "cr_await", None) or getattr(awaiting, "gi_yieldfrom", None)
            awaiting = inner or getattr(awaiting, "ag_await", None)
        else:  # what steps an asynchronous generator tells nobody whose it is, but the collector
            behind = gc.get_referents(awaiting)
            awaiting = next((one for one in behind if _frame(one) is not None), None)


def _frame(awaiting: Any) -> FrameType | None:
    frame = getattr(awaiting, "cr_frame", None) or getattr(awaiting, "gi_frame", None)
    return frame or getattr(awaiting, "ag_frame", None)
