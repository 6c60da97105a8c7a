"""Calls that may block, one after the other on a thread of their own, and their ends on the loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from ..errors import LabError

__all__ = ["Calls"]

Job = Callable[[], object]
Ended = Callable[[str], None]


class Calls:
    """Jobs in the order in which they are given; `close` lets what runs go on, and nothing else."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: queue.SimpleQueue[tuple[Job, Ended] | None] = queue.SimpleQueue()
        # A daemon: a server that hangs keeps no process alive.
        self._thread = threading.Thread(target=self._run, name="faultlab calls", daemon=True)
        self._thread.start()

    def do(self, job: Job, ended: Ended) -> None:
        """Run it when those before are over; `ended` is told what went wrong, or "", on the loop."""
        self._jobs.put((job, ended))

    def close(self, limit: float) -> None:
        """Take no more, and wait so long for those that were given."""
        self._jobs.put(None)
        self._thread.join(limit)

    def _run(self) -> None:
        while (taken := self._jobs.get()) is not None:
            job, ended = taken
            problem = ""
            try:
                job()
            except (LabError, OSError) as error:
                problem = str(error)
            with suppress(RuntimeError):  # the loop has ended in between
                self._loop.call_soon_threadsafe(ended, problem)
