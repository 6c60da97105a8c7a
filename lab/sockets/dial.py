"""A connection being opened, one address after the other (counterpart: `connect` of net.py)."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from ..net import Connection
from .owner import Owner

__all__ = ["Address", "Dial"]

Address = tuple[
    socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]


class Dial:
    """A connection being opened, one address after the other."""

    def __init__(
        self, net: Owner, done: Callable[[Connection | OSError], None], limit: float
    ) -> None:
        self._net = net
        self._done = done
        self._sock: socket.socket | None = None
        self._rest: list[Address] = []
        self.over = False  # answered, or let go
        self._timer = net.later(limit, partial(self.finish, TimeoutError("no answer to connect")))

    def start(self, addresses: tuple[Address, ...]) -> None:
        """Try these in order. Raises OSError if the first can't be tried at all."""
        self._rest = list(addresses)
        self._next()

    def _next(self) -> None:
        family, address = self._rest.pop(0)
        sock = socket.socket(family, socket.SOCK_STREAM)
        self._sock = sock
        sock.setblocking(False)
        with suppress(BlockingIOError):
            sock.connect(address)
        self._net.loop.add_writer(sock.fileno(), self._settled)

    def _settled(self) -> None:
        assert self._sock is not None
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        try:
            if code:
                raise OSError(code, os.strerror(code))
            peer = self._sock.getpeername()[1]
        except OSError as error:
            self._drop()
            if not self._rest:
                self.finish(error)
                return
            try:
                self._next()
            except OSError as worse:
                self.finish(worse)
            return
        sock, self._sock = self._sock, None
        self._net.loop.remove_writer(sock.fileno())
        self._forget()
        self._done(self._net.adopt(sock, peer))

    def finish(self, error: OSError) -> None:
        """It failed."""
        if not self.over:
            self.cancel()
            self._done(error)

    def cancel(self) -> None:
        """Let go without an answer."""
        self._drop()
        self._forget()

    def _drop(self) -> None:
        if self._sock is not None:
            self._net.loop.remove_writer(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def _forget(self) -> None:
        self.over = True
        self._timer.cancel()
        self._net.forget(self)
