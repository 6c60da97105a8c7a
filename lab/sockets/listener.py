"""One listening port: how it is open, refusing or dark, and stays ours in each of them.

Counterpart: `Listener` of lab/net.py is the promise. What it accepts, connection.py carries.
"""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

from ..addresses import ANY_LOOPBACK, confined
from ..net import Connection, Mode, Slowing
from .owner import Owner
from .ttl import OUT_OF_REACH, hear_all, hear_nobody

__all__ = ["SocketListener"]

HOST = "127.0.0.1"
ANY = "0.0.0.0"  # noqa: S104  # of a socket that is confined
EVERYWHERE = "::"  # every address of both families
BACKLOG = 1024
CROWDED = 0.05  # seconds until the next accept after the descriptors ran out
HELD = 0.002  # seconds in which a filler must be established if it holds the last place

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def _bound(host: str, port: int) -> socket.socket:
    """A socket bound to an explicit port: one bound to 0 would lose it when it stops listening."""
    helper: socket.socket | None = None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if host == ANY_LOOPBACK:
            host = ANY if confined(sock) else HOST
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != EVERYWHERE))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if port == 0:
            helper = socket.socket(family, socket.SOCK_STREAM)
            if host == ANY:
                confined(helper)
            helper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            helper.bind((host, 0))
            port = helper.getsockname()[1]
        sock.bind((host, port))
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


def _listening(host: str, port: int) -> socket.socket:
    """A listening socket; a port that was not asked for and is lost in between is drawn again."""
    for _ in range(8 if port == 0 else 0):
        with suppress(OSError):
            return _bound(host, 0)
    return _bound(host, port)


class SocketListener:
    """One listening socket, whose port stays bound in every mode."""

    def __init__(
        self,
        net: Owner,
        accepted: Callable[[Connection], None],
        port: int,
        host: str = HOST,
        *,
        starved: Callable[[str], None] | None = None,
    ) -> None:
        self._net = net
        self._accepted = accepted
        self._starved = starved
        self._short = ""  # why nothing could be accepted lately
        self._sock = _listening(host, port)
        self._sock.setblocking(False)
        self._fd = self._sock.fileno()
        self._reading = False
        self._closed = False
        self._fillers: list[socket.socket] = []
        self.port: int = self._sock.getsockname()[1]
        self.mode: Mode = "open"
        self.mechanism = "listening"
        self._watch()

    def switch(self, mode: Mode, *, keeps: bool = True) -> None:  # noqa: ARG002 - it keeps them
        """Change the mode."""
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
        if self._made_deaf():
            if self.mode == "refusing":
                self._listen_again(BACKLOG)
            # What was queued is older than the darkness.
            self.drain()
            self._watch()
            self.mechanism = f"minimum TTL {OUT_OF_REACH}"
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
        if self._net.minimum_ttl:
            with suppress(OSError):
                hear_all(self._sock)
        if not self._fillers:
            return
        if reopen:
            self._sock.listen(BACKLOG)
            self._take_queued({filler.getsockname()[1] for filler in self._fillers})
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()

    def _made_deaf(self) -> bool:
        if not self._net.minimum_ttl:
            return False
        try:
            hear_nobody(self._sock)
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

    def slow(self, wanted: Mapping[int, Slowing]) -> None:
        """It slows nothing: there are none."""

    def drain(self) -> None:
        """Accept what is queued."""
        if self.mode != "refusing" and not self._fillers and not self._closed:
            self._take_queued(set())

    def _take_queued(self, own: set[int]) -> None:
        while self._take(own):
            pass

    def _take(self, own: set[int]) -> bool:
        try:
            sock, address = self._sock.accept()
        except BlockingIOError:
            self._tell("")  # a descriptor was had first
            return False
        except ConnectionAbortedError:
            return True
        except OSError as error:
            if error.errno in EXHAUSTED:
                # The queued connection stays readable: without a rest the loop would spin.
                self._unwatch()
                self._net.later(CROWDED, self._rested)
                self._tell(error.strerror or str(error))
            return False
        self._tell("")
        peer = address[1]
        if peer in own:
            sock.close()
            return True
        if self._net.minimum_ttl:
            with suppress(OSError):  # an accepted socket inherits the listener's
                hear_all(sock)
        try:
            connection = self._net.adopt(sock, peer)
        except OSError:
            sock.close()
            return True
        self._accepted(connection)
        return True

    def _tell(self, short: str) -> None:
        """Whether there is enough to accept with, where that has changed."""
        if short != self._short:
            self._short = short
            if self._starved is not None:
                self._starved(short)

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
        """Give the port back."""
        if self._closed:
            return
        self._closed = True
        self._unwatch()
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        self._sock.close()
        self._net.forget(self)
