"""The test's end of the event channel: what the audit hook notes is sent at once.

Counterpart: the recorder in the lab process. In a subject's own process `subjects/inside.py` sends.
"""

from __future__ import annotations

import socket
import threading
from queue import SimpleQueue

from typing_extensions import override

from ..history import AnyEvent
from ..subjects.channel import Channel

__all__ = ["Feed"]


class Feed(Channel):
    """Sends at once what the audit hook noted, so that `first` comes while the test waits for it.

    In a subject's own process the end of an attempt sends it; a test's client tells no such end.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._noted: SimpleQueue[bool] = SimpleQueue()  # its `put` may stand in any hook
        self._sender = threading.Thread(target=self._send_noted, name="faultlab-feed", daemon=True)
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
