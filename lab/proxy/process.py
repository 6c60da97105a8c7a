"""The backend's process, as the proxy's faults act on it.

Counterparts: `backends/apart.py` is one, `backends/started.py` another. The proxy knows no more of
what it stands before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from ...faults.actions import Direction

__all__ = ["Network", "Process"]


class Network(Protocol):
    """The network of a backend that has one of its own."""

    def cut(self, peer: str, directions: tuple[Direction, ...], done: Callable[[], None]) -> None:
        """Lose all packets between it and this peer in these directions; `done` is called then."""

    def join(self, peer: str, joined: Callable[[int], None]) -> None:
        """Lose them no more; `joined` is told how many were lost."""


class Process(Protocol):
    """What serves, in a process that the lab may end or halt.

    `what` and `halts`: how a fault's mechanism calls it, and what freezes it.
    """

    @property
    def what(self) -> str:
        """`stub process`, for example."""

    @property
    def halts(self) -> str:
        """`SIGSTOP`, for example."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, host and port; port 0 while it doesn't."""

    @property
    def network(self) -> Network | None:
        """Its own network; None: it has none."""

    def open(self, served: Callable[[], None]) -> None:
        """Have it serve, where it does not; `served` is called when it listens."""

    def end(self, how: Literal["stop", "kill"], ended: Callable[[], None]) -> None:
        """End it; `ended` is called when it is gone, with all its connections."""

    def freeze(self, frozen: Callable[[], None]) -> None:
        """Stop it where it stands; `frozen` is called when it does nothing any more, or at once."""

    def thaw(self) -> None:
        """Let it go on."""
