"""The network of a program that can be halted where it stands, and go on (as by SIGSTOP and SIGCONT).

Meanwhile its host's kernel works on: it completes connects, acknowledges bytes until its buffers are
full, and answers nothing that the program would have answered. Times that fall due wait.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..environments.simulated.network import Host, Network
from ..environments.simulated.tcp import Endpoint
from ..net import Timer
from .connection import VirtualConnection
from .net import VirtualNet

__all__ = ["HaltingNet"]


class HaltingNet(VirtualNet):
    """What a program on `host` reaches through `network`, as long as it runs."""

    def __init__(self, network: Network, host: Host) -> None:
        super().__init__(network, host)
        self._halted = False
        self._due: list[_Due] = []  # in the order in which it fell due
        self._adopted: dict[VirtualConnection, None] = {}

    def halt(self) -> None:
        """The program does nothing any more."""
        self._halted = True
        for connection in tuple(self._adopted):
            connection.halt()

    def go_on(self) -> None:
        """It does what has fallen due, then reads on."""
        self._halted = False
        due, self._due = self._due, []
        for one in due:
            self._fall_due(one)
        for connection in tuple(self._adopted):
            connection.go_on()

    def later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Call `delay` virtual seconds from now, or when the program goes on."""
        due = _Due(call)
        due.timer = super().later(delay, partial(self._fall_due, due))
        return due

    def perform(self, call: Callable[[], None]) -> None:
        """Call what the program does next: at once, or when it goes on."""
        self._fall_due(_Due(call))

    def adopt(self, endpoint: Endpoint) -> VirtualConnection:
        """Take over a connection of the host's."""
        connection = super().adopt(endpoint)
        self._adopted[connection] = None
        return connection

    def forget(self, part: object) -> None:
        """A part was released."""
        super().forget(part)
        if isinstance(part, VirtualConnection):
            self._adopted.pop(part, None)

    def _fall_due(self, due: _Due) -> None:
        if due.cancelled:
            return
        if self._halted:
            self._due.append(due)
        else:
            due.call()


class _Due:
    """A call of the program's that can still be let go when it has fallen due."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.cancelled = False
        self.timer: Timer | None = None

    def cancel(self) -> None:
        """Never make it."""
        self.cancelled = True
        if self.timer is not None:
            self.timer.cancel()
