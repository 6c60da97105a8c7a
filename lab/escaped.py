"""Processes of a user's program that have got away from who watched it: found by what they inherit.

A process keeps its first environment for life, whoever its parent is. One that was started with an
environment of its own making is not found.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

__all__ = ["SERVER", "SUBJECT", "kill_marked"]

SUBJECT = "FAULTLAB_SUBJECT"
SERVER = "FAULTLAB_SERVER"
"""What marks a subject's processes, and a server's: variables of their environment."""

_ROUNDS = 100  # of processes that start others while they are killed
_GONE = 1.0  # seconds in which the kernel has ended what was killed


def kill_marked(mark: str, value: str) -> None:
    """Kill every process that has this value of a mark, until there is none. On Linux only."""
    entry = f"{mark}={value}".encode()
    for _ in range(_ROUNDS):
        found = False
        for pid in _processes():
            found |= _killed(pid, entry)
        if not found:
            return


def _processes() -> Iterator[int]:
    with contextlib.suppress(OSError):  # no /proc
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                yield int(path.name)


def _killed(pid: int, entry: bytes) -> bool:
    """Kill this process if it is marked; its descriptor is opened first, so it is no other's number."""
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if entry not in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
        gone = select.poll()
        gone.register(process, select.POLLIN)
        gone.poll(_GONE * 1000)
    except OSError:
        return False  # another user's, or it has ended
    finally:
        os.close(process)
    return True
