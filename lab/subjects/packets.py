"""Connects counted on the loopback interface: for what runs outside of the interpreter.

A SYN filter in the kernel (`lab/counting.py`): exact where the right to capture packets
(CAP_NET_RAW) is there. Counterpart: `connects.py` has the audit event.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ..counting import Counting
from ..history import AnyEvent
from ..packets import PacketsError

__all__ = ["Packets"]

_LOOPBACK = "lo"

_TRIES = 200  # looks whether the kernel stamps packets; it begins to within milliseconds
_REST = 0.001  # seconds from a packet to the look at its stamp
_AT_ONCE = 0.0005  # seconds: a stamp that is older than the look by more is the kernel's


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
        self._reading = threading.Lock()
        self._counting = Counting(_LOOPBACK, ports, start, note, beside=(probe,))
        try:
            self._prove(probe)
        except BaseException:
            self._counting.close()
            raise

    def drain(self) -> None:
        """Note all connects that have been made."""
        with self._reading:
            self._counting.drain()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note connects as they are made, until the block is left; the rest then."""
        ended, end = os.pipe()
        ends: list[Counting | int] = [self._counting, ended]

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
            self._counting.close()

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
            stamps = [
                t for syn, t in self._counting.syns() if (syn.port, syn.local) == (port, local)
            ]
            if len(stamps) != 1:
                raise PacketsError(f"a connect is seen {len(stamps)} times in the packets of `lo`")
            if looked - stamps[0] > _AT_ONCE:
                return
        raise PacketsError("the packets of `lo` are not stamped")
