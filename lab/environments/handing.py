"""How runs get into a lab process: one after the other, numbered, with the descriptors that are theirs.

Counterpart: `lab/host.py` takes them.
"""

from __future__ import annotations

import io
import socket
import threading
from itertools import count

__all__ = ["Handing"]


class Handing:
    """Hands runs over `control`, which stays its maker's. Thread-safe."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lock = threading.Lock()
        self._runs = count(1)

    def hand_over(self, channel: socket.socket, feed: socket.socket, history: io.FileIO) -> int:
        """Give it a run: two sockets, and the file to write; the run's number there.

        Raises OSError if it is gone.
        """
        given = [channel.fileno(), feed.fileno(), history.fileno()]
        with self._lock:  # numbers are in the order of arrival
            socket.send_fds(self._control, [b"run"], given)
            return next(self._runs)
