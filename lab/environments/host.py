"""A lab process as the conductor sees it: a place that runs are handed to.

Counterpart of `lab/host.py`, which is that process. `embedded.py` has it on this machine's
loopback, `docker/` in a container.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Iterable
from types import TracebackType
from typing import Protocol, Self

from ..backends.container import Contained
from ..backends.pipe import Place
from ..backends.specification import Specification
from ..orders import Wanted

__all__ = ["Host"]


class Host(Protocol):
    """A lab process: started once for a session or a command, ended with `close`.

    It ends with this process, too, however that ends. Thread-safe.
    """

    @property
    def environment(self) -> str:
        """The name of its environment."""

    @property
    def address(self) -> str:
        """Where subjects reach its listeners: an IPv4 address."""

    @property
    def route(self) -> str:
        """How they reach it, for the history."""

    @property
    def clock(self) -> float:
        """Seconds by which its CLOCK_MONOTONIC may differ from this process's, as measured."""

    @property
    def alive(self) -> bool:
        """Whether it still runs."""

    @property
    def problem(self) -> str:
        """What happened to it from outside, so that nothing is to be believed; empty: nothing."""

    @property
    def who(self) -> str:
        """How messages call it."""

    def hand_over(self, channel: socket.socket, feed: socket.socket, history: io.FileIO) -> int:
        """Give it a run: two sockets, and the file to write; the run's number here.

        Raises SetupError if it is gone.
        """

    def within(self, specification: Specification) -> Specification:
        """Who serves, as the lab process reaches it. Raises SetupError where there is no way."""

    def places(self, services: Iterable[str]) -> dict[str, Place] | None:
        """The processes that serve the stubs of these services; None: it serves them itself.

        What does not run yet is started. Raises SetupError.
        """

    def contain(self, run: int, wanted: Wanted) -> Contained:
        """Start a container of this run's own, or act on one; what came of it. It takes its time."""

    def lost(self, run: int) -> str:
        """Which servers of this run's own have ended by themselves, with their last lines."""

    def printed(self, run: int, since: float) -> dict[str, bytes]:
        """What servers that only it can hear have printed for this run, by name.

        `since` is the run's start, in seconds since 1970. Those that others share print for all.
        """

    def release(self, run: int) -> None:
        """Have all containers of this run's own removed, soon."""

    def ended(self) -> str:
        """Which of its containers have ended that nobody ended, with their last lines."""

    def gone(self) -> str:
        """What to say when it no longer answers."""

    def close(self) -> None:
        """Stop everything."""

    def __enter__(self) -> Self:
        """The same."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """As `close`."""
