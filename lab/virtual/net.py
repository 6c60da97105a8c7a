"""The network of one simulated host: its clock, and all that was opened through it.

Counterparts: connection.py, dial.py and listener.py are those parts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..environments.simulated.names import Answer
from ..environments.simulated.network import Host, Network
from ..environments.simulated.tcp import Endpoint
from ..net import Connection, Listener, Means, Slowing, Timer
from .connection import VirtualConnection
from .dial import Dial
from .listener import VirtualListener

__all__ = ["VirtualNet"]


class VirtualNet:
    """What a program on `host` reaches through `network`."""

    def __init__(self, network: Network, host: Host) -> None:
        self.host = host
        self.network = network
        self._open: dict[object, Callable[[], None]] = {}  # each with what releases it at once

    @property
    def reads_on(self) -> bool:
        """It is: a connection of ours is closed when both sides are."""
        return True

    @property
    def unplugging(self) -> str:
        """How a connection is unplugged."""
        return "dropping what the client sends"

    @property
    def problem(self) -> str:
        """There is none."""
        return ""

    @property
    def doubt(self) -> str:
        """There is none."""
        return ""

    def lacks(self, means: Means) -> str:  # noqa: ARG002 - it has them all
        """Nothing."""
        return ""

    def slows(self, slowing: Slowing) -> str:  # noqa: ARG002 - none
        """It does not."""
        return ""

    def when_settled(self, call: Callable[[], None]) -> None:
        """Every call is complete on return."""
        call()

    def when_arrived(self, call: Callable[[], None]) -> None:
        """What is under way on a link that is whole takes no longer than the link's times."""
        link = self.network.between(self.host.name, self.host.name)
        self.later(2 * (link.latency + link.jitter), call)

    def now(self) -> float:
        """Virtual seconds."""
        return self.network.scheduler.now()

    def later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Call from the loop, `delay` virtual seconds from now."""
        return self.network.scheduler.later(delay, call)

    def listen(
        self,
        accepted: Callable[[Connection], None],
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        starved: Callable[[str], None] | None = None,  # noqa: ARG002 - there is always enough
    ) -> Listener:
        """Listen on `host`, an address of ours, in mode open. Raises OSError if it can't be had."""
        listener = VirtualListener(self, accepted, port, host)
        self._open[listener] = listener.close
        return listener

    def connect(
        self, host: str, port: int, done: Callable[[Connection | OSError], None], limit: float = 5.0
    ) -> None:
        """Open a connection; `done` gets it or the error, from the loop."""
        dial = Dial(self, port, done, limit)
        self._open[dial] = dial.cancel
        answer = self.network.names.ask(host) if 0 < port <= 65535 else Answer((), "unknown")
        if answer.error is not None:
            self.later(answer.takes, partial(dial.finish, answer.error))
        elif answer.takes:
            self.later(answer.takes, partial(dial.start, answer.addresses))
        else:
            dial.start(answer.addresses)

    def close(self) -> None:
        """Release everything, at once."""
        for release in tuple(self._open.values()):
            release()

    def perform(self, call: Callable[[], None]) -> None:
        """Call at once: this program is never halted."""
        call()

    def adopt(self, endpoint: Endpoint) -> VirtualConnection:
        """Take over a connection of the host's."""
        connection = VirtualConnection(self, endpoint)
        self._open[connection] = connection.release
        return connection

    def forget(self, part: object) -> None:
        """A part was released."""
        self._open.pop(part, None)
