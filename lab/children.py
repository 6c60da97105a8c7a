"""What a process that starts others learns of their ends, without a thread beside it.

For `keeper.py` and `subjects/spawner.py`, which wait in a selector for orders, outputs and ends alike.
Counterpart: `mortal.py` ends what is left.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
from collections.abc import Callable
from functools import partial

__all__ = ["unreaped", "wake"]

_SIGNALS = 4096  # bytes, one for each signal


def wake(selector: selectors.BaseSelector, terminated: Callable[[], None]) -> None:
    """Have the selector wake when a child ends, and on SIGTERM, which calls `terminated`.

    It is the main thread's to call, once for a process.
    """
    woken, waker = os.pipe()
    for end in (woken, waker):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: terminated())
    selector.register(woken, selectors.EVENT_READ, partial(_empty, woken))


def unreaped() -> int:
    """The id of a child that has ended and is not reaped yet; 0: there is none."""
    with contextlib.suppress(ChildProcessError):
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return 0 if found is None else found.si_pid
    return 0


def _empty(pipe: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(pipe, _SIGNALS)
