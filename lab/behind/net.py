"""The network of one run whose clients come through a real Toxiproxy.

Its listeners are proxies of that Toxiproxy; everything else is the loopback. A change of a listener
takes Toxiproxy some milliseconds: it has begun when the call returns, and `when_settled` tells its end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..net import Connection, Listener, Means, Net, Slowing, Timer
from .front import Front
from .listener import BehindListener
from .means import toxic

__all__ = ["BehindNet"]

TRANSIT = 1.0  # seconds that something sent may take through Toxiproxy; it takes well under one ms
LOOK = 0.001  # seconds between looks


class BehindNet:
    """The network of one run before `front`'s Toxiproxy, and beside it `inner`, that of the gate."""

    def __init__(self, front: Front, inner: Net) -> None:
        self._front = front
        self._inner = inner
        self._under_way = 0
        self._waiting: list[Callable[[], None]] = []
        self._problem = ""
        self._listeners: set[BehindListener] = set()

    @property
    def problem(self) -> str:
        """Why a listener is not as it should be; empty while all are."""
        return self._problem or self._front.problem

    @property
    def reads_on(self) -> bool:
        """It is not: Toxiproxy closes both sides when one of them ends."""
        return False

    @property
    def unplugging(self) -> str:
        """How a connection is unplugged."""
        return "packet filter"

    @property
    def doubt(self) -> str:
        """Why it isn't known of every connection whose it is."""
        doubts = (listener.doubt for listener in self._listeners)
        return next((doubt for doubt in doubts if doubt), "")

    def lacks(self, means: Means) -> str:
        """Why this can't be had here; empty if it can."""
        return self._front.lacks(means)

    def now(self) -> float:
        """Seconds on CLOCK_MONOTONIC."""
        return self._inner.now()

    def later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Call from the loop, `delay` seconds from now."""
        return self._inner.later(delay, call)

    def listen(
        self,
        accepted: Callable[[Connection], None],
        port: int = 0,
        host: str = "",  # noqa: ARG002 - it is Toxiproxy's
        *,
        starved: Callable[[str], None] | None = None,
    ) -> Listener:
        """Have Toxiproxy listen on its own address, whatever `host` says. Raises OSError."""
        listener = BehindListener(
            self._front,
            self._inner,
            accepted,
            port,
            starved=starved,
            begun=self._begun,
            ended=self._ended,
            gone=self._closed,
        )
        self._listeners.add(listener)
        self._front.join(self, self._look)
        return listener

    def connect(
        self, host: str, port: int, done: Callable[[Connection | OSError], None], limit: float = 5.0
    ) -> None:
        """Open a connection, from the gate to a backend."""
        self._inner.connect(host, port, done, limit)

    def slows(self, slowing: Slowing) -> str:
        """By which toxic it slows bytes so on their way to clients; empty: by none."""
        made = toxic("", slowing)
        return "" if made is None else f"toxic {made.type} of Toxiproxy"

    def when_settled(self, call: Callable[[], None]) -> None:
        """Call when every listener is in its mode, or can't be: at once, if that is so."""
        self._waiting.append(call)
        self._look()

    def when_arrived(self, call: Callable[[], None]) -> None:
        """Call when nothing that clients have sent by now is in Toxiproxy, or after a second."""
        self._arrive(call, self.now() + TRANSIT, quiet=False)

    def _arrive(self, call: Callable[[], None], limit: float, *, quiet: bool) -> None:
        """Two looks in a row: between accepting a client and saying so Toxiproxy shows nothing."""
        late = [one for one in self._listeners if one.under_way()]
        if (late or not quiet) and not self.problem and self.now() < limit:
            self.later(LOOK, partial(self._arrive, call, limit, quiet=not late))
            return
        for listener in late:
            listener.give_up()
        call()

    def _closed(self, listener: BehindListener) -> None:
        self._listeners.discard(listener)
        if not self._listeners:
            self._front.leave(self)

    def _begun(self) -> None:
        self._under_way += 1

    def _ended(self, problem: str) -> None:
        self._under_way -= 1
        self._problem = self._problem or problem
        self._look()

    def _look(self) -> None:
        if not self._under_way or self.problem:
            waiting, self._waiting = self._waiting, []
            for call in waiting:
                call()
