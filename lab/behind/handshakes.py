"""Whom Toxiproxy's kernel lets in on a port: handshakes seen in the packets of its interface.

A connection stands in the order of accepting when the packet behind its SYN has come. Packets of one
processor are seen in the order in which they are carried out, those of two are not: the filter tells
the processor by how much of a packet it lets through. Counterpart: `clients.py` pairs them.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable

from ..packets import Capture, Syn, parse, tcp_to
from .clients import Client

__all__ = ["Handshakes", "filters", "lane_of"]

_READ = 34  # bytes of a packet that are always needed: its two headers up to the flags
_LANES = 18  # processors that one filter tells apart: no packet of TCP is shorter than 40 bytes,
# and one with a time stamp, as systems send them, than 52
_SYN, _ACK, _RST = 0x02, 0x10, 0x04
_SEQUENCES = 1 << 32
_KEPT = 4096  # SYNs whose handshake is still to be completed


def filters(port: int, processors: int) -> list[bytes]:
    """The kernel's filters, of up to 18 processors each: SYNs and what comes behind, but no RST."""
    alive = [(0x50, 0, 0, 13), (0x45, 2, 0, _RST)]
    return [
        tcp_to(
            (port,),
            alive,
            [
                (0x20, 0, 0, 0xFFFFF024),  # the processor
                (0x34, 0, 0, _LANES),  # divided
                (0x15, 1, 0, group),
                (0x06, 0, 0, 0),  # another filter's
                (0x20, 0, 0, 0xFFFFF024),
                (0x94, 0, 0, _LANES),  # the rest
                (0x04, 0, 0, _READ),
                (0x16, 0, 0, 0),  # let so many bytes through
            ],
        )
        for group in range(-(-processors // _LANES))
    ]


def lane_of(packet: bytes, group: int) -> int | None:
    """The processor that saw it; None: it was too short to say."""
    whole: int = struct.unpack_from("!H", packet, 2)[0]
    told = len(packet) - _READ
    return group * _LANES + told if 0 <= told < min(_LANES, whole - _READ) else None


class Handshakes:
    """The handshakes of one port of ours on one interface. Raises PacketsError.

    `told` gets each client once its handshake is complete, `attempted` each connect at its SYN.
    """

    def __init__(
        self,
        interface: str,
        port: int,
        told: Callable[[Client], None],
        attempted: Callable[[Client], None] = lambda _: None,
    ) -> None:
        self._told = told
        self._attempted = attempted
        self._open: dict[tuple[bytes, int], Syn] = {}
        self._alone = -1  # lanes of those of whom none is known: each has one of its own
        self._captures: list[Capture] = []
        try:
            for code in filters(port, os.cpu_count() or 1):
                self._captures.append(Capture(interface, code))
        except OSError:
            self.close()
            raise

    def drain(self) -> str:
        """Tell of all that have come; why some are missing, empty if none is."""
        lost = False
        seen: list[tuple[float, bytes, int | None]] = []
        for group, capture in enumerate(self._captures):
            seen += [(t, packet, lane_of(packet, group)) for packet, t in capture.packets()]
            lost = capture.drops() > 0 or lost
        if len(self._captures) > 1:
            seen.sort(key=lambda one: one[0])
        for t, packet, lane in seen:
            self._take(packet, t, lane)
        return "the kernel could not keep all packets that it captured" if lost else ""

    def close(self) -> None:
        """Capture no more."""
        for capture in self._captures:
            capture.close()
        self._captures.clear()

    def _take(self, packet: bytes, t: float, lane: int | None) -> None:
        syn = parse(packet)
        head = 4 * (packet[0] & 0x0F)
        if syn is None or len(packet) < head + 14:
            return
        who = (syn.source, syn.local)
        flags = packet[head + 13]
        if flags & _SYN:
            if not flags & _ACK and self._open.get(who) != syn:
                self._attempted(self._client(syn, t, lane))
                self._open.pop(who, None)
                self._open[who] = syn
                if len(self._open) > _KEPT:
                    del self._open[next(iter(self._open))]
            return
        opened = self._open.get(who)
        if opened is not None and syn.sequence == (opened.sequence + 1) % _SEQUENCES:
            del self._open[who]
            self._told(self._client(syn, t, lane))

    def _client(self, syn: Syn, t: float, lane: int | None) -> Client:
        if lane is None:
            self._alone -= 1
            lane = self._alone
        source, dialled = socket.inet_ntoa(syn.source), socket.inet_ntoa(syn.dialled)
        return Client(source, syn.local, dialled, t, lane)
