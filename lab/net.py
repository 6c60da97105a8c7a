"""The port through which proxy and stubs reach a network, real or simulated.

Means are offered by meaning, not by system call: a listener is open, refusing or dark; a
connection sends FIN, is reset, unplugged. All calls are plain functions that are complete on
return; what happens later comes back through callbacks on the one loop. `RealNet` (`sockets/`)
is the implementation on loopback sockets; the simulated one is its twin; `BehindNet` (`behind/`)
has its listeners in a real Toxiproxy, which takes its time to change them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol, TypeAlias

from .history import Mode

__all__ = [
    "Connection",
    "Entrance",
    "Events",
    "Listener",
    "Means",
    "Mode",
    "Net",
    "Slowing",
    "Timer",
]

Means: TypeAlias = Literal["reset", "unplug", "dark", "keep", "part"]
"""What not each network can do: end a connection by RST; unplug one; leave connects unanswered;
keep live connections while connects are refused; part a backend from others."""


class Slowing(NamedTuple):
    """What all bytes to clients meet: `delay` seconds, or (0: none) `rate` bytes a second."""

    delay: float
    rate: int


class Timer(Protocol):
    """A call in the future."""

    def cancel(self) -> None:
        """Never make it."""


class Events(Protocol):
    """What a connection tells its owner: from the loop or inside `drain`, in no other call."""

    def received(self, data: bytes) -> None:
        """Bytes arrived."""

    def ended(self) -> None:
        """The peer sent FIN; our side can still write."""

    def lost(self, reset: bool) -> None:
        """The connection is over and released: by RST or error (`reset`), or both sides closed."""

    def drained(self) -> None:
        """What was written has left our buffer (after `write` returned False)."""


class Connection(Protocol):
    """One TCP connection, ours or accepted. After `reset` and `close` no event comes."""

    @property
    def local(self) -> int:
        """Our port."""

    @property
    def peer(self) -> int:
        """The other side's port."""

    @property
    def dialled(self) -> str:
        """Our address, which the other side connected to."""

    def bind(self, events: Events) -> None:
        """Set the owner; until then nothing is read."""

    def write(self, data: bytes) -> bool:
        """Send, or buffer; False when the buffer is above its mark and the writer should pause."""

    def fin(self) -> None:
        """Half-close after what was written; reading goes on."""

    def reset(self, *, after_written: bool = False) -> None:
        """Exactly one RST; nothing is read any more.

        What the peer's kernel has, it keeps. `after_written`: wait, for a bounded time, until
        it has all that was written.
        """

    def close(self) -> None:
        """FIN after what was written, then let go; what arrives later is dropped, without RST."""

    def pause(self) -> None:
        """Stop reading (back-pressure). The peer's end isn't seen either."""

    def resume(self) -> None:
        """Read again."""

    def drain(self) -> None:
        """Read what the kernel already holds, now, unless paused."""

    def unplug(self) -> None:
        """Have all that the peer sends vanish, without even an ACK, until `plug`."""

    def plug(self) -> None:
        """Hear the peer again: what its kernel sends once more is received."""


class Listener(Protocol):
    """A listening port that stays ours in every mode."""

    @property
    def port(self) -> int:
        """Where it listens."""

    @property
    def mode(self) -> Mode:
        """The mode in force."""

    @property
    def mechanism(self) -> str:
        """How the mode in force is done, for the history."""

    def switch(self, mode: Mode, *, keeps: bool = True) -> None:
        """Change the mode; connections queued before it are handed over first, as older ones.

        `keeps` False: no live connection has to live on. It has begun on return, and is in force
        when the network is settled.
        """

    def slow(self, wanted: Mapping[int, Slowing]) -> None:
        """Have all bytes to clients meet these, and no others; each is one that the network `slows`.

        As with `switch` it has begun on return.
        """

    def drain(self) -> None:
        """Hand over what the kernel has queued, now."""

    def close(self) -> None:
        """Give the port back."""


class Net(Protocol):
    """A network and its clock."""

    def now(self) -> float:
        """Seconds on CLOCK_MONOTONIC, or virtual."""

    def later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Call from the loop, `delay` seconds from now."""

    def listen(
        self,
        accepted: Callable[[Connection], None],
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        starved: Callable[[str], None] | None = None,
    ) -> Listener:
        """Listen on `host`, an address of ours, in mode open. Raises OSError if it can't be had.

        `ANY_LOOPBACK` is 127.0.0.1 where there is no more. `starved` is told why no connection can be accepted, while descriptors or memory are short
        (those that wait are accepted later), and "" once there is enough again.
        """

    def connect(
        self, host: str, port: int, done: Callable[[Connection | OSError], None], limit: float = 5.0
    ) -> None:
        """Open a connection without blocking; `done` gets it, or the error, from the loop.

        After `limit` seconds without an answer that is TimeoutError.
        """


class Entrance(Net, Protocol):
    """The network through which clients come to the proxies."""

    @property
    def unplugging(self) -> str:
        """How a connection is unplugged, for the history."""

    @property
    def reads_on(self) -> bool:
        """Whether what a client sends behind our FIN is still seen, until it ends, too."""

    @property
    def problem(self) -> str:
        """Why a listener is not as it should be, and the run can't go on; empty while all are."""

    @property
    def doubt(self) -> str:
        """Why it isn't known of every connection whose it is; empty while it is."""

    def lacks(self, means: Means) -> str:
        """Why this can't be had here; empty if it can."""

    def slows(self, slowing: Slowing) -> str:
        """How it slows bytes so on their way to clients, for the history; empty if it does not."""

    def when_settled(self, call: Callable[[], None]) -> None:
        """Call when all that was begun is in force, or can't be: at once, if that is so."""

    def when_arrived(self, call: Callable[[], None]) -> None:
        """Call when all that clients have sent by now can be drained: at once, if that is so."""
