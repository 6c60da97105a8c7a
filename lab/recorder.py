"""The recorder: the only writer of a run's one history.

Proxy and stubs call it on the lab process's loop; the subject's events reach it through a feed
(`lab/frames.py`). It numbers events, says in which phase they arrived, and appends them to the
file before the loop goes back to the sockets, so that a kill loses nothing but the present turn.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import msgspec

from .history import AnyEvent, Header, PhaseEntered, encode

# Two reads of the run delay within this span (seconds) are one: the reading costs as much as the
# rest of a record, and what can be missed is smaller than the span.
_DELAY_READ = 0.0005


class Recorder:
    """Appends events to one file. Not thread-safe: it belongs to one loop.

    `file` is open for writing, without a buffer, and closed with the recorder; messages call it `name`.
    `soon` runs a call at the end of the loop's present turn; `delay` gives the run delay of the
    loop's thread in seconds.
    """

    def __init__(
        self,
        file: io.FileIO,
        name: str,
        header: Header,
        *,
        start: float,
        soon: Callable[[Callable[[], None]], object],
        delay: Callable[[], float],
    ) -> None:
        self.start = start
        self.broken = ""  # why the file holds no more; what came after is lost
        self.index = 0
        self.phase = ""
        self._name = name
        self._file = file
        self._taken: list[AnyEvent] = []
        self._soon = soon
        self._waiting = False
        self._delay = delay
        self._late = delay()
        self._read = -1.0
        self._write(msgspec.json.encode(header) + b"\n")

    def record(self, event: AnyEvent) -> None:
        """Take an event stamped by the loop's own thread."""
        if event.t - self._read >= _DELAY_READ:
            self._late = self._delay()
            self._read = event.t
        msgspec.structs.force_setattr(event, "late", self._late)
        self.take(event)

    def take(self, event: AnyEvent) -> None:
        """Take an event that another process stamped whole."""
        if self._file.closed:
            return
        self.index += 1
        msgspec.structs.force_setattr(event, "index", self.index)
        msgspec.structs.force_setattr(event, "phase", self.phase)
        self._taken.append(event)  # encoded when it is written: nobody waits for that
        if not self._waiting:
            self._waiting = True
            self._soon(self.flush)

    def enter(self, phase: str, t: float) -> None:
        """A phase begins."""
        self.phase = phase
        self.record(PhaseEntered(t=t))

    def flush(self) -> None:
        """Write what was taken; `broken` says why it could not be."""
        self._waiting = False
        if self._taken and not self._file.closed:
            lines = [encode(event) for event in self._taken]
            self._taken.clear()
            self._write(b"\n".join(lines) + b"\n")

    def _write(self, line: bytes) -> None:
        data = memoryview(line)
        try:
            while data:
                data = data[self._file.write(data) or 0 :]
        except OSError as error:  # a full disk, mostly
            self.broken = f"{self._name}: can't be written: {error.strerror}"
            self._file.close()

    def close(self) -> None:
        """Write the rest; what comes later is dropped."""
        self.flush()
        self._file.close()
