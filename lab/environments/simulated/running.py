"""A run: while it is on, the thread that runs it has virtual clocks, seeded chance, and no way out.

All other threads have the machine's. Whatever ends the run, everything is put back.
"""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from . import clocks, entropy, escapes
from .clocks import START, Clocks
from .entropy import Entropy
from .escapes import Escaped
from .swapping import Replacement

__all__ = ["Run", "running"]


class Run:
    """What a thread's run has in place of the machine's: `clocks` and `entropy`.

    `escapes` holds what was refused, the first of them first: a client may swallow any exception.
    """

    def __init__(self, clocks: Clocks, entropy: Entropy) -> None:
        self.clocks = clocks
        self.entropy = entropy
        self.escapes: list[Escaped] = []

    def refuse(self, call: str) -> Escaped:
        """What to raise for a call that this run can't answer for; it is kept."""
        escaped = Escaped.here(call)
        self.escapes.append(escaped)
        return escaped


@contextmanager
def running(source: Callable[[], float], *, seed: int, wall: float = START) -> Iterator[Run]:
    """A run in this thread, from here to the end of the block.

    `source` says what time it is, in seconds (a loop's `time`); `wall` is the date at its 0, in
    seconds since 1970; `seed` decides all that is drawn. Raises RuntimeError where one is on.
    """
    run = Run(Clocks(source, wall=wall), Entropy(seed))
    try:
        _PROCESS.enter(run)
        yield run
    finally:
        _PROCESS.leave(run)


class _Process:
    """The runs that are on, by thread; and what is replaced in the process while one is.

    The functions that are replaced belong to the process, so there is one of this.
    """

    def __init__(self) -> None:
        self._runs: dict[int, Run] = {}
        self._changing = threading.Lock()
        self._replacements: tuple[Replacement, ...] = ()

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
                    raise runs[thread()].refuse(call)

        self._replacements = (
            *clocks.replacements(lambda: run.clocks if (run := runs.get(thread())) else None),
            *entropy.replacements(lambda: run.entropy if (run := runs.get(thread())) else None),
            *escapes.replacements(refuse),
        )
        sys.addaudithook(hook)
        atexit.register(self._take_back)

    def _put(self) -> None:
        with ExitStack() as undo:
            for replacement in self._replacements:
                undo.callback(replacement.take_back)
                replacement.put()
            undo.pop_all()

    def _take_back(self) -> None:
        with ExitStack() as closing:  # each of them, whatever becomes of the others
            for replacement in self._replacements:
                closing.callback(replacement.take_back)


_PROCESS: Final = _Process()
