"""Dying with the parent, however it dies: for every process that the lab starts.

End-of-file on an inherited socket is the other half; both are needed,
since a fork of the parent may hold the socket's other end open.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

__all__ = ["adopt_orphans", "die_with", "sweep"]

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_PR_SET_CHILD_SUBREAPER = 36
_SWEEPS = 100  # of processes that start others while they are killed


def die_with(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process `by` when the thread that started it ends.

    Ends at once if `parent` is not the parent any more: it died before the call. Elsewhere than
    on Linux the end of the inherited socket has to do.
    """
    if sys.platform != "linux":
        return
    _prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none gets away.

    Elsewhere than on Linux nothing is adopted.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def sweep() -> None:
    """Kill every child, and those that become ours by that, until none is left."""
    for _ in range(_SWEEPS):
        children = _children()
        if not children:
            return
        for child in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def _children() -> list[int]:
    try:
        text = Path("/proc/thread-self/children").read_text("ascii")
    except OSError:  # not on Linux, or a kernel without it: the groups were killed
        return []
    return [int(number) for number in text.split()]


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
