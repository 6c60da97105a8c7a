"""SIGTERM taken like Ctrl-C: what runs is closed and said, and nothing is half done.

Whoever serves a loop has handlers of its own meanwhile (lab/foreground.py).
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["Terminated", "said", "terminable"]


class Terminated(KeyboardInterrupt):
    """SIGTERM came; whatever Ctrl-C closes is closed for it, too."""


def said(error: KeyboardInterrupt) -> tuple[str, int]:
    """What is said of an interrupt, and the exit code that shells know it by."""
    if isinstance(error, Terminated):
        return "terminated", 128 + signal.SIGTERM
    return "interrupted", 128 + signal.SIGINT


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Have SIGTERM raise Terminated in the main thread meanwhile.

    Does nothing where the signal is ignored or somebody else's, or in another thread than the main one.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise Terminated
