"""What is told of operations that will never end: where they wait, and what else waits beside them.

Counterpart: `environments/simulated/hang.py` finds the hang, `lab/checks/limits.py` judges it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Iterable
from typing import Any

from ..environments.simulated.hang import place
from ..subjects.leftovers import OURS

__all__ = ["beside", "pending"]

_LAB = __name__.removesuffix("simulation.hanging")
_MOST = 10  # other tasks that are told


def pending(operation: asyncio.Task[Any], others: Iterable[asyncio.Task[Any]]) -> tuple[str, ...]:
    """Where an operation waits, then where each of the other tasks does, the lab's own left out.

    The same in every process: tasks go by their coroutines, for asyncio numbers them as it likes.
    """
    told = (
        f"{getattr(task.get_coro(), '__qualname__', 'a task')}: {place(task)}"
        for task in others
        if not task.done() and not _is_labs(task)
    )
    return (place(operation), *sorted(told)[:_MOST])


def beside(known: Collection[threading.Thread]) -> str:
    """What of this process might wake an operation, unseen by its loop; empty: nothing.

    No thread can begin while a simulation runs, but one of a module may have before. `known`: those
    that are not the subject's.
    """
    strange = sorted(
        one.name
        for one in threading.enumerate()
        if one not in known and not one.name.startswith(OURS)
    )
    return f"a thread that began before: {', '.join(strange)}" if strange else ""


def _is_labs(task: asyncio.Task[Any]) -> bool:
    frame = getattr(task.get_coro(), "cr_frame", None)
    return frame is not None and frame.f_globals.get("__name__", "").startswith(_LAB)
