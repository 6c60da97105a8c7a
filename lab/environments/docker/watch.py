"""What happens to a lab's containers from outside: told as soon as the engine tells of it.

A front that is gone would look like a client's fault, and a gate that is paused like nothing at all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from .labels import RUN

__all__ = ["EVENTS", "Happened", "Stream", "Watch", "from_outside", "read"]

EVENTS = ("die", "pause")
"""What an engine is asked to tell of; whatever else ends a container is followed by the first."""


@dataclass(frozen=True, slots=True)
class Happened:
    """What an engine told of a container. `own`: it belongs to one run."""

    container: str
    what: str
    code: str = ""
    own: bool = False

    def __str__(self) -> str:
        return "was paused" if self.what == "pause" else f"ended with code {self.code}"


class Stream(Protocol):
    """Events as they come, until it is closed or the engine goes away."""

    def __iter__(self) -> Iterator[Mapping[str, object]]:
        """The events."""

    def close(self) -> None:
        """End it, from whatever thread."""


def read(told: Mapping[str, object]) -> Happened | None:
    """What one event of an engine's says; None: nothing of a container."""
    actor = told.get("Actor")
    what = told.get("Action")
    if told.get("Type") != "container" or not isinstance(actor, dict) or what not in EVENTS:
        return None
    attributes = actor.get("Attributes") or {}
    return Happened(
        container=str(actor.get("ID", "")),
        what=str(what),
        code=str(attributes.get("exitCode", "")),
        own=RUN in attributes,
    )


def from_outside(happened: Happened, lasting: Iterable[str]) -> bool:
    """Whether nobody of the lab's did it. `lasting`: the containers that it has let nothing end.

    What happens to a run's own is that run's alone, which notices it by itself.
    """
    return happened.container in lasting and not happened.own


class Watch:
    """Reads a stream on a thread of its own, until `close`.

    `lasting` gives the ids of the containers that are to run. `broken` is told, once and on that
    thread, what happened to one of them; None: the stream ended by itself, and so has the engine.
    """

    def __init__(
        self,
        stream: Stream,
        lasting: Callable[[], Iterable[str]],
        broken: Callable[[Happened | None], None],
    ) -> None:
        self._stream = stream
        self._lasting = lasting
        self._broken = broken
        self._closed = False
        self._thread = threading.Thread(target=self._read, name="faultlab-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hear nothing more."""
        self._closed = True
        self._stream.close()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _read(self) -> None:
        for told in self._stream:
            happened = read(told)
            if happened is not None and from_outside(happened, self._lasting()):
                self._broken(happened)
                return
        if not self._closed:
            self._broken(None)
