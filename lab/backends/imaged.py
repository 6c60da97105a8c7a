"""A server of the user's in a container of its image, as the lab process sees it.

The engine is the conductor's (`environments/docker/`): it starts the container, waits until the server
in it answers, and does to it what it is asked. The fourth form of a backend; it reports nothing of what it serves.
Knows no proxy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from .container import Contained, Engine
from .network import Network
from .servers import Image

__all__ = ["Imaged"]

State = Literal["gone", "starting", "serving", "freezing", "frozen", "thawing", "ending"]
_SERVES = ("serving", "freezing", "frozen", "thawing")


class Imaged:
    """The backend of one service, in a container of an image.

    `changed` is called, from the loop, when `settled` may have changed.
    """

    what = "server's container"
    halts = "paused by the engine"

    def __init__(
        self, engine: Engine, service: str, image: Image, *, changed: Callable[[], None]
    ) -> None:
        self.problem = ""
        self._engine = engine
        self._service = service
        self._image = image
        self._changed = changed
        self._state: State = "gone"
        self._host = ""
        self._number = 0  # of its container
        self._closed = False
        self.network = Network(engine, service, self._has_cut)
        self._thaws = False  # as soon as it is frozen
        self._served: Callable[[], None] | None = None  # to be called when it serves

    def __repr__(self) -> str:
        return f"Imaged({self._service}, {self._state})"

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, host and port; port 0 while it doesn't."""
        return self._host, self._image.port if self._state in _SERVES else 0

    @property
    def settled(self) -> bool:
        """Whether nothing of it is under way, or nothing will come of it."""
        return bool(self.problem) or (
            self._state in ("gone", "serving", "frozen")
            and self._served is None
            and self.network.settled
        )

    def open(self, served: Callable[[], None]) -> None:
        """Have it started, where it does not run; `served` is called when it serves."""
        if self._served is not None or self.address[1] or self.problem:
            return
        self._served = served
        if self._state == "gone":
            self._start()

    def end(self, how: Literal["stop", "kill"], ended: Callable[[], None]) -> None:
        """Have it end, in order or at once; `ended` is called when it has."""
        self._served = None  # what was to be started again is not, by this
        if self._state == "gone":
            ended()
            return
        self._state = "ending"
        self._engine.act(self._number, how, partial(self._has_ended, ended))

    def freeze(self, frozen: Callable[[], None]) -> None:
        """Have all that runs in it halted; `frozen` is called when it is."""
        if self._state != "serving":
            frozen()
            return
        self._state = "freezing"
        self._engine.act(self._number, "pause", partial(self._has_frozen, frozen))

    def thaw(self) -> None:
        """Let it go on."""
        if self._state == "freezing":
            self._thaws = True
        elif self._state == "frozen":
            self._state = "thawing"
            self._engine.act(self._number, "unpause", self._has_thawed)

    def drain(self) -> None:
        """It reports nothing."""

    def close(self) -> None:
        """Let go of it: the conductor removes what a run leaves, paused or not."""
        self._closed = True
        self._served = None
        self.network.close()

    def _start(self) -> None:
        self._state = "starting"
        self._engine.start(self._service, self._has_started, self._image)

    def _has_started(self, told: Contained) -> None:
        if self._closed or self._failed(told.problem) or told.place is None:
            return
        self._number, self._host = told.container, told.place.host
        self._state = "serving"
        served, self._served = self._served, None
        if served is not None:
            served()
        self._changed()

    def _has_ended(self, ended: Callable[[], None], told: Contained) -> None:
        if self._closed or self._failed(told.problem):
            return
        self._state = "gone"
        ended()
        if self._served is not None:
            self._start()
        self._changed()

    def _has_frozen(self, frozen: Callable[[], None], told: Contained) -> None:
        if self._closed:
            return
        if not self._failed(told.problem):
            self._state = "frozen"
        frozen()
        if self._thaws:
            self._thaws = False
            self.thaw()
        self._changed()

    def _has_thawed(self, told: Contained) -> None:
        if self._closed or self._failed(told.problem):
            return
        self._state = "serving"
        self._changed()

    def _has_cut(self, problem: str) -> None:
        if not self._failed(problem):
            self._changed()

    def _failed(self, problem: str) -> bool:
        if problem and not self.problem:
            self.problem = f"{self._service}: {self._image.text}: {problem}"
            self._changed()
        return bool(problem)
