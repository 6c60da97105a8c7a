"""A program that waits for what can't come: found at once, and told with all that is awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from .places import author

__all__ = ["Hang", "awaits"]


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
        f"{task.get_name()}: {_line([*_suspended(task.get_coro())][::-1])}"
        for task in sorted(tasks, key=_begun)
        if not task.done()
    )


def _line(frames: list[FrameType]) -> str:
    """The author's line, and what it waits in where that is another's."""
    if not frames:
        return "has not begun"
    line, inner = author(frames), frames[0].f_code.co_qualname
    return line if line.endswith(f", {inner}") else f"{line}, in {inner}"


def _begun(task: asyncio.Task[Any]) -> tuple[int, str]:
    """`Task-10` comes after `Task-9`."""
    name = task.get_name()
    return len(name), name


def _suspended(awaiting: Any) -> Iterator[FrameType]:
    """The frames of a suspended coroutine, the innermost last."""
    while awaiting is not None:
        frame = getattr(awaiting, "cr_frame", None) or getattr(awaiting, "gi_frame", None)
        frame = frame or getattr(awaiting, "ag_frame", None)
        if frame is not None:
            yield frame
        inner = getattr(awaiting, "cr_await", None) or getattr(awaiting, "gi_yieldfrom", None)
        awaiting = inner or getattr(awaiting, "ag_await", None)
