"""Dying with the parent, however it dies: for every process that the lab starts.

End-of-file on an inherited socket is the other half; both are needed,
since a fork of the parent may hold the socket's other end open.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__ = ["die_with"]

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends.

    Ends at once if `parent` is not the parent any more: it died before the call. Elsewhere than
    on Linux the end of the inherited socket has to do.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
