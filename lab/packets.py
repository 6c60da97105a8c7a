"""Packets of TCP as the kernel shows them on an interface, chosen by a filter inside of the kernel.

Needs the right to capture packets (CAP_NET_RAW). Counterparts: `subjects/packets.py` counts connects
with it, `behind/handshakes.py` sees whom Toxiproxy accepts.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["ADDRESSES", "Capture", "Line", "PacketsError", "Syn", "accepts", "parse", "tcp_to"]

Line = tuple[int, int, int, int]
"""One instruction of a filter (classic BPF, on the IP header): code, jumps if true and false, value."""

_HEADERS = 96  # bytes: an IP header with options, and what of a TCP header is read
_IPV4 = 0x0800  # ETH_P_IP: such a socket is given what arrives, so each packet of `lo` once
_BUFFER = 8 * 1024 * 1024  # bytes

# <asm-generic/socket.h>, <linux/if_packet.h>
_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_SOL_PACKET = 263
_PACKET_STATISTICS = 6

ADDRESSES = slice(12, 20)
"""Where an IP header has the source's address, and the destination's behind it."""


class PacketsError(OSError):
    """Packets can't be captured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Syn:
    """What tells one connect from another: who sends it, where to, and with which first number."""

    source: bytes
    dialled: bytes
    local: int
    port: int
    sequence: int


def parse(packet: bytes) -> Syn | None:
    """The SYN in an IPv4 packet; None if that is cut too short."""
    head = 4 * (packet[0] & 0x0F) if packet else 0
    if not head or len(packet) < head + 8:
        return None
    local, port, sequence = struct.unpack_from("!HHI", packet, head)
    return Syn(packet[12:16], packet[16:20], local, port, sequence)


def tcp_to(ports: Collection[int], chosen: Collection[Line], rest: Collection[Line]) -> bytes:
    """A filter: of TCP to one of `ports`, `chosen` must go on at its own end; then `rest` decides.

    `chosen` is given X, the length of the IP header; it jumps to one behind its end to drop.
    """
    tests = tuple(sorted(ports))
    behind = len(chosen) + 1 + len(tests)  # from the first of `chosen` to the drop
    code = [
        (0x30, 0, 0, 9),  # protocol
        (0x15, 0, behind + 3, 6),  # TCP, or drop
        (0x28, 0, 0, 6),  # place in a fragmented packet
        (0x45, behind + 1, 0, 0x1FFF),
        (0xB1, 0, 0, 0),  # X: length of the IP header
        *chosen,
        (0x48, 0, 0, 2),  # port
        *((0x15, len(tests) - n, 0, port) for n, port in enumerate(tests)),
        (0x06, 0, 0, 0),  # drop
        *rest,
    ]
    return b"".join(struct.pack("HBBI", *line) for line in code)


def accepts(ports: Collection[int]) -> bytes:
    """The filter of a first SYN to one of `ports`."""
    first_syn = [
        (0x50, 0, 0, 13),  # flags
        (0x54, 0, 0, 0x12),  # SYN and ACK of them
        (0x15, 0, 1 + len(ports), 0x02),  # SYN alone, or drop
    ]
    return tcp_to(ports, first_syn, [(0x06, 0, 0, _HEADERS)])


class Capture:
    """The packets that arrive on `interface` and pass a filter. Raises PacketsError.

    Nothing is missed after it is made, but what `drops` counts.
    """

    def __init__(self, interface: str, code: bytes) -> None:
        self._socket = _listening(interface, code)

    def fileno(self) -> int:
        """Readable while there is one."""
        return self._socket.fileno()

    def close(self) -> None:
        """Capture no more."""
        self._socket.close()

    def packets(self) -> Iterator[tuple[bytes, float]]:
        """Those that have come: as much as was let through, and when, on CLOCK_MONOTONIC."""
        while True:
            try:
                packet, told, _, _ = self._socket.recvmsg(_HEADERS, 64)
            except BlockingIOError:
                return
            stamp = next((data for _, kind, data in told if kind == _SO_TIMESTAMPNS), b"")
            if len(stamp) == 16:
                seconds, rest = struct.unpack("qq", stamp)
                yield packet, min(seconds + rest / 1e9 + _from_wall(), time.monotonic())

    def drops(self) -> int:
        """How many the kernel could not keep since the last call."""
        told = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        drops: int = struct.unpack("II", told)[1]
        return drops


def _listening(interface: str, code: bytes) -> socket.socket:
    if sys.platform != "linux":
        raise PacketsError("packets are captured on Linux only")
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    except PermissionError:
        raise PacketsError(
            "the right to capture packets (CAP_NET_RAW, which root has) is missing"
        ) from None
    except OSError as error:
        raise PacketsError(f"packets can't be captured: {error.strerror}") from error
    try:
        kept = ctypes.create_string_buffer(code, len(code))
        program = struct.pack("HP", len(code) // 8, ctypes.addressof(kept))
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        with suppress(PermissionError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        sock.setblocking(False)
        sock.bind((interface, _IPV4))  # last: from here on packets come
    except OSError as error:
        sock.close()
        raise PacketsError(f"packets can't be captured: {error.strerror}") from error
    return sock


def _from_wall() -> float:
    """What turns a time of the wall clock, as packets are stamped, into one of CLOCK_MONOTONIC."""
    best = None
    for _ in range(3):
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if best is None or after - before < best[0]:
            best = (after - before, (before + after) / 2 - wall)
    assert best is not None
    return best[1] / 1e9
