"""Requests that the lab sends once more: each on a connection of its own, its answer dropped.

Counterpart: link.py asks for them behind the request itself. Knows no fault.
"""

from __future__ import annotations

from collections.abc import Callable

from ..net import Connection, Net
from .framer import End, Framer, Lost

__all__ = ["PATIENCE", "Copies"]

PATIENCE = 0.5  # seconds that one waits for the answers of copies
ANSWER = 4 * 1024 * 1024  # bytes of an answer that are read; one without an end is given up


class Copies:
    """All copies for one upstream (host, port) that have not been answered yet."""

    def __init__(self, net: Net, upstream: tuple[str, int]) -> None:
        self._net = net
        self._upstream = upstream
        self._under_way: set[_Copy] = set()

    def __len__(self) -> int:
        return len(self._under_way)

    def send(self, method: str, request: bytes, count: int, done: Callable[[], None]) -> None:
        """Send so many; `done` once, when all have been answered or have failed, or after a while."""
        waiting = set[_Copy]()
        told = False

        def tell() -> None:
            nonlocal told
            if not told:
                told = True
                timer.cancel()
                done()

        def over(copy: _Copy) -> None:
            self._under_way.discard(copy)
            waiting.discard(copy)
            if not waiting:
                tell()

        timer = self._net.later(PATIENCE, tell)
        for _ in range(count):
            copy = _Copy(method, request, over)
            waiting.add(copy)
            self._under_way.add(copy)
        for copy in tuple(waiting):
            self._net.connect(*self._upstream, copy.dialled)

    def move(self, upstream: tuple[str, int]) -> None:
        """Copies from now on go there."""
        self._upstream = upstream

    def close(self) -> None:
        """Let go of all, whatever is under way."""
        for copy in tuple(self._under_way):
            copy.close()


class _Copy:
    """One of them, as the net calls it."""

    def __init__(self, method: str, request: bytes, over: Callable[[_Copy], None]) -> None:
        self._request = request
        self._over = over
        self._responses = Framer("response")
        self._responses.expect(method)
        self._left = ANSWER
        self._connection: Connection | None = None
        self._closed = False

    def dialled(self, result: Connection | OSError) -> None:
        """The backend's connection, or why there is none."""
        if isinstance(result, OSError):
            self.close()
        elif self._closed:
            result.close()
        else:
            self._connection = result
            result.bind(self)
            result.write(self._request)

    def received(self, data: bytes) -> None:
        """More of its answer."""
        self._left -= len(data)
        ended = any(isinstance(piece, End | Lost) for piece in self._responses.feed(data))
        if ended or self._left < 0:
            self.close()

    def ended(self) -> None:
        """The backend has closed it."""
        self.close()

    def lost(self, reset: bool) -> None:  # noqa: ARG002  # the port's signature
        """The connection is over."""
        self.close()

    def drained(self) -> None:
        """Nobody waits."""

    def close(self) -> None:
        """It is over."""
        if not self._closed:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
            self._over(self)
