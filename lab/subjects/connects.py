"""Connects counted at their source: the interpreter's `socket.connect` audit event.

A refused or unanswered connect reaches no proxy; this is the only place that sees it.
It also remembers where the process went instead, so that a client that ignores its URL is told.
Says nothing about a loop that the event can't see (uvloop).
"""

from __future__ import annotations

import socket
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from ..history import AnyEvent, ConnectAttempted
from ..stamp import Stamp
from .attribution import attempt, current
from .elsewhere import Address, is_number
from .listeners import LOOPBACK, Listeners, is_loopback

__all__ = ["AUDIT", "Connects", "attempted", "known_on"]

AUDIT = "audit"
UVLOOP = "none: uvloop connects without the interpreter's audit event"

_SYN_SENT = 2
_ESTABLISHED = 1
_REMEMBERED = 16  # other addresses, the latest


class Connects:
    """Records `connect.attempted` for every connect to one of `listeners`.

    `note` gets the events inside the hook: it must take no lock and never raise.
    """

    def __init__(
        self, listeners: Listeners, stamp: Stamp, note: Callable[[AnyEvent], None]
    ) -> None:
        self._listeners = listeners
        self._stamp = stamp
        self._note = note
        self._elsewhere: deque[Address] = deque(maxlen=_REMEMBERED)
        self._waiting: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._known = AUDIT
        self._overlooked = 0

    @property
    def known(self) -> str:
        """How the connects so far are known: `audit`, or `none: REASON`."""
        return self._known

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Be told of every connect of this process until the block is left."""
        if not _hook.added:
            sys.addaudithook(_hook)
            _hook.added = True
        _hook.watches = (*_hook.watches, self)
        try:
            yield
        finally:
            _hook.watches = tuple(watch for watch in _hook.watches if watch is not self)

    def overlook(self, port: int) -> None:
        """Connects to this port are the lab's own."""
        self._overlooked = port

    def elsewhere(self) -> tuple[Address, ...]:
        """The latest addresses that are none of the services', oldest first, each once."""
        return tuple(dict.fromkeys(self._elsewhere))

    def connecting(self, sock: socket.socket, address: object) -> None:
        """A connect is about to begin (the audit event's arguments)."""
        if not isinstance(address, tuple) or len(address) < 2 or not sock.type & socket.SOCK_STREAM:
            return
        host, port = address[0], address[1]
        ours = sock.family == socket.AF_INET
        service = self._listeners.service(host, port) if ours else None
        if service is None:
            self._went(host, port)
            return
        if self._repeated(sock):
            return
        self._note(attempted(self._stamp, service, port, local=_local_port(sock, host)))

    def unseen(self, host: object, port: object) -> None:
        """A connect is about to begin that the audit event can't see; its local port is not known."""
        if not isinstance(port, int):
            return
        service = self._listeners.service(host, port)
        if service is None:
            self._went(host, port)
            return
        self._known = UVLOOP
        self._note(attempted(self._stamp, service, port, local=0))

    def looked_up(self, host: object, port: object) -> None:
        """A name is about to be resolved: a client that goes elsewhere may fail right there."""
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        if isinstance(host, str) and host and not is_number(host) and host != "localhost":
            self._went(host, port)

    def _went(self, host: object, port: object) -> None:
        operation = current.get()
        if isinstance(host, str) and isinstance(port, int) and port != self._overlooked:
            self._elsewhere.append(Address(host, port, None if operation is None else operation.op))

    def _repeated(self, sock: socket.socket) -> bool:
        """Whether this call only asks how an earlier one on the same socket goes on.

        A non-blocking socket may be polled by connecting again; only the first call sends a SYN.
        """
        if _state(sock) in {_SYN_SENT, _ESTABLISHED}:
            return True
        try:
            if sock in self._waiting:
                # Failed meanwhile: this call fetches the error, and only the next one tries again.
                self._waiting.discard(sock)
                return True
            if sock.gettimeout() == 0.0:
                self._waiting.add(sock)
        except TypeError:
            pass  # a bare _socket.socket can't be referred to weakly
        return False


def attempted(stamp: Stamp, service: str, port: int, *, local: int) -> ConnectAttempted:
    """A connect to a service begins now; the context says for which operation and attempt."""
    operation = current.get()
    t, late = stamp()
    return ConnectAttempted(
        t=t,
        late=late,
        service=service,
        op=None if operation is None else operation.op,
        attempt=attempt.get(),
        port=port,
        local=local,
    )


@dataclass(slots=True)
class _Hook:
    """The one hook of this process. It can't be removed, only left with nothing to tell."""

    added: bool = False
    watches: tuple[Connects, ...] = field(default=())

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        if not self.watches:
            return
        try:
            if event == "socket.connect":
                sock, address = args
                for watch in self.watches:
                    watch.connecting(cast("socket.socket", sock), address)
            elif event == "socket.getaddrinfo":
                for watch in self.watches:
                    watch.looked_up(args[0], args[1])
        except Exception:  # noqa: BLE001, S110  # it would be raised by the subject's own connect
            pass


_hook = _Hook()  # module state by necessity: the interpreter keeps a hook until it ends


def _state(sock: socket.socket) -> int:
    """The TCP state, by its number in the kernel; 0 where the system does not tell."""
    option = getattr(socket, "TCP_INFO", None)
    if option is None:
        return 0
    return sock.getsockopt(socket.IPPROTO_TCP, option, 1)[0]


def _local_port(sock: socket.socket, host: str) -> int:
    """The local port to this host, chosen here and now if it was not yet; 0 if that fails."""
    try:
        port: int = sock.getsockname()[1]
        if port == 0:
            sock.bind((LOOPBACK if is_loopback(host) else "", 0))  # else: as the route goes
            port = sock.getsockname()[1]
    except OSError:
        return 0
    return port


def known_on(loop: object) -> str:
    """How the connects of an event loop are known: `audit`, or `none: REASON`."""
    return UVLOOP if type(loop).__module__.partition(".")[0] == "uvloop" else AUDIT
