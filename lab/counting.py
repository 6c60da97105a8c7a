"""Connects counted by their packets where these arrive, whichever process made them.

Used by the subject's process on the loopback (`subjects/packets.py`), and by a gate on the interface of
the lab's front. A connect that is not answered sends its SYN again; source, port and sequence number
tell a repetition from the next connect.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping

from .addresses import operation_at
from .history import AnyEvent, ConnectAttempted, ConnectsHidden
from .packets import Capture, Syn, accepts, parse

__all__ = ["PACKETS", "Counting"]

PACKETS = "packets"
"""How connects are known that are counted so."""


class Counting:
    """Notes `connect.attempted` for every connect to one of `ports` (port to service).

    `start` is the run's zero on CLOCK_MONOTONIC. `beside`: ports whose SYNs are captured and not noted.
    Raises PacketsError where packets can't be captured.
    """

    def __init__(
        self,
        interface: str,
        ports: Mapping[int, str],
        start: float,
        note: Callable[[AnyEvent], None],
        *,
        beside: Collection[int] = (),
    ) -> None:
        self._ports = dict(ports)
        self._start = start
        self._note = note
        self._seen: set[Syn] = set()
        self._lost = False
        self._capture = Capture(interface, accepts((*self._ports, *beside)))

    def fileno(self) -> int:
        """Readable while there is something to note."""
        return self._capture.fileno()

    def drain(self) -> None:
        """Note all connects that have been made."""
        for syn, t in self.syns():
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
        if not self._lost and self._capture.drops():
            self._lost = True
            self._note(
                ConnectsHidden(
                    t=time.monotonic() - self._start,
                    why="the kernel could not keep all packets that it captured",
                )
            )

    def syns(self) -> Iterator[tuple[Syn, float]]:
        """The SYNs that have come, and when the kernel had each on CLOCK_MONOTONIC."""
        for packet, t in self._capture.packets():
            syn = parse(packet)
            if syn is not None:
                yield syn, t

    def close(self) -> None:
        """Count no more."""
        self._capture.close()
