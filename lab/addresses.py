"""An address of the loopback for each operation, so that what calls it needs no tag.

Linux takes all of 127.0.0.0/8 for its own: a command is given an address of its operation's, and
wherever its connections and SYNs are seen they say whose they are.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from contextlib import suppress

__all__ = ["ANY_LOOPBACK", "TOXIPROXYS", "address_of", "confined", "confines", "operation_at"]

ANY_LOOPBACK = "127.0.0.0/8"
"""To listen on: every address of the loopback, and no other."""

TOXIPROXYS = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"
"""Where a real Toxiproxy listens on the loopback: there alone, so that no operation has another."""

_FIRST = int(ipaddress.IPv4Address("127.1.0.0"))
_LAST = int(ipaddress.IPv4Address("127.255.255.255"))
_BIND_TO_DEVICE = 25  # <asm-generic/socket.h>


def address_of(operation: int) -> str:
    """The address of an operation, by its id from 1: 127.1.0.7."""
    return str(ipaddress.IPv4Address(_FIRST + operation))


def operation_at(address: str) -> int | None:
    """The operation whose address this is; None: it is none's."""
    with suppress(ValueError):
        number = int(ipaddress.IPv4Address(address))
        if _FIRST < number <= _LAST:
            return number - _FIRST
    return None


def confined(sock: socket.socket) -> bool:
    """Have a socket hear the loopback only, whatever address it is bound to; False: it can't be."""
    if sys.platform != "linux":
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _BIND_TO_DEVICE, b"lo\0")
    except OSError:  # before Linux 5.7 it takes a right
        return False
    return True


def confines() -> bool:
    """Whether sockets can be confined to the loopback here."""
    with socket.socket() as sock:
        return confined(sock)
