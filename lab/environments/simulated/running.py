"""A run: while it is on, the thread that runs it has virtual clocks, seeded chance, and no way out.

All other threads have the machine's. Whatever ends the run, everything is put back.
"""

from __future__ import annotations

import atexit
import math
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

from . import clocks, entropy, escapes, trust
from .clocks import START, Clocks
from .entropy import Entropy
from .escapes import Escaped
from .swapping import Replacement

__all__ = ["LOOKS", "Run"]

LOOKS: Final = 3_000_000
"""Looks at the time while it stands still: seconds of the machine's, and more than a pool of a thousand
connections needs at one instant."""


class Run:
    """What a thread has in place of the machine's while a run is on: `clocks` and `entropy`.

    `source` says what time it is, in seconds (a loop's `time`); `wall` is the date at its 0, in
    seconds since 1970; `seed` decides all that is drawn. `escapes` holds what was refused, the first
    of them first: a client may swallow any exception. `looks`: so many at a time that stands still are
    allowed; who waits by looking would go on by the machine's clock.
    """

    def __init__(
        self,
        source: Callable[[], float],
        *,
        seed: int,
        wall: float = START,
        looks: int = LOOKS,
    ) -> None:
        self._source = source
        self._most = looks
        self._shown, self._looks = -math.inf, 0
        self.clocks = Clocks(self._looked_at, wall=wall)
        self.entropy = Entropy(seed)
        self.escapes: list[Escaped] = []

    @contextmanager
    def on(self) -> Iterator[Self]:
        """This run in this thread, to the end of the block; where it is on already, no change.

        It can be put on again: its clocks and its chance go on. Raises RuntimeError where another
        run is on.
        """
        if _PROCESS.current() is self:
            yield self
            return
        try:
            _PROCESS.enter(self)
            yield self
        finally:
            _PROCESS.leave(self)

    def _looked_at(self) -> float:
        now = self._source()
        if now != self._shown:
            self._shown, self._looks = now, 0
        self._looks += 1
        if self._looks > self._most:
            self._looks = 0
            raise self.refuse(f"{self._most:,} looks at the time, which stands still meanwhile")
        return now

    def refuse(self, call: str) -> Escaped:
        """What to raise for a call that this run can't answer for; it is kept."""
        escaped = Escaped.here(call)
        self.escapes.append(escaped)
        return escaped


class _Process:
    """The runs that are on, by thread; and what is replaced in the process while one is.

    The functions that are replaced belong to the process, so there is one of this.
    """

    def __init__(self) -> None:
        self._runs: dict[int, Run] = {}
        self._changing = threading.Lock()
        self._replacements: tuple[Replacement, ...] = ()

    def current(self) -> Run | None:
        """The run that is on in this thread."""
        return self._runs.get(threading.get_ident())

    def enter(self, run: Run) -> None:
        """Give this thread a run."""
        with self._changing:
            thread = threading.get_ident()
            if thread in self._runs:
                raise RuntimeError("a simulation runs in this thread already; they can't be nested")
            if not self._replacements:
                self._prepare()
            if not self._runs:
                self._put()
            self._runs[thread] = run

    def leave(self, run: Run) -> None:
        """End this run, if it is this thread's."""
        with self._changing:
            thread = threading.get_ident()
            if self._runs.get(thread) is run:
                del self._runs[thread]
            if not self._runs:
                self._take_back()

    def _prepare(self) -> None:
        """Once: what is replaced is made, and the audit hook added, which can't be removed."""
        runs, thread = self._runs, threading.get_ident

        def refuse(call: str) -> Escaped | None:
            run = runs.get(thread())
            return None if run is None else run.refuse(call)

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if runs and thread() in runs:
                call = escapes.audited(event, arguments)
                if call is not None:
                    escapes.let_go(event, arguments)
                    raise runs[thread()].refuse(call)

        self._replacements = (
            *clocks.replacements(lambda: run.clocks if (run := runs.get(thread())) else None),
            *entropy.replacements(lambda: run.entropy if (run := runs.get(thread())) else None),
            *escapes.replacements(refuse),
            *trust.replacements(lambda: thread() in runs),
        )
        platform.processor()  # asks a process, and remembers: clients tell their servers of it
        sys.addaudithook(hook)
        atexit.register(self._take_back)

    def _put(self) -> None:
        try:
            for replacement in self._replacements:
                replacement.put()
        except BaseException:
            self._take_back()
            raise

    def _take_back(self) -> None:
        try:
            for replacement in self._replacements:
                replacement.take_back()
        except BaseException:  # Ctrl-C: it may have come between two of them
            for replacement in self._replacements:
                replacement.take_back()
            raise


_PROCESS: Final = _Process()
