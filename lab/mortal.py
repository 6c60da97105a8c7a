"""Dying with the parent, however it dies: for every process that the lab starts.

End-of-file on an inherited socket is the other half; both are needed,
since a fork of the parent may hold the socket's other end open.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__ = ["adopt_orphans", "die_with"]

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_PR_SET_CHILD_SUBREAPER = 36


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


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
