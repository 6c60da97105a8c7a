"""The connection to the backend of one link: dialled, written to, moved to another address, ended.

Counterpart: link.py, which is told of what comes from it. Knows no exchange.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from ..history import Ending
from ..net import Connection, Net

__all__ = ["Upstream"]

DIAL_LIMIT = 5.0  # seconds until an upstream that doesn't answer is taken for dead


class Owner(Protocol):
    """What a link is told of its upstream connection."""

    def backend_sent(self, data: bytes) -> None:
        """Bytes arrived from the backend."""

    def backend_ended(self, how: Ending, why: str = "") -> None:
        """The backend's FIN or RST arrived, or it can't be reached."""

    def backend_ready(self) -> None:
        """It is connected, or took what was written."""


class Upstream:
    """One connection at a time; what is written before it is connected, or while it is halted, waits.

    `full`: it should be given no more for now. `over`: nothing goes there any more.
    """

    def __init__(self, net: Net, address: tuple[str, int], owner: Owner) -> None:
        self.full = False
        self.over = False
        self.waiting = 0  # bytes that wait for the connection, or for its end of halting
        self._net = net
        self._address = address
        self._owner = owner
        self._connection: Connection | None = None
        self._early: list[bytes] = []
        self._fin = False
        self._paused = False
        self._halted = False

    @property
    def dialling(self) -> bool:
        """Whether something waits for the connection."""
        return self._connection is None and bool(self._early)

    def dial(self) -> None:
        """Connect; the owner is told of it later."""
        dialled = partial(self._dialled, self._address)
        self._net.connect(*self._address, dialled, DIAL_LIMIT)

    def move(self, address: tuple[str, int]) -> None:
        """What comes next goes to this backend, which knows nothing of the one before."""
        self._address = address
        self._drop()
        self.dial()

    def write(self, data: bytes) -> None:
        """Send, now or as soon as it is connected."""
        if self._connection is not None and not self._halted:
            if not self._connection.write(data):
                self.full = True
        elif not self.over:
            self._early.append(data)
            self.waiting += len(data)

    def fin(self) -> None:
        """Send FIN, behind what was written."""
        self._fin = True
        if self._connection is not None and not self._halted:
            self._connection.fin()

    def pause(self, *, paused: bool) -> None:
        """Read from it, or not."""
        if paused == self._paused or self._connection is None:
            return
        self._paused = paused
        self._read()

    def halt(self, *, halted: bool) -> None:
        """Neither read from it nor send to it, or go on."""
        self._halted = halted
        self._read()
        if not halted:
            self._send_early()

    def drain(self) -> None:
        """Take what the kernel has, now."""
        if self._connection is not None:
            self._connection.drain()

    def end(self) -> None:
        """It is over, by itself or by the owner's wish; what waits is dropped."""
        self.over = True
        self.full = False
        self._early.clear()
        self.waiting = 0
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self) -> None:
        if self._connection is None:
            return
        if self._paused or self._halted:
            self._connection.pause()
        else:
            self._connection.resume()

    def _send_early(self) -> None:
        if self._connection is None or self._halted:
            return
        if self._early:
            data = b"".join(self._early)
            self._early.clear()
            self.waiting = 0
            self.full = not self._connection.write(data)
        if self._fin:
            self._connection.fin()
        self._owner.backend_ready()

    def _dialled(self, address: tuple[str, int], result: Connection | OSError) -> None:
        if isinstance(result, OSError):
            if not self.over and address == self._address:
                reason = result.strerror or str(result)
                self._owner.backend_ended("fin", f"no connection to the backend: {reason}")
            return
        if self.over or address != self._address:
            result.close()
            return
        self._connection = result
        result.bind(self)
        if self._paused or self._halted:
            result.pause()
        self._send_early()

    # --- what the net tells it -------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Bytes arrived."""
        self._owner.backend_sent(data)

    def ended(self) -> None:
        """Its FIN arrived."""
        self._owner.backend_ended("fin")

    def lost(self, reset: bool) -> None:
        """It is over."""
        self._owner.backend_ended("rst" if reset else "fin")

    def drained(self) -> None:
        """It took what was written."""
        self.full = False
        self._owner.backend_ready()
