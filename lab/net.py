"""The port through which proxy and stubs reach a network, real or simulated.

Means are offered by meaning, not by system call: a listener is open, refusing or dark; a
connection sends FIN, is reset, held, released. All calls are plain functions that are complete on
return; what happens later comes back through callbacks on the one loop. `RealNet` is the
implementation on loopback sockets (reference: mechanisms 1.1); the simulated one is a twin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

Mode = Literal["open", "refusing", "dark"]


class Timer(Protocol):
    """A call in the future."""

    def cancel(self) -> None: ...


class Events(Protocol):
    """What a connection tells its owner, always from the loop, never inside one of its calls."""

    def received(self, data: bytes) -> None:
        """Bytes arrived."""

    def ended(self) -> None:
        """The peer sent FIN; our side can still write."""

    def lost(self, reset: bool) -> None:
        """The connection is over and released: by RST or error (`reset`), or both sides closed."""

    def drained(self) -> None:
        """Everything written has left our buffer (after `write` returned False)."""


class Connection(Protocol):
    """One TCP connection, ours or accepted."""

    local: int
    peer: int

    def bind(self, events: Events) -> None:
        """Set the owner; until then nothing is read."""

    def write(self, data: bytes) -> bool:
        """Send, or buffer; False when the buffer is above its mark and the writer should pause."""

    def fin(self) -> None:
        """Half-close after what was written; reading goes on."""

    def reset(self) -> None:
        """Exactly one RST, after the bytes already delivered; nothing is read any more."""

    def close(self) -> None:
        """FIN after what was written, then let go; what arrives later is dropped."""

    def pause(self) -> None:
        """Stop reading (back-pressure)."""

    def resume(self) -> None:
        """Read again."""


class Listener(Protocol):
    """A listening port that stays ours in every mode."""

    port: int
    mode: Mode

    def switch(self, mode: Mode) -> None:
        """Change the mode; connections queued before it are handed over first, as older ones."""

    def drain(self) -> None:
        """Hand over what the kernel has queued, now."""

    def close(self) -> None:
        """Give the port back."""


class Net(Protocol):
    """A network and its clock."""

    def now(self) -> float:
        """Seconds on CLOCK_MONOTONIC, or virtual."""

    def later(self, delay: float, call: Callable[[], None]) -> Timer: ...

    def listen(self, accepted: Callable[[Connection], None], port: int = 0) -> Listener:
        """Listen on 127.0.0.1, in mode open. Raises OSError if the port is taken."""

    def connect(
        self, host: str, port: int, done: Callable[[Connection | OSError], None]
    ) -> None:
        """Open a connection without blocking; `done` gets it, or the error."""
