"""RealNet: the network port on loopback sockets of an asyncio loop (counterpart: `net.py`).

No asyncio transports: sockets are non-blocking, read and written on readiness, so that every call
is complete on return and each FIN and RST is one that was meant. Knows no HTTP and no fault.
Figures behind each mechanism: reference, mechanisms 1.1.
"""

from __future__ import annotations

import asyncio
import errno
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from .net import Connection, Events, Listener, Mode

__all__ = ["RealNet"]

HOST = "127.0.0.1"
READ = 128 * 1024  # bytes of one read
MARK = 256 * 1024  # bytes in our buffer above which a writer should pause
BURST = 16 * 1024 * 1024  # bytes that one `drain` reads at most
BACKLOG = 1024
LINGER = 2.0  # seconds that a closed connection goes on reading, so that no RST overtakes its FIN
UNSENT = 5.0  # seconds that a reset waits for what was written
CROWDED = 0.05  # seconds until the next accept after the descriptors ran out
HELD = 0.002  # seconds in which a filler must be established if it holds the last place

# The option `IP_MINTTL` of <linux/in.h>, which the socket module doesn't name.
MINIMUM_TTL = 21
NO_TTL = 0
TTL_OUT_OF_REACH = 255  # loopback packets carry 64
OUTQ = 0x5411  # TIOCOUTQ: bytes that the peer has not acknowledged
RESET = struct.pack("ii", 1, 0)
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

if sys.platform == "linux":
    from fcntl import ioctl

    def _unacknowledged(sock: socket.socket) -> int:
        """Bytes that were written but aren't in the peer's kernel yet."""
        return int.from_bytes(ioctl(sock.fileno(), OUTQ, bytes(4)), sys.byteorder)
else:

    def _unacknowledged(_sock: socket.socket) -> int:
        """Unknown here: taken as delivered."""
        return 0


class RealNet:
    """Loopback sockets on one asyncio loop. Its calls belong to that loop's thread.

    `minimum_ttl=False` takes the fallback of a dark listener, the full backlog, everywhere.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, minimum_ttl: bool = True) -> None:
        self.loop = loop
        self.minimum_ttl = minimum_ttl
        self._resolved: dict[tuple[str, int], tuple[_Address, ...]] = {}
        self._connections: set[_Connection] = set()
        self._listeners: set[_Listener] = set()
        self._dials: set[_Dial] = set()

    def now(self) -> float:
        """Seconds on CLOCK_MONOTONIC."""
        return time.monotonic()

    def later(self, delay: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call from the loop, `delay` seconds from now."""
        return self.loop.call_later(delay, call)

    def listen(self, accepted: Callable[[Connection], None], port: int = 0) -> Listener:
        """Listen on 127.0.0.1, in mode open. Raises OSError if the port is taken."""
        listener = _Listener(self, accepted, port)
        self._listeners.add(listener)
        return listener

    def connect(
        self, host: str, port: int, done: Callable[[Connection | OSError], None], limit: float = 5.0
    ) -> None:
        """Open a connection; `done` gets it or the error, from the loop.

        A host name is resolved once, blocking: it names a server of this machine.
        """
        dial = _Dial(self, done, limit)
        self._dials.add(dial)
        try:
            dial.start(self._addresses(host, port))
        except OSError as error:
            self.loop.call_soon(dial.finish, error)

    def close(self) -> None:
        """Release every socket, at once."""
        for listener in tuple(self._listeners):
            listener.close()
        for dial in tuple(self._dials):
            dial.cancel()
        for connection in tuple(self._connections):
            connection.release()

    def _addresses(self, host: str, port: int) -> tuple[_Address, ...]:
        found = self._resolved.get((host, port))
        if found is None:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = tuple((family, address) for family, _, _, _, address in infos)
            self._resolved[host, port] = found
        return found

    def adopt(self, sock: socket.socket, peer: int) -> Connection:
        """Take over a connected socket."""
        connection = _Connection(self, sock, peer)
        self._connections.add(connection)
        return connection


_Address = tuple[
    socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]


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


class _Connection:
    """One connected socket."""

    def __init__(self, net: RealNet, sock: socket.socket, peer: int) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local: int = sock.getsockname()[1]
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
        self._events = events
        self._update_reader()

    # --- writing ---------------------------------------------------------------------------------

    def write(self, data: bytes) -> bool:
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
        self._paused = True
        self._update_reader()

    def resume(self) -> None:
        self._paused = False
        self._update_reader()

    def drain(self) -> None:
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

    def _unsent(self) -> bool:
        if self._broken:
            return False
        try:
            return bool(self._out) or _unacknowledged(self._sock) > 0
        except OSError:
            return False

    def close(self) -> None:
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
        self._net.later(LINGER, self.release)

    def release(self) -> None:
        """Give the socket back, however it stands."""
        if self._released:
            return
        self._released = True
        self._loop.remove_writer(self._fd)
        self._update_reader()
        self._out.clear()
        self._sock.close()
        self._net._connections.discard(self)


class _Dial:
    """A connection being opened, one address after the other."""

    def __init__(
        self, net: RealNet, done: Callable[[Connection | OSError], None], limit: float
    ) -> None:
        self._net = net
        self._done = done
        self._sock: socket.socket | None = None
        self._rest: list[_Address] = []
        self._timer = net.later(limit, partial(self.finish, TimeoutError("no answer to connect")))

    def start(self, addresses: tuple[_Address, ...]) -> None:
        """Try these in order. Raises OSError if the first can't be tried at all."""
        self._rest = list(addresses)
        self._next()

    def _next(self) -> None:
        family, address = self._rest.pop(0)
        sock = socket.socket(family, socket.SOCK_STREAM)
        self._sock = sock
        sock.setblocking(False)
        with suppress(BlockingIOError):
            sock.connect(address)
        self._net.loop.add_writer(sock.fileno(), self._settled)

    def _settled(self) -> None:
        assert self._sock is not None
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        try:
            if code:
                raise OSError(code, errno.errorcode.get(code, "connect failed"))
            peer = self._sock.getpeername()[1]
        except OSError as error:
            self._drop()
            if not self._rest:
                self.finish(error)
                return
            try:
                self._next()
            except OSError as worse:
                self.finish(worse)
            return
        sock, self._sock = self._sock, None
        self._net.loop.remove_writer(sock.fileno())
        self._forget()
        self._done(self._net.adopt(sock, peer))

    def finish(self, error: OSError) -> None:
        """It failed."""
        if self in self._net._dials:
            self.cancel()
            self._done(error)

    def cancel(self) -> None:
        """Let go without an answer."""
        self._drop()
        self._forget()

    def _drop(self) -> None:
        if self._sock is not None:
            self._net.loop.remove_writer(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def _forget(self) -> None:
        self._timer.cancel()
        self._net._dials.discard(self)


def _bound(port: int) -> socket.socket:
    """A socket bound to an explicit port: one bound to 0 would lose it when it stops listening."""
    helper: socket.socket | None = None
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if port == 0:
            helper = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            helper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            helper.bind((HOST, 0))
            port = helper.getsockname()[1]
        sock.bind((HOST, port))
        if helper is not None:
            helper.close()
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    finally:
        if helper is not None:
            helper.close()
    return sock


def _listening(port: int) -> socket.socket:
    """A listening socket; a port that was not asked for and is lost in between is drawn again."""
    for _ in range(8 if port == 0 else 0):
        with suppress(OSError):
            return _bound(0)
    return _bound(port)


class _Listener:
    """One listening socket, whose port stays bound in every mode."""

    def __init__(self, net: RealNet, accepted: Callable[[Connection], None], port: int) -> None:
        self._net = net
        self._accepted = accepted
        self._sock = _listening(port)
        self._sock.setblocking(False)
        self._fd = self._sock.fileno()
        self._reading = False
        self._closed = False
        self._fillers: list[socket.socket] = []
        self.port: int = self._sock.getsockname()[1]
        self.mode: Mode = "open"
        self.mechanism = "listening"
        self._watch()

    def switch(self, mode: Mode) -> None:
        if mode == self.mode or self._closed:
            return
        match mode:
            case "open":
                self._open()
            case "refusing":
                self._refuse()
            case "dark":
                self._darken()
        self.mode = mode

    def _open(self) -> None:
        if self.mode == "refusing":
            self._listen_again(BACKLOG)
        self._lighten(reopen=True)
        self._watch()
        self.mechanism = "listening"

    def _refuse(self) -> None:
        self.drain()
        self._unwatch()
        self._sock.shutdown(socket.SHUT_RD)
        # Nobody else may share the port while nobody listens on it.
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        self._lighten()
        self.mechanism = "bound, not listening"

    def _darken(self) -> None:
        if self._minimum_ttl(TTL_OUT_OF_REACH):
            if self.mode == "refusing":
                self._listen_again(BACKLOG)
            # What was queued is older than the darkness.
            self.drain()
            self._watch()
            self.mechanism = f"minimum TTL {TTL_OUT_OF_REACH}"
        else:
            self.drain()
            self._unwatch()
            self._listen_again(0)
            self._fill()
            self.mechanism = "full backlog"

    def _listen_again(self, backlog: int) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._sock.listen(backlog)

    def _lighten(self, *, reopen: bool = False) -> None:
        self._minimum_ttl(NO_TTL)
        if not self._fillers:
            return
        if reopen:
            self._sock.listen(BACKLOG)
            self._take_queued({filler.getsockname()[1] for filler in self._fillers})
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()

    def _minimum_ttl(self, ttl: int) -> bool:
        if not self._net.minimum_ttl:
            return False
        try:
            self._sock.setsockopt(socket.IPPROTO_IP, MINIMUM_TTL, ttl)
        except OSError:
            return False
        return True

    def _fill(self) -> None:
        """Fill the one place of the backlog with a connection of our own: no SYN is taken."""
        for _ in range(64):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect((HOST, self.port))
            poll = select.poll()
            poll.register(filler, select.POLLOUT)
            if poll.poll(HELD * 1000) and not filler.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._fillers.append(filler)
                return
            # A client got the place first: it is older than the darkness.
            filler.close()
            self._take_queued(set())

    def drain(self) -> None:
        if self.mode != "refusing" and not self._fillers and not self._closed:
            self._take_queued(set())

    def _take_queued(self, own: set[int]) -> None:
        while self._take(own):
            pass

    def _take(self, own: set[int]) -> bool:
        try:
            sock, address = self._sock.accept()
        except BlockingIOError:
            return False
        except ConnectionAbortedError:
            return True
        except OSError as error:
            if error.errno in EXHAUSTED:
                # The queued connection stays readable: without a rest the loop would spin.
                self._unwatch()
                self._net.later(CROWDED, self._rested)
            return False
        peer = address[1]
        if peer in own:
            sock.close()
            return True
        if self._net.minimum_ttl:
            with suppress(OSError):  # an accepted socket inherits the listener's
                sock.setsockopt(socket.IPPROTO_IP, MINIMUM_TTL, NO_TTL)
        try:
            connection = self._net.adopt(sock, peer)
        except OSError:
            sock.close()
            return True
        self._accepted(connection)
        return True

    def _acceptable(self) -> None:
        for _ in range(64):
            if not self._reading or not self._take(set()):
                return

    def _rested(self) -> None:
        if not self._closed and self.mode != "refusing" and not self._fillers:
            self._watch()

    def _watch(self) -> None:
        if not self._reading:
            self._reading = True
            self._net.loop.add_reader(self._fd, self._acceptable)

    def _unwatch(self) -> None:
        if self._reading:
            self._reading = False
            self._net.loop.remove_reader(self._fd)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._unwatch()
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        self._sock.close()
        self._net._listeners.discard(self)
