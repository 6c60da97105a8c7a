"""The network of a container that serves one service, as the lab process has it cut and joined."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .container import Contained, Cuts, Way

__all__ = ["Network"]


class Network:
    """One service's own. `changed` is called after each change, with why it could not be made, or empty."""

    def __init__(self, engine: Cuts, service: str, changed: Callable[[str], None]) -> None:
        self._engine = engine
        self._service = service
        self._changed = changed
        self._changing = 0
        self._closed = False

    @property
    def settled(self) -> bool:
        """Whether no change of it is on its way."""
        return not self._changing

    def cut(self, peer: str, directions: tuple[Way, ...], done: Callable[[], None]) -> None:
        """Lose all packets between it and this peer in these directions; `done` is called then."""
        self._changing += 1
        self._engine.cut(self._service, peer, directions, partial(self._came, lambda _: done()))

    def join(self, peer: str, joined: Callable[[int], None]) -> None:
        """Lose them no more; `joined` is told how many were lost."""
        self._changing += 1
        self._engine.join(self._service, peer, partial(self._came, joined))

    def close(self) -> None:
        """Call nobody any more."""
        self._closed = True

    def _came(self, done: Callable[[int], None], told: Contained) -> None:
        self._changing -= 1
        if self._closed:
            return
        if not told.problem:
            done(told.lost)
        self._changed(told.problem)
