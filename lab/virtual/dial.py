"""A connection being opened, one address after the other (counterpart: `connect` of lab/net.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ..environments.simulated.network import Connecting
from ..environments.simulated.tcp import Endpoint
from ..net import Connection
from .owner import Owner

__all__ = ["Dial"]


class Dial:
    """A connection being opened. `done` gets it, or the last address's error, from the loop."""

    def __init__(
        self, net: Owner, port: int, done: Callable[[Connection | OSError], None], limit: float
    ) -> None:
        self._net = net
        self._port = port
        self._done = done
        self._rest: list[str] = []
        self._connecting: Connecting | None = None
        self.over = False  # answered, or let go
        self._timer = net.later(limit, partial(self.finish, TimeoutError("no answer to connect")))

    def start(self, addresses: Sequence[str]) -> None:
        """Try these in order."""
        self._rest = list(addresses)
        self._next()

    def finish(self, error: OSError) -> None:
        """It failed."""
        if not self.over:
            self.cancel()
            self._done(error)

    def cancel(self) -> None:
        """Let go without an answer."""
        self._forget()
        if self._connecting is not None:
            self._connecting.cancel()

    def _next(self) -> None:
        if not self.over:
            address = self._rest.pop(0)
            self._connecting = self._net.host.connect(address, self._port, self._settled)

    def _settled(self, came: Endpoint | OSError) -> None:
        if isinstance(came, OSError):
            if self._rest:
                self._next()
            else:
                self.finish(came)
            return
        self._forget()
        self._done(self._net.adopt(came))

    def _forget(self) -> None:
        self.over = True
        self._timer.cancel()
        self._net.forget(self)
