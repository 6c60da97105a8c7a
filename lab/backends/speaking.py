"""A process that serves one stub, as far as it tells of itself over its pipe: what it is told, and says.

Whose process it is, what ends it and what halts it is known to who is derived from this: `process.py`
for a child of the lab process, `container.py` for one in a container.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from ..frames import Batch
from ..history import AnyEvent
from .pipe import STARTING, Listening, Past, Pipe, Ready, Said, Serve, Unable

__all__ = ["Speaking", "State"]

State = Literal[
    "starting",
    "ready",
    "opening",
    "serving",
    "freezing",  # it takes a while where others do it
    "frozen",
    "thawing",
    "ending",
    "gone",
]


class Speaking:
    """One process, from its start to its end; `_pipe` is there once it can be spoken to.

    `record` takes the events that it reports, stamped whole. `changed` is called, from the loop,
    when its state has changed by itself. `host`: where its stub listens, as far as that is known yet.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        record: Callable[[AnyEvent], None],
        changed: Callable[[], None],
        *,
        host: str = "",
    ) -> None:
        self.state: State = "starting"
        self.address = (host, 0)
        self.problem = ""  # why it does not do what it was told
        self._loop = loop
        self._record = record
        self._changed = changed
        self._pipe: Pipe | None = None
        self._limit = loop.call_later(STARTING, self._late)

    def serve(self, what: Serve) -> None:
        """Have it serve; it is `serving` as soon as it says that it listens."""
        self.state = "opening"
        if self._pipe is not None:
            self._pipe.tell(what)

    def drain(self) -> None:
        """Take what it has reported."""
        if self._pipe is not None:
            self._pipe.drain()

    def _hear(self, said: Said) -> None:
        match said:
            case Batch(events=events):
                for event in events:
                    self._record(event)
                return
            case Ready():
                self._limit.cancel()
                if self.state == "starting":
                    self.state = "ready"
            case Listening(port=port):
                self.address = (self.address[0], port)
                if self.state == "opening":
                    self.state = "serving"
            case Unable(text=text):
                self.problem = text
            case Past():
                return  # it is never asked for it: it ends with what it knows
        self._changes()

    def _let_go(self) -> None:
        """Hear nothing more of it."""
        self._limit.cancel()
        if self._pipe is not None:
            self._pipe.close()

    def _changes(self) -> None:
        """Not at once: reports are also taken in the middle of something else."""
        self._loop.call_soon(self._changed)

    def _late(self) -> None:
        """It has not said within `STARTING` seconds that it has started."""
        raise NotImplementedError
