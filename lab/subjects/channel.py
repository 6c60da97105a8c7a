"""The event channel from a subject's process to the recorder: a connected Unix stream socket.

The frames are those of `lab/frames.py`. Events come stamped; nothing here reads a clock. A
recorder that is gone never breaks the subject: its events are dropped and `broken` says so.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import deque

from ..frames import Batch, Mark, frame
from ..history import AnyEvent

__all__ = ["Channel"]

_BATCH = 512  # events in a frame


class Channel:
    """Sends events in the order in which they were recorded. Every method may be called from any
    thread, `note` also from an audit hook.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._pending: deque[AnyEvent] = deque()
        self._sending = threading.Lock()
        self._owner = os.getpid()
        self._broken = False

    @property
    def broken(self) -> bool:
        """The recorder is gone, and what was recorded since is lost."""
        return self._broken

    def note(self, event: AnyEvent) -> None:
        """Keep an event for the next send: takes no lock, calls nothing that could block."""
        # A forked child has a copy of everything here; what it sent would damage the stream.
        if os.getpid() == self._owner:
            self._pending.append(event)

    def record(self, event: AnyEvent) -> None:
        """Send an event behind those noted before it."""
        self.note(event)
        if os.getpid() != self._owner:
            return
        # Whoever holds the lock looks again after giving it back, so that nothing stays behind;
        # and a record made by a finaliser inside a send can't wait for its own thread.
        while self._pending and self._sending.acquire(blocking=False):
            try:
                self._send_pending()
            finally:
                self._sending.release()

    def flush(self) -> None:
        """Send everything that was recorded; on return it has left this process."""
        if os.getpid() == self._owner:
            with self._sending:
                self._send_pending()

    def mark(self, token: int) -> None:
        """Send everything that was recorded, then a barrier that the recorder can answer."""
        if os.getpid() == self._owner:
            with self._sending:
                self._send_pending()
                self._send(frame(Mark(token)))

    def close(self) -> None:
        """Send the rest and close the socket."""
        self.flush()
        self._socket.close()

    def _send_pending(self) -> None:
        while batch := self._taken():
            self._send(frame(Batch(batch)))

    def _taken(self) -> tuple[AnyEvent, ...]:
        taken: list[AnyEvent] = []
        while len(taken) < _BATCH:
            try:
                taken.append(self._pending.popleft())
            except IndexError:
                break
        return tuple(taken)

    def _send(self, data: bytes) -> None:
        if self._broken:
            return
        try:
            self._socket.sendall(data)
        except OSError:
            self._broken = True
