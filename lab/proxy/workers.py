"""The workers that faults leave a backend, and the exchanges that hold one or wait for one.

Counterparts: force.py says how many there are to who decides, gate.py takes a place and leaves it.
Knows no connection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["Place", "Workers"]


class Place:
    """One exchange's: a worker, or a place in the queue before one."""

    def __init__(self, crew: _Crew, turn: Callable[[], None] | None) -> None:
        self._crew: _Crew | None = crew
        self._turn = turn

    def leave(self) -> None:
        """Give it up: the first in the queue takes a worker's place. Twice does no harm."""
        crew, self._crew = self._crew, None
        if crew is not None:
            crew.left(self, waiting=self._turn is not None)

    def call(self) -> None:
        """Its turn has come."""
        turn, self._turn = self._turn, None
        if turn is not None:
            turn()


class _Crew:
    """The workers of one fault, and the queue before them."""

    def __init__(self) -> None:
        self.busy = 0
        self.queue: deque[Place] = deque()
        self.over = False

    def left(self, place: Place, *, waiting: bool) -> None:
        """A place is free."""
        if waiting:
            if place in self.queue:
                self.queue.remove(place)
            return
        self.busy -= 1
        if self.queue and not self.over:
            self.busy += 1
            self.queue.popleft().call()


class Workers:
    """The crews of all faults, by their ids."""

    def __init__(self) -> None:
        self._crews: dict[int, _Crew] = {}

    def counts(self, fault: int) -> tuple[int, int]:
        """How many are busy, and how many exchanges wait."""
        crew = self._crews.get(fault)
        return (0, 0) if crew is None else (crew.busy, len(crew.queue))

    def enter(self, fault: int) -> Place:
        """Take a worker."""
        crew = self._crews.setdefault(fault, _Crew())
        crew.busy += 1
        return Place(crew, None)

    def queue(self, fault: int, turn: Callable[[], None]) -> Place:
        """Wait behind all others; `turn` is called when a worker is free."""
        crew = self._crews.setdefault(fault, _Crew())
        place = Place(crew, turn)
        crew.queue.append(place)
        return place

    def end(self, fault: int) -> None:
        """The fault is over: all that wait have their turn, in order."""
        crew = self._crews.pop(fault, None)
        if crew is not None:
            crew.over = True
            while crew.queue:
                crew.busy += 1
                crew.queue.popleft().call()

    def close(self) -> None:
        """The run is over: nobody has a turn any more."""
        for crew in self._crews.values():
            crew.over = True
            crew.queue.clear()
        self._crews.clear()
