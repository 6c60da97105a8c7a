"""The lab process in a container: the gate, in the network namespace of the lab's front.

`python -m faultlab.lab.contained SOCKET ADDRESS`: it dials SOCKET, which lies in a folder shared with the
conductor, and is handed runs over it (`host.py`). Clients reach it through the Toxiproxy that is in the
same namespace, whose listeners are at ADDRESS. It ends with that connection, and the container with
it. Counterpart of `environments/docker/lab.py`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from . import descriptors
from .behind.control import Control
from .behind.front import Front
from .behind.net import BehindNet
from .errors import SetupError
from .host import serve
from .sockets import RealNet

__all__ = ["main"]

_TOXIPROXY = ("127.0.0.1", 8474)  # `environments/docker/site.py` has it there
_INTERFACE = "eth0"  # a container's first, as the engine names it
_INSTEAD = (
    "the lab's image must have `nft`, and the engine must give its containers CAP_NET_ADMIN; "
    "--env embedded needs neither"
)
_STARTING = 20.0  # seconds for Toxiproxy to answer, on a loaded machine
_LOOK = 0.01  # seconds between looks whether it does


def _answering(control: Control) -> Control:
    """Toxiproxy's control, as soon as it answers. Raises SetupError."""
    until = time.monotonic() + _STARTING
    while time.monotonic() < until:
        with suppress(SetupError):
            control.version()
            return control
        time.sleep(_LOOK)
    raise SetupError(f"Toxiproxy does not answer at {control.place} within {_STARTING:g} s")


def main(arguments: list[str], exit_: Callable[[int], None] = os._exit) -> None:
    """The process's whole life."""
    path, address = arguments
    descriptors.take()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the conductor's to handle
    toxiproxy = _answering(Control(*_TOXIPROXY))
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(path)
    loop = asyncio.new_event_loop()
    front = Front(loop, toxiproxy, address, _INTERFACE, instead=_INSTEAD)
    try:
        fine = serve(control, loop, lambda loop: BehindNet(front, RealNet(loop)), _INTERFACE)
    finally:
        front.close()
        loop.close()
    exit_(0 if fine else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
