"""Threads and pools: what an operation has others do for it is done in its context.

Tasks, `asyncio.to_thread` and anyio's threads carry a context by themselves. What goes to a thread
by a queue of the author's does not: that thread may work for anybody.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import wraps
from threading import Thread
from types import ModuleType
from typing import Any

from ..attribution import current
from ..seams import Seam

__all__ = ["of_futures", "of_threading"]


def of_threading(module: ModuleType) -> Iterator[Seam]:
    """A thread that an operation starts."""

    def of_start(original: Callable[[Thread], None]) -> Callable[[Thread], None]:
        @wraps(original)
        def start(thread: Thread) -> None:
            if current.get() is not None:
                _carry(thread)
            original(thread)

        return start

    yield Seam(module.Thread, "start", of_start)


def of_futures(module: ModuleType) -> Iterator[Seam]:
    """A call that an operation submits; `run_in_executor` of every loop submits, too."""

    def of_submit(original: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        @wraps(original)
        def submit(
            pool: Any, function: Callable[..., Any], /, *args: Any, **kwargs: Any
        ) -> Future[Any]:
            # Also without an operation: the worker may have the context of its first submitter.
            return original(pool, contextvars.copy_context().run, function, *args, **kwargs)

        return submit

    yield Seam(module.ThreadPoolExecutor, "submit", of_submit)


def _carry(thread: Thread) -> None:
    """Let a thread that has not started run in a copy of the caller's context."""
    context = contextvars.copy_context()
    run = thread.run

    def carried() -> None:
        del thread.run  # back to the class's own, and no circle is left
        context.run(run)

    thread.run = carried  # type: ignore[method-assign]  # of this one thread
