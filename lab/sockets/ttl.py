"""The least time to live that a socket accepts of a packet: out of reach, it hears nobody.

What the kernel drops for it is answered by nothing: a SYN stays unanswered, data without an ACK.
Counterparts: listener.py for connects, connection.py for live connections.
"""

from __future__ import annotations

import socket

__all__ = ["OUT_OF_REACH", "can_be_deaf", "hear_all", "hear_nobody"]

OUT_OF_REACH = 255  # loopback packets carry 64

# The option `IP_MINTTL` of <linux/in.h>, which the socket module doesn't name.
_MINIMUM_TTL = 21
_ANY = 0


def hear_nobody(sock: socket.socket) -> None:
    """Have every packet of the peer's dropped. Raises OSError where that can't be had."""
    sock.setsockopt(socket.IPPROTO_IP, _MINIMUM_TTL, OUT_OF_REACH)


def hear_all(sock: socket.socket) -> None:
    """Take packets again. Raises OSError where there is no such option."""
    sock.setsockopt(socket.IPPROTO_IP, _MINIMUM_TTL, _ANY)


def can_be_deaf() -> bool:
    """Whether this kernel has the option."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        try:
            hear_nobody(sock)
        except OSError:
            return False
    return True
