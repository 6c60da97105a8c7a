"""What a subject prints, on its way into a file: without secrets, and of a flood its ends only."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from pathlib import Path

from ..excerpt import Excerpt

__all__ = ["Printed"]

_PIECE = 64 * 1024  # bytes of a pipe, and so of a read
_PIECES = 16  # more than a pipe holds


class Printed:
    """A pipe that is read into a file, for a process that may print without end.

    `writer` is the process's end: give it away, then `begin`. OSError if the file can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)
        self._excerpt = Excerpt()
        self._pipe, self.writer = os.pipe()
        self._woken, self._wake = os.pipe()
        self._reading = threading.Lock()
        self._closed = False
        os.set_blocking(self._pipe, False)
        self._reader = threading.Thread(target=self._read, name=f"{path.name}", daemon=True)

    def begin(self) -> None:
        """Read from now on what the process writes that has the other end."""
        os.close(self.writer)
        self._reader.start()

    def catch_up(self) -> bool:
        """Have in the file what was printed before this call; gives whether there is anything."""
        with self._reading:
            for _ in range(_PIECES):  # of one that goes on printing, what it had printed
                if self._closed or not self._take():
                    break
        return self._path.stat().st_size > 0

    def close(self) -> None:
        """Stop reading; whoever still holds the other end prints into nothing."""
        os.write(self._wake, b"x")
        if self._reader.ident is None:
            os.close(self.writer)
        else:
            self._reader.join()
        self.catch_up()
        with self._reading:
            self._closed = True
            with contextlib.suppress(OSError):  # the disk is full; the run is not about that
                self._file.write(self._excerpt.finish())
            self._file.close()
            for end in (self._pipe, self._woken, self._wake):
                os.close(end)

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while all(descriptor != self._woken for descriptor, _ in poll.poll()):
            with self._reading:
                if self._take() is None:
                    return

    def _take(self) -> bool | None:
        """Read one piece. False if there is none now, None if there will never be one."""
        try:
            data = os.read(self._pipe, _PIECE)
        except BlockingIOError:
            return False
        with contextlib.suppress(OSError):
            self._file.write(self._excerpt.feed(data))
        return True if data else None
