"""Connects counted on the loopback interface: for what runs outside of the interpreter.

A SYN filter in the kernel, read by a packet socket: exact where the right to capture packets
(CAP_NET_RAW) is there. A connect that is not answered sends its SYN again; source, port and
sequence number tell a repetition from the next connect. Counterpart: `connects.py` has the audit
event.
"""

from __future__ import annotations

import ctypes
import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ..addresses import operation_at
from ..history import AnyEvent, ConnectAttempted, ConnectsHidden

__all__ = ["PACKETS", "Packets", "PacketsError", "Syn", "accepts", "parse"]

PACKETS = "packets"

_LOOPBACK = "lo"
_IPV4 = 0x0800  # ETH_P_IP: such a socket is given what arrives, so each packet of `lo` once
_HEADERS = 96  # bytes: an IP header with options, and what of a TCP header is read
_BUFFER = 8 * 1024 * 1024  # bytes

# <asm-generic/socket.h>, <linux/if_packet.h>
_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_SOL_PACKET = 263
_PACKET_STATISTICS = 6

_TRIES = 200  # looks whether the kernel stamps packets; it begins to within milliseconds
_REST = 0.001  # seconds from a packet to the look at its stamp
_AT_ONCE = 0.0005  # seconds: a stamp that is older than the look by more is the kernel's


class PacketsError(OSError):
    """Connects can't be counted here; the message says why."""


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


def accepts(ports: Collection[int]) -> bytes:
    """The kernel's filter (classic BPF, on the IP header): a first SYN of TCP to one of `ports`."""
    tests = tuple(sorted(ports))
    code = [
        (0x30, 0, 0, 9),  # protocol
        (0x15, 0, 7 + len(tests), 6),  # TCP, or drop
        (0x28, 0, 0, 6),  # place in a fragmented packet
        (0x45, 5 + len(tests), 0, 0x1FFF),
        (0xB1, 0, 0, 0),  # X: length of the IP header
        (0x50, 0, 0, 13),  # flags
        (0x54, 0, 0, 0x12),  # SYN and ACK of them
        (0x15, 0, 1 + len(tests), 0x02),  # SYN alone
        (0x48, 0, 0, 2),  # port
        *((0x15, len(tests) - n, 0, port) for n, port in enumerate(tests)),
        (0x06, 0, 0, 0),  # drop
        (0x06, 0, 0, _HEADERS),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in code)


class Packets:
    """Notes `connect.attempted` for every connect to one of `ports` (port to service).

    `start` is the run's zero on CLOCK_MONOTONIC. `note` may be called from any thread, a call at a
    time. `probe` is a port of ours that refuses: connects to it show whether the count is exact.
    Raises PacketsError where it is not.
    """

    def __init__(
        self,
        ports: Mapping[int, str],
        start: float,
        note: Callable[[AnyEvent], None],
        probe: int,
    ) -> None:
        self._ports = dict(ports)
        self._start = start
        self._note = note
        self._reading = threading.Lock()
        self._seen: set[Syn] = set()
        self._lost = False
        self._socket = _listening((*self._ports, probe))
        try:
            self._prove(probe)
        except BaseException:
            self._socket.close()
            raise

    def drain(self) -> None:
        """Note all connects that have been made."""
        with self._reading:
            while (found := self._next()) is not None:
                syn, t = found
                if syn.port in self._ports and syn not in self._seen:
                    self._seen.add(syn)
                    self._note(
                        ConnectAttempted(
                            t=t - self._start,
                            service=self._ports[syn.port],
                            op=operation_at(socket.inet_ntoa(syn.dialled)),
                            port=syn.port,
                            local=syn.local,
                        )
                    )
            if not self._lost and self._drops():
                self._lost = True
                self._note(
                    ConnectsHidden(
                        t=time.monotonic() - self._start,
                        why="the kernel could not keep all packets that it captured",
                    )
                )

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note connects as they are made, until the block is left; the rest then."""
        ended, end = os.pipe()
        ends: list[socket.socket | int] = [self._socket, ended]

        def watch() -> None:
            while True:
                ready, _, _ = select.select(ends, [], [])
                if ended in ready:
                    return
                self.drain()

        thread = threading.Thread(target=watch, name="faultlab packets", daemon=True)
        thread.start()
        try:
            yield
        finally:
            os.close(end)
            thread.join()
            os.close(ended)
            self.drain()
            self._socket.close()

    def _next(self) -> tuple[Syn, float] | None:
        """The next SYN, and when the kernel had it on CLOCK_MONOTONIC; None: there is none."""
        while True:
            try:
                packet, told, _, _ = self._socket.recvmsg(_HEADERS, 64)
            except BlockingIOError:
                return None
            syn = parse(packet)
            stamp = next((data for _, kind, data in told if kind == _SO_TIMESTAMPNS), b"")
            if syn is not None and len(stamp) == 16:
                seconds, rest = struct.unpack("qq", stamp)
                return syn, min(seconds + rest / 1e9 + _from_wall(), time.monotonic())

    def _drops(self) -> int:
        told = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        drops: int = struct.unpack("II", told)[1]
        return drops

    def _prove(self, port: int) -> None:
        """Make connects of our own until one is seen once, with the kernel's own stamp.

        A kernel that does not stamp yet gives the time of the look instead.
        """
        for _ in range(_TRIES):
            with socket.socket() as ours:
                ours.connect_ex(("127.0.0.1", port))
                local = ours.getsockname()[1]
            time.sleep(_REST)
            looked = time.monotonic()
            stamps = []
            while (found := self._next()) is not None:
                if (found[0].port, found[0].local) == (port, local):
                    stamps.append(found[1])
            if len(stamps) != 1:
                raise PacketsError(f"a connect is seen {len(stamps)} times in the packets of `lo`")
            if looked - stamps[0] > _AT_ONCE:
                return
        raise PacketsError("the packets of `lo` are not stamped")


def _listening(ports: Collection[int]) -> socket.socket:
    """A packet socket that is given the SYNs to these ports, from now on. Raises PacketsError."""
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
        code = accepts(ports)
        kept = ctypes.create_string_buffer(code, len(code))
        program = struct.pack("HP", len(code) // 8, ctypes.addressof(kept))
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        with suppress(PermissionError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        sock.setblocking(False)
        sock.bind((_LOOPBACK, _IPV4))  # last: from here on packets come
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
