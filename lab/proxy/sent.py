"""What goes to one client: written, counted, and noted when it gets there.

What slows bytes beyond us (a toxic of Toxiproxy's) is known to us: they leave at once, and count, with
all that is to be noted of them, no sooner than the client can have them. Counterpart: link.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..net import Connection
from .ends import Due
from .force import Force
from .line import Line

__all__ = ["Sent", "due"]


def due(notes: tuple[Due, ...], start: int, stop: int) -> tuple[Due, ...]:
    """The notes of bytes from `start` to `stop`, if these are released."""
    return tuple(one for one in notes if start < one[0] <= stop or start == one[0] == 0)


class Sent:
    """The way to one client. `left` is called after something has got there later than it left us.

    `count`: the bytes that the client has; `at`: when it had the last of them, None: it has none.
    """

    def __init__(self, force: Force, client: Connection, left: Callable[[], None]) -> None:
        self.count = 0
        self.at: float | None = None
        self._force = force
        self._client = client
        self._beyond = Line(force.net, force.holds, left)

    @property
    def empty(self) -> bool:
        """Whether nothing is on its way beyond us."""
        return self._beyond.empty

    def send(self, data: bytes, notes: tuple[Due, ...]) -> bool:
        """Release it, with what is to be noted of it; False: the client should get no more now."""
        slows = self._force.beyond()
        if slows or not self._beyond.empty:
            room = not data or self._client.write(data)
            self._beyond.put_bytes(partial(self._passed, notes, len(data)), len(data), slows)
            return room
        self._note(notes, len(data))
        return not data or self._client.write(data)

    def then(self, call: Callable[[], None]) -> None:
        """Call behind all that is on its way: at once, if nothing is."""
        if self._beyond.empty:
            call()
        else:
            self._beyond.put(call, 0, ())

    def pump(self) -> None:
        """What slowed it may be over."""
        self._beyond.pump()

    def clear(self) -> None:
        """Nothing more gets there."""
        self._beyond.clear()

    def _passed(self, notes: tuple[Due, ...], size: int, start: int, stop: int) -> None:
        self._note(due(notes, start, stop) if size else notes, stop - start)

    def _note(self, notes: tuple[Due, ...], count: int) -> None:
        for _, note in notes:
            note()
        if count:
            self.at = self._force.clock()
            if self._force.waiting.counts_bytes:
                self._force.waiting.sent(count)
            self.count += count
