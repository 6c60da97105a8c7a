"""The stage of the wire proofs on the simulated network: the same proxy and backend, virtual time.

Its clients look like blocking sockets; whoever waits lets the time pass.
"""

from __future__ import annotations

import heapq
import random
import socket
from collections.abc import Callable
from typing import Any, Self

from faultlab.lab.environments.simulated.network import Network
from faultlab.lab.environments.simulated.tcp import Endpoint
from faultlab.lab.virtual import VirtualNet

from ..lab.environments.simulated.conftest import Hand

TRANSIT = 0.00006  # virtual seconds that a call into the kernel takes: what it sends has arrived
LIMIT = 10.0  # virtual seconds after which a test that still waits has failed


class Clock(Hand):
    """A scheduler whose time passes when somebody waits."""

    def wait(self, true: Callable[[], bool], seconds: float) -> bool:
        """Let time pass until something holds; whether it did within so many seconds."""
        end = self.time + seconds
        while not true():
            if not self._timers or self._timers[0].at > end:
                self.time = end
                return true()
            timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                self.time = timer.at
                timer.call()
        return True

    def rest(self, seconds: float) -> None:
        """Let so much time pass."""
        self.wait(lambda: False, seconds)


class SimulatedSocket:
    """A blocking socket of a simulated host."""

    def __init__(self, clock: Clock, net: VirtualNet) -> None:
        self._clock = clock
        self._net = net
        self._timeout = LIMIT
        self._endpoint: Endpoint | None = None
        self._data = b""
        self._ended = False
        self._error: OSError | None = None
        self._linger = True

    def settimeout(self, seconds: float) -> None:
        """Virtual seconds of each wait."""
        self._timeout = seconds

    def setsockopt(self, _level: int, option: int, _value: Any) -> None:
        """Only a linger of no time."""
        assert option == socket.SO_LINGER
        self._linger = False

    def connect(self, address: tuple[str, int]) -> None:
        """Raises what a kernel's would."""
        ends: list[Endpoint | OSError] = []
        connecting = self._net.host.connect(*address, ends.append)
        if not self._clock.wait(lambda: bool(ends), self._timeout):
            connecting.cancel()
            raise TimeoutError("timed out")
        [end] = ends
        if isinstance(end, OSError):
            raise end
        self._endpoint = end
        end.pause()
        end.bind(self)
        self._clock.rest(TRANSIT)

    def getsockname(self) -> tuple[str, int]:
        """Where it is."""
        return tuple(self.endpoint.local)

    @property
    def endpoint(self) -> Endpoint:
        """Its connection."""
        assert self._endpoint is not None
        return self._endpoint

    def sendall(self, data: bytes) -> None:
        """Into the kernel, all of it."""
        while data:
            if self.endpoint.over:
                raise self.endpoint.error or BrokenPipeError
            data = data[self.endpoint.write(data) :]
            room = not data or self._clock.wait(
                lambda: self.endpoint.unacknowledged < 1 << 20 or self.endpoint.over, self._timeout
            )
            if not room:
                raise TimeoutError("timed out")
        self._clock.rest(TRANSIT)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """At most so many bytes; with MSG_WAITALL as many, unless it ends before."""
        least = size if flags & socket.MSG_WAITALL else 1

        def there() -> bool:
            return len(self._data) >= least or self._ended or self._error is not None

        self.endpoint.resume()
        came = self._clock.wait(there, self._timeout)
        self.endpoint.pause()
        if not came:
            raise TimeoutError("timed out")
        if not self._data and self._error is not None and not self._ended:
            raise self._error
        data, self._data = self._data[:size], self._data[size:]
        return data

    def shutdown(self, how: int) -> None:
        """FIN."""
        assert how == socket.SHUT_WR
        self.endpoint.shutdown()
        self._clock.rest(TRANSIT)

    def close(self) -> None:
        """FIN, or RST if something is unread or no linger is wanted."""
        if self._endpoint is not None:
            if self._data or not self._linger:
                self._endpoint.reset()
            self._endpoint.close()
            self._clock.rest(TRANSIT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what the endpoint tells -----------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Kept until it is read."""
        self._data += data

    def ended(self) -> None:
        """FIN."""
        self._ended = True

    def lost(self, error: OSError | None) -> None:
        """Over."""
        self._error = error

    def writable(self) -> None:
        """`sendall` looks itself."""


def network() -> tuple[Clock, VirtualNet]:
    """A network of one host, and its clock."""
    clock = Clock()
    network = Network(clock, random.Random(7))
    return clock, VirtualNet(network, network.host("lab"))
