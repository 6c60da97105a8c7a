"""One connected socket: bytes both ways, and each way in which it can end.

Counterpart: `Connection` of lab/net.py is the promise. Knows no listener.
"""

from __future__ import annotations

import socket
import struct
import sys
from contextlib import suppress
from functools import partial

from ..net import Events
from .owner import Owner
from .ttl import hear_all, hear_nobody

__all__ = ["SocketConnection"]

READ = 512 * 1024  # bytes of one read; half of that costs a quarter more processor time per byte
MARK = 512 * 1024  # bytes in our buffer above which a writer should pause
BURST = 16 * 1024 * 1024  # bytes that one `drain` reads at most
LINGER = 2.0  # seconds that a closed connection goes on reading, so that no RST overtakes its FIN
STUCK = 60.0  # seconds after which a peer that takes nothing of what was written gets no more
UNSENT = 5.0  # seconds that a reset waits for what was written

OUTQ = 0x5411  # TIOCOUTQ: bytes that the peer has not acknowledged
RESET = struct.pack("ii", 1, 0)

if sys.platform == "linux":
    from fcntl import ioctl

    def _unacknowledged(sock: socket.socket) -> int:
        """Bytes that were written but aren't in the peer's kernel yet."""
        return int.from_bytes(ioctl(sock.fileno(), OUTQ, bytes(4)), sys.byteorder)
else:

    def _unacknowledged(_sock: socket.socket) -> int:
        """Unknown here: taken as delivered."""
        return 0


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


class SocketConnection:
    """One connected socket."""

    def __init__(self, net: Owner, sock: socket.socket, peer: int) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.dialled: str = ""
        self.local: int = 0
        self.dialled, self.local = sock.getsockname()[:2]
        self.peer = peer
        self._net = net
        self._loop = net.loop
        self._sock = sock
        self._fd = sock.fileno()
        self._events: Events = _SILENT
        self._out = bytearray()
        self._full = False  # write returned False, `drained` is owed
        self._reading = False
        self._paused = False
        self._peer_ended = False
        self._fin_wanted = False
        self._fin_sent = False
        self._broken = False  # a write failed: the peer is gone, what it sent may still be read
        self._closing = False
        self._released = False

    def bind(self, events: Events) -> None:
        """Set the owner; reading begins."""
        self._events = events
        self._update_reader()

    # --- writing ---------------------------------------------------------------------------------

    def write(self, data: bytes) -> bool:
        """Send what the kernel takes, keep the rest."""
        if self._released or self._broken or self._fin_wanted:
            return True
        if not self._out:
            try:
                sent = self._sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._break()
                return True
            if sent == len(data):
                return True
            data = data[sent:]
            self._loop.add_writer(self._fd, self._writable)
        self._out += data
        if len(self._out) > MARK:
            self._full = True
            return False
        return True

    def fin(self) -> None:
        """Half-close behind what was written."""
        if self._fin_wanted or self._released:
            return
        self._fin_wanted = True
        if not self._out:
            self._send_fin()

    def _send_fin(self) -> None:
        self._fin_sent = True
        with suppress(OSError):  # the peer's RST came first; reading tells it
            self._sock.shutdown(socket.SHUT_WR)
        self._loop.call_soon(self._check_over)

    def _writable(self) -> None:
        try:
            sent = self._sock.send(self._out)
        except BlockingIOError:
            return
        except OSError:
            self._break()
            return
        del self._out[:sent]
        if self._out:
            return
        self._loop.remove_writer(self._fd)
        if self._fin_wanted:
            self._send_fin()
        if self._full:
            self._full = False
            self._events.drained()

    def _break(self) -> None:
        """A write failed. What the peer had sent before is read first, if anybody reads."""
        self._broken = True
        self._out.clear()
        self._loop.remove_writer(self._fd)
        if not self._reading:
            self._loop.call_soon(self._over)

    # --- reading ---------------------------------------------------------------------------------

    def pause(self) -> None:
        """Stop reading."""
        self._paused = True
        self._update_reader()

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        self._update_reader()

    def drain(self) -> None:
        """Read what the kernel holds."""
        taken = 0
        while self._reading and taken < BURST:
            got = self._read()
            if got <= 0:
                return
            taken += got

    def _update_reader(self) -> None:
        wanted = not (self._paused or self._peer_ended or self._released)
        if wanted and not self._reading:
            self._loop.add_reader(self._fd, self._read)
        elif self._reading and not wanted:
            self._loop.remove_reader(self._fd)
        self._reading = wanted

    def _read(self) -> int:
        """One read; the bytes it gave, 0 at the peer's end, -1 where there was nothing."""
        try:
            data = self._sock.recv(READ)
        except BlockingIOError:
            return -1
        except OSError:
            self._over()
            return -1
        if data:
            self._events.received(data)
            return len(data)
        if self._broken:
            self._over()
            return 0
        self._peer_ended = True
        self._update_reader()
        self._events.ended()
        self._loop.call_soon(self._check_over)
        return 0

    def unplug(self) -> None:
        """Hear nothing of the peer."""
        if not self._released:
            with suppress(OSError):  # `Entrance.lacks` tells where it can't be had
                hear_nobody(self._sock)

    def plug(self) -> None:
        """Hear the peer again."""
        if not self._released:
            with suppress(OSError):
                hear_all(self._sock)

    # --- the end ---------------------------------------------------------------------------------

    def _check_over(self) -> None:
        if self._peer_ended and self._fin_sent and not self._released:
            self.release()
            self._events.lost(False)

    def _over(self) -> None:
        """By RST or error."""
        if not self._released:
            self.release()
            self._events.lost(True)

    def reset(self, *, after_written: bool = False) -> None:
        """RST instead of FIN: a linger of no time."""
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
        with suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.release()

    def _unsent(self) -> int:
        """Bytes that were written and aren't in the peer's kernel."""
        if self._broken:
            return 0
        try:
            return len(self._out) + _unacknowledged(self._sock)
        except OSError:
            return 0

    def close(self) -> None:
        """FIN, then read on for a while and drop what comes."""
        if self._released or self._closing:
            return
        self._closing = True
        self._events = _SILENT
        if self._broken:
            self.release()
            return
        # Closing a socket that holds unread bytes sends RST, so what arrives is read and dropped.
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
        """Give the socket back, however it stands."""
        if self._released:
            return
        self._released = True
        self._loop.remove_writer(self._fd)
        self._update_reader()
        self._out.clear()
        self._sock.close()
        self._net.forget(self)
