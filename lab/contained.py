"""The lab process in a container: the gate, in the network namespace of the lab's front.

`python -m faultlab.lab.contained SOCKET ADDRESS`: it dials SOCKET, which lies in a folder shared with the
conductor, and is handed runs over it (`host.py`); its listeners are at ADDRESS. It ends with that
connection, and the container with it. Counterpart of `environments/docker/lab.py`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable

from . import descriptors
from .addresses import ANY_LOOPBACK
from .host import serve
from .net import Connection, Listener
from .sockets import RealNet

__all__ = ["main"]


class _FrontNet(RealNet):
    """Sockets whose listeners for subjects are at the front's address."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str) -> None:
        super().__init__(loop)
        self._address = address

    def listen(
        self,
        accepted: Callable[[Connection], None],
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        starved: Callable[[str], None] | None = None,
    ) -> Listener:
        """Listen at the front's address where every address of the loopback was meant."""
        host = self._address if host == ANY_LOOPBACK else host
        return super().listen(accepted, port, host, starved=starved)


def main(arguments: list[str], exit_: Callable[[int], None] = os._exit) -> None:
    """The process's whole life."""
    path, address = arguments
    descriptors.take()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the conductor's to handle
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(path)
    loop = asyncio.new_event_loop()
    try:
        fine = serve(control, loop, entrance=lambda loop: _FrontNet(loop, address))
    finally:
        loop.close()
    exit_(0 if fine else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
