"""One simulated connection: bytes both ways, and each way in which it can end.

Counterpart: `Connection` of lab/net.py is the promise; the twin is lab/sockets/connection.py.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from ..environments.simulated.tcp import Endpoint
from ..net import Events
from .owner import Owner

__all__ = ["VirtualConnection"]

MARK: Final = 512 * 1024  # bytes in our buffer above which a writer should pause
LINGER: Final = (
    2.0  # seconds that a closed connection goes on reading, so that no RST follows its FIN
)
STUCK: Final = (
    60.0  # seconds after which a peer that takes nothing of what was written gets no more
)
UNSENT: Final = 5.0  # seconds that a reset waits for what was written


class VirtualConnection:
    """One connection of a simulated host."""

    def __init__(self, net: Owner, endpoint: Endpoint) -> None:
        self.dialled: str = endpoint.local.host
        self.local: int = endpoint.local.port
        self.peer: int = endpoint.peer.port
        self._net = net
        self._endpoint = endpoint
        self._events: Events = _SILENT
        self._out = bytearray()
        self._full = False  # write returned False, `drained` is owed
        self._paused = False
        self._peer_ended = False
        self._fin_wanted = False
        self._fin_sent = False
        self._closing = False
        self._released = False

    def bind(self, events: Events) -> None:
        """Set the owner; reading begins."""
        self._events = events
        if not self._released:
            self._endpoint.bind(self)

    # --- writing ---------------------------------------------------------------------------------

    def write(self, data: bytes) -> bool:
        """Send what the kernel takes, keep the rest."""
        if self._released or self._fin_wanted:
            return True
        if self._endpoint.over:  # it fails; who reads is told by the read
            if self._paused or self._peer_ended:
                self._net.later(0.0, partial(self._over, reset=True))
            return True
        self._out += data
        self._flush()
        self._full = self._full or len(self._out) > MARK
        return len(self._out) <= MARK

    def fin(self) -> None:
        """Half-close behind what was written."""
        if not self._fin_wanted and not self._released:
            self._fin_wanted = True
            self._flush()

    def writable(self) -> None:
        """The kernel has room again."""
        self._net.perform(self._write_on)

    def _write_on(self) -> None:
        self._flush()
        if self._full and not self._out:
            self._full = False
            self._events.drained()

    def _flush(self) -> None:
        if self._out:
            del self._out[: self._endpoint.write(bytes(self._out))]
        if self._fin_wanted and not self._out and not self._fin_sent:
            self._fin_sent = True
            self._endpoint.shutdown()
            self._net.later(0.0, self._check_over)

    # --- reading ---------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Bytes arrived."""
        self._events.received(data)

    def ended(self) -> None:
        """The peer's FIN arrived."""
        self._peer_ended = True
        self._events.ended()
        self._net.later(0.0, self._check_over)

    def pause(self) -> None:
        """Stop reading."""
        self._paused = True
        self._endpoint.pause()

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        self._endpoint.resume()

    def halt(self) -> None:
        """Its program does nothing any more: what arrives stays in the kernel."""
        self._endpoint.pause()

    def go_on(self) -> None:
        """Its program reads again, unless it had stopped by itself."""
        if not self._paused:
            self._endpoint.resume()

    def drain(self) -> None:
        """Read what the kernel holds."""
        if not self._released:
            self._endpoint.drain()

    def unplug(self) -> None:
        """Hear nothing of the peer."""
        self._endpoint.unplug()

    def plug(self) -> None:
        """Hear the peer again."""
        self._endpoint.plug()

    # --- the end ---------------------------------------------------------------------------------

    def lost(self, error: OSError | None) -> None:
        """The kernel's is over: by RST or without an answer (`error`)."""
        if error is None or not self._peer_ended:  # behind the peer's FIN only a write finds it out
            self._over(reset=error is not None)

    def _check_over(self) -> None:
        if self._peer_ended and self._fin_sent:
            self._over(reset=False)

    def _over(self, *, reset: bool) -> None:
        if not self._released:
            self.release()
            self._events.lost(reset)

    def reset(self, *, after_written: bool = False) -> None:
        """RST instead of FIN."""
        self._events = _SILENT
        if self._released:
            return
        if after_written and self._unsent():
            self._closing = True
            self.pause()
            self._reset_when_sent(self._net.now() + UNSENT)
            return
        self._reset_now()

    def _reset_when_sent(self, limit: float) -> None:
        if self._released:
            return
        if self._unsent() and self._net.now() < limit:
            self._net.later(0.001, partial(self._reset_when_sent, limit))
            return
        self._reset_now()

    def _reset_now(self) -> None:
        self._endpoint.reset()
        self.release()

    def _unsent(self) -> int:
        """Bytes that were written and aren't in the peer's kernel."""
        return len(self._out) + self._endpoint.unacknowledged

    def close(self) -> None:
        """FIN, then read on for a while and drop what comes."""
        if self._released or self._closing:
            return
        self._closing = True
        self._events = _SILENT
        self._endpoint.bind(self)
        self.resume()
        self.fin()
        self._net.later(LINGER, partial(self._linger, self._unsent(), 0.0))

    def _linger(self, before: int, stuck: float) -> None:
        """Let go, unless the peer has yet to take what was written before the FIN."""
        if self._released:
            return
        unsent = self._unsent()
        stuck = 0.0 if unsent < before else stuck + LINGER
        if before == 0 or stuck >= STUCK:
            self.release()
        else:
            self._net.later(LINGER, partial(self._linger, unsent, stuck))

    def release(self) -> None:
        """Give the connection back, however it stands."""
        if not self._released:
            self._released = True
            self._out.clear()
            self._endpoint.close()
            self._net.forget(self)


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


_SILENT: Final = _Silent()
