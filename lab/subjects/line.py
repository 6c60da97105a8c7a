"""The command socket inside the subject's process: commands on their way to the loop, and answers back.

Counterpart of `child.py`. What a command means is `inside.py`'s.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from typing import Literal, NoReturn

from ..errors import LabError, SubjectError, UsageError
from ..frames import FrameError, Frames
from .commands import Answer, Command, Failed, commands, encode

__all__ = ["Inbox", "Line"]

_READ = 64 * 1024


class Line:
    """The command socket: commands come in on a thread of its own, answers go out from any."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._sending = threading.Lock()
        self._owner = os.getpid()

    def listen(self, take: Callable[[Command], None], last: Callable[[], None]) -> NoReturn:
        """Take commands until the parent is gone; do what is `last`, and end the process then."""
        frames = Frames()
        while True:
            try:
                data = self._socket.recv(_READ)
                received = [commands.decode(body) for body in frames.bodies(data)]
            except (OSError, FrameError):
                os._exit(1)
            if not data:
                last()
                # At once, whatever the subject does: threads, handlers and loops may hang.
                os._exit(0)
            for command in received:
                take(command)

    def answer(self, answer: Answer) -> None:
        """Send an answer; without a parent there is nobody to tell.

        A fork of this process that comes here has nothing more to do: it is not the subject.
        """
        if os.getpid() != self._owner:
            os._exit(0)
        try:
            with self._sending:
                self._socket.sendall(encode(answer))
        except OSError:
            os._exit(1)

    def fail(self, number: int, error: LabError) -> None:
        """Send what went wrong, and who can mend it."""
        self.answer(Failed(number=number, blame=_blame(error), text=error.text, rows=error.rows))


def _blame(error: LabError) -> Literal["usage", "setup", "subject"]:
    match error:
        case UsageError():
            return "usage"
        case SubjectError():
            return "subject"
        case _:
            return "setup"


class Inbox:
    """Commands on their way to a loop that may not exist yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._early: list[Command] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: asyncio.Queue[Command] = asyncio.Queue()

    def put(self, command: Command) -> None:
        """From the listening thread."""
        with self._lock:
            if self._loop is None:
                self._early.append(command)
            else:
                self._loop.call_soon_threadsafe(self._queue.put_nowait, command)

    async def take(self) -> Command:
        """On the loop."""
        if self._loop is None:
            with self._lock:
                self._loop = asyncio.get_running_loop()
                for command in self._early:
                    self._queue.put_nowait(command)
        return await self._queue.get()
