"""The delays that bytes meet, of their exchange and of the stream, and the note that they acted.

Counterpart: line.py carries them out. Knows which faults delay only through force.py.
"""

from __future__ import annotations

from ...faults.actions import Direction, Slow
from .exchange import Exchange
from .force import Force
from .notes import Notes

__all__ = ["Pace"]


class Pace:
    """The delays of one client connection."""

    def __init__(self, force: Force, notes: Notes, conn: int) -> None:
        self._force = force
        self._notes = notes
        self._conn = conn
        self._told: set[int] = set()  # faults that acted on bytes of no exchange

    def of(self, exchange: Exchange, direction: Direction) -> tuple[Slow, ...]:
        """Those of one exchange, one way; the first time a fault delays it, it acted."""
        scoped = exchange.delays
        if scoped:
            scoped = tuple(delay for delay in scoped if delay.direction == direction)
        if not self._force.streaming:
            return scoped
        stream = self._force.stream(direction, exchange.key(self._conn))
        for delay in stream:
            if delay.fault not in exchange.streamed:
                exchange.streamed.add(delay.fault)
                self._notes.fired(delay.fault, exchange, "bytes")
        return (*scoped, *self._ours(stream))

    def both_ways(self, exchange: Exchange) -> tuple[Slow, ...]:
        """The gate stands at the backend's end: its answers pass the delays of both directions."""
        return (*self.of(exchange, "to_backend"), *self.of(exchange, "to_client"))

    def unread(self, direction: Direction) -> tuple[Slow, ...]:
        """Those of bytes that are no exchange's."""
        if not self._force.streaming:
            return ()
        stream = self._force.stream(direction, (self._conn, 0))
        for delay in stream:
            if delay.fault not in self._told:
                self._told.add(delay.fault)
                self._force.fired(delay.fault, "bytes", conn=self._conn)
        return self._ours(stream)

    def _ours(self, stream: tuple[Slow, ...]) -> tuple[Slow, ...]:
        """Those that the link carries out itself."""
        below = self._force.below
        return tuple(slow for slow in stream if slow.fault not in below) if below else stream
