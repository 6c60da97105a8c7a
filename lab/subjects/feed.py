"""An end of the event channel that sends at once what the audit hook notes.

Counterpart: the recorder in the lab process.
"""

from __future__ import annotations

import socket
import threading
from queue import SimpleQueue

from typing_extensions import override

from ..history import AnyEvent
from .channel import Channel
from .leftovers import OURS

__all__ = ["Feed"]


class Feed(Channel):
    """Sends at once what the audit hook noted: a fault's first hit may be waited for."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._noted: SimpleQueue[bool] = SimpleQueue()  # its `put` may stand in any hook
        self._sender = threading.Thread(target=self._send_noted, name=f"{OURS}feed", daemon=True)
        self._sender.start()

    @override
    def note(self, event: AnyEvent) -> None:
        super().note(event)
        self._noted.put(True)

    @override
    def close(self) -> None:
        self._noted.put(False)
        self._sender.join()
        super().close()

    def _send_noted(self) -> None:
        while self._noted.get():
            self.flush()
