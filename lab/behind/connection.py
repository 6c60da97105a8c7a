"""One client's connection as it arrives at the gate: through Toxiproxy, which ends it its own way.

A FIN of ours becomes a FIN of Toxiproxy's. An RST would become a FIN, too: so the kernel is asked to
abort Toxiproxy's socket, which sends the client a true one, and what the client sends is dropped
by the packet filter. Counterpart: `Connection` of lab/net.py is the promise.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ..net import Connection, Events, Timer
from .clients import Client
from .diag import Ends, acknowledged, destroy, established, received

__all__ = ["BehindConnection", "Later", "Unplugging"]

GATE = "127.0.0.1"  # where Toxiproxy passes its clients on to
UNSENT = 5.0  # seconds that a reset waits for what was written
LOOK = 0.001  # seconds between looks whether it has arrived

Later = Callable[[float, Callable[[], None]], Timer]
Unplugging = Callable[[Client, bool], None]


class BehindConnection:
    """A connection of Toxiproxy's to us, in the name of its client.

    `port` is Toxiproxy's. `client` None: whose it is can't be told; then it can't be reset or
    unplugged either, and its peer has no port.
    """

    def __init__(
        self,
        inner: Connection,
        port: int,
        client: Client | None,
        later: Later,
        unplugging: Unplugging,
    ) -> None:
        self._inner = inner
        self._client = client
        self._later = later
        self._unplugging = unplugging
        self._written = 0
        self._unplugged = False
        self._left = False  # by the lab; no event comes any more
        self.local = port
        self.peer = 0 if client is None else client.port
        self.dialled = inner.dialled if client is None else client.dialled
        # As they are: bytes should not take a detour.
        self.bind: Callable[[Events], None] = inner.bind
        self.fin = inner.fin
        self.pause = inner.pause
        self.resume = inner.resume
        self.drain = inner.drain

    def write(self, data: bytes) -> bool:
        """Send, or buffer."""
        self._written += len(data)
        return self._inner.write(data)

    def reset(self, *, after_written: bool = False) -> None:
        """RST to the client, and the end of Toxiproxy's connection to us."""
        if self._left:
            return
        self._left = True
        self.plug()
        if after_written and self._client is not None:
            self._inner.bind(_SILENT)
            self._reset_when_sent(0.0)
            return
        self._reset_now()

    def close(self) -> None:
        """FIN after what was written."""
        self._left = True
        self.plug()
        self._inner.close()

    def unplug(self) -> None:
        """Have all that the client sends vanish."""
        if self._client is not None and not self._unplugged and not self._left:
            self._unplugged = True
            self._unplugging(self._client, True)

    def plug(self) -> None:
        """Hear the client again."""
        if self._client is not None and self._unplugged:
            self._unplugged = False
            self._unplugging(self._client, False)

    @property
    def over(self) -> bool:
        """Whether its kernel has let go of it."""
        return received(self._ours) is None

    @property
    def delivered(self) -> bool:
        """Whether the client's kernel has all that was written, or takes no more. From any thread."""
        ends = self._ends
        has = None if ends is None else acknowledged(ends)
        return has is None or has >= self._written

    @property
    def under_way(self) -> bool:
        """Whether something that the client has sent, an end too, is still in Toxiproxy."""
        ends = self._ends
        if ends is None:
            return False
        theirs, ours = received(ends), received(self._ours)
        if theirs is None:  # its end is on the way to us, unless it has come
            return established(self._ours)
        return ours is not None and ours < theirs

    @property
    def _ours(self) -> Ends:
        """Toxiproxy's connection to us."""
        return (GATE, self._inner.local, GATE, self._inner.peer)

    @property
    def _ends(self) -> Ends | None:
        """Toxiproxy's connection to the client."""
        client = self._client
        if client is None:
            return None
        return (client.dialled, self.local, client.address, client.port)

    def _reset_when_sent(self, waited: float) -> None:
        if self.delivered or waited >= UNSENT:
            self._reset_now()
            return
        self._later(LOOK, lambda: self._reset_when_sent(waited + LOOK))

    def _reset_now(self) -> None:
        ends = self._ends
        if ends is not None:
            with suppress(OSError):  # `Entrance.lacks` tells where it can't be had
                destroy(ends)
        self._inner.reset()


class _Silent:
    """The owner of a connection that was let go."""

    def received(self, data: bytes) -> None:
        """Dropped."""

    def ended(self) -> None:
        """Expected."""

    def lost(self, reset: bool) -> None:
        """Expected."""

    def drained(self) -> None:
        """Nobody waits."""


_SILENT = _Silent()
