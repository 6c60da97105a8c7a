"""One listening port of a simulated host (counterpart: `Listener` of lab/net.py is the promise)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ..addresses import ANY_LOOPBACK
from ..environments.simulated.tcp import Endpoint
from ..net import Connection, Mode, Slowing
from .owner import Owner

__all__ = ["VirtualListener"]

_MECHANISMS: Final[Mapping[Mode, str]] = {
    "open": "listening",
    "refusing": "answering RST",
    "dark": "dropping SYNs",
}


class VirtualListener:
    """One listening port, which stays ours in every mode."""

    def __init__(
        self, net: Owner, accepted: Callable[[Connection], None], port: int, host: str
    ) -> None:
        self._net = net
        self._accepted = accepted
        self._closed = False
        self._queue: list[Endpoint] = []  # established, and not yet handed over
        address = "" if host == ANY_LOOPBACK else host
        self._listening = net.host.listen(address, port, accepted=self._take)
        self.port: int = self._listening.port

    @property
    def mode(self) -> Mode:
        """The mode in force."""
        return self._listening.mode

    @property
    def mechanism(self) -> str:
        """How it is done."""
        return _MECHANISMS[self.mode]

    def switch(self, mode: Mode, *, keeps: bool = True) -> None:  # noqa: ARG002 - it keeps them
        """Change the mode; what was accepted before lives on."""
        if not self._closed:
            self._listening.switch(mode)

    def slow(self, wanted: Mapping[int, Slowing]) -> None:
        """It slows nothing: there are none."""

    def drain(self) -> None:
        """Hand over what is queued, now."""
        queue, self._queue = self._queue, []
        self._listening.queued = 0
        for endpoint in queue:
            self._accepted(self._net.adopt(endpoint))

    def close(self) -> None:
        """Give the port back."""
        if not self._closed:
            self._closed = True
            self._listening.close()
            for endpoint in self._queue:
                endpoint.reset()
            self._queue.clear()
            self._net.forget(self)

    def _take(self, endpoint: Endpoint) -> None:
        if self._closed:
            endpoint.reset()
        else:
            self._queue.append(endpoint)
            self._listening.queued = len(self._queue)
            self._net.perform(self.drain)
