"""Where a test's lab stands: its environment, and the way of the test's own events into its history.

Counterpart: `lab.py` stands on it. `simulation/environment.py` is the other one, in the test's own loop.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..environments import Environment
from ..history import Header
from ..stamp import Stamp
from ..subjects.channel import Channel
from ..subjects.connects import AUDIT
from ..subjects.feed import Feed

__all__ = ["Ground", "Opening", "Place", "apart"]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a lab stands on. `limited`: a blocked call would wait for real, and is ended in time.

    `connects`: how those of the test are known.
    """

    environment: Environment
    channel: Channel
    stamp: Stamp
    limited: bool
    connects: str = AUDIT


class Place(Protocol):
    """Opens the ground of one test, with no service yet."""

    def __call__(self, *, header: Header, path: Path) -> Ground:
        """Its history goes to `path`."""


class Opening(Protocol):
    """Opens an environment in a process of the lab's."""

    def __call__(self, *, header: Header, path: Path, feed: socket.socket) -> Environment:
        """Its history goes to `path`; `feed` is the lab's end of the test's event channel."""


def apart(opening: Opening) -> Place:
    """The place of an environment in another process: the test's events go there by a socket."""

    def place(*, header: Header, path: Path) -> Ground:
        feed, events = socket.socketpair()
        try:
            environment = opening(header=header, path=path, feed=feed)
        except BaseException:
            feed.close()
            events.close()
            raise
        stamp = Stamp(time.monotonic() - environment.clock())
        return Ground(environment, Feed(events), stamp, limited=True)

    return place
