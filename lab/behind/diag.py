"""TCP sockets of whatever process in this network namespace, asked about and aborted by the kernel.

`NETLINK_SOCK_DIAG`: everybody may ask; to abort takes CAP_NET_ADMIN and a kernel that was built with
`INET_DIAG_DESTROY`. An aborted socket sends RST to its peer, and its owner meets an error.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys

__all__ = ["Ends", "acknowledged", "destroy", "established", "queued", "received", "undestroyable"]

Ends = tuple[str, int, str, int]
"""A connection as its owner has it: local address and port, the peer's address and port (IPv4)."""

# <linux/sock_diag.h>, <linux/inet_diag.h>, <linux/netlink.h>
_NETLINK_SOCK_DIAG = 4
_BY_FAMILY, _DESTROY = 20, 21
_ERROR = 2
_REQUEST, _ACK = 0x01, 0x04
_INFO = 2  # INET_DIAG_INFO: a struct tcp_info
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")
_MESSAGE = 72  # bytes of a struct inet_diag_msg
_QUEUED = 56  # where a struct inet_diag_msg has `idiag_rqueue`
_ESTABLISHED = 1  # TCP_ESTABLISHED, of its `idiag_state`
_BYTES_ACKED = 120  # where a struct tcp_info has `tcpi_bytes_acked`
_BYTES_RECEIVED = 128


def destroy(ends: Ends) -> bool:
    """Abort it; False: there is no such connection (any more). Raises OSError."""
    try:
        _ask(_DESTROY, _REQUEST | _ACK, ends, 0)
    except FileNotFoundError:
        return False
    return True


def undestroyable() -> str:
    """Why connections can't be aborted here; empty if they can."""
    if sys.platform != "linux":
        return "only Linux aborts the connections of another process"
    try:
        destroy(("127.0.0.1", 1, "127.0.0.1", 1))
    except PermissionError:
        return "the right to administer the network (CAP_NET_ADMIN, which root has) is missing"
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return "this kernel was built without INET_DIAG_DESTROY"
        return f"the kernel aborts no connection: {error.strerror}"
    return ""


def acknowledged(ends: Ends) -> int | None:
    """How many bytes the peer's kernel has of what its owner wrote; None: there is none such."""
    return _counted(ends, _BYTES_ACKED)


def received(ends: Ends) -> int | None:
    """How many bytes have arrived, and one for a FIN; None: there is no such connection."""
    return _counted(ends, _BYTES_RECEIVED)


def established(ends: Ends) -> bool:
    """Whether neither side has ended it."""
    try:
        told = _ask(_BY_FAMILY, _REQUEST, ends, 0)
    except OSError:
        return False
    return told[_HEADER.size + 1] == _ESTABLISHED


def queued(address: str, port: int) -> int:
    """How many connections wait at a listening port to be accepted."""
    try:
        told = _ask(_BY_FAMILY, _REQUEST, (address, port, "0.0.0.0", 0), 0)  # noqa: S104
    except OSError:
        return 0  # nobody listens
    count: int = struct.unpack_from("=I", told, _HEADER.size + _QUEUED)[0]
    return count


def _counted(ends: Ends, place: int) -> int | None:
    """A count of a connection's `tcp_info`."""
    try:
        told = _ask(_BY_FAMILY, _REQUEST, ends, 1 << (_INFO - 1))
    except OSError:
        return None
    at = _HEADER.size + _MESSAGE
    while at + 4 <= len(told):
        length, kind = struct.unpack_from("=HH", told, at)
        if kind == _INFO and length >= 4 + place + 8:
            count: int = struct.unpack_from("=Q", told, at + 4 + place)[0]
            return count
        at += max(4, (length + 3) & ~3)
    return None


def _ask(kind: int, flags: int, ends: Ends, extensions: int) -> bytes:
    """One question to the kernel, answered before it returns."""
    address, port, peer, peer_port = ends
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, extensions, 0, _ANY_STATE)
    body += struct.pack("!HH", port, peer_port)
    body += socket.inet_aton(address).ljust(16, b"\0") + socket.inet_aton(peer).ljust(16, b"\0")
    body += struct.pack("=III", 0, _NO_COOKIE, _NO_COOKIE)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as sock:
        sock.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body)
        told = sock.recv(16384)
    if _HEADER.unpack_from(told)[1] == _ERROR:
        number: int = -struct.unpack_from("=i", told, _HEADER.size)[0]
        if number:
            raise OSError(number, os.strerror(number))
    return told
