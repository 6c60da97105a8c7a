"""What would leave a run: block its thread for real, or do its work where no clock is ours.

Such a call raises `Escaped` before it is made. One audit hook sees most of them; what blocks
without an event of its own is replaced.
"""

from __future__ import annotations

import _thread
import select
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final

from .places import author, callers
from .swapping import Added, Attribute, Function, Make, Replacement, Wrapped, builtin

__all__ = ["Escaped", "audited", "replacements"]


class Escaped(BaseException):
    """A call that a simulation can't answer for, refused before it was made.

    Not an Exception: a client that retries whatever fails would hide it. `call` is what was called,
    `where` the author's line, outside the standard library and installed packages; the nearest
    caller's where there is none.
    """

    def __init__(self, call: str, where: str) -> None:
        super().__init__(call, where)
        self.call = call
        self.where = where

    def __str__(self) -> str:
        return f"{self.call}, from {self.where}"

    @classmethod
    def here(cls, call: str) -> Escaped:
        """The escape of the caller."""
        return cls(call, author(callers(sys._getframe(1))))


Refuse = Callable[[str], Escaped | None]
"""Asked by the name of a call: what to raise for it; nothing where no run is on."""

_ALWAYS: Final = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.startfile",
        "os.system",
        "pty.spawn",
        "socket.connect",
        "socket.getnameinfo",
        "socket.sendmsg",
        "socket.sendto",
        "subprocess.Popen",
    }
)
_OF_A_HOST: Final = frozenset(
    {"socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname"}
)


def audited(event: str, arguments: tuple[Any, ...]) -> str | None:
    """The call that an audit event tells of, if it is one that would escape."""
    asks = event in _OF_A_HOST and not _numeric(arguments[0])  # nobody is asked for a number's
    serves = event == "socket.bind" and not _any_port(arguments[1])
    return event if asks or serves or event in _ALWAYS else None


def _any_port(address: object) -> bool:
    """Who asks for any port only takes one, as watchers of connects do."""
    return isinstance(address, tuple) and address[1:2] == (0,)


def let_go(event: str, arguments: tuple[Any, ...]) -> None:
    """Close the socket of a connect that is refused: libraries do so for an OSError only."""
    if event == "socket.connect":
        with suppress(OSError):
            arguments[0].close()


def _numeric(host: object) -> bool:
    if host is None or host in ("", b""):
        return True
    try:
        ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return True


def replacements(refuse: Refuse) -> Iterator[Replacement]:
    """What blocks without an audit event of its own, or too late in its call."""
    yield builtin(time.sleep, _waiting(refuse, "time.sleep", 0, default=None))
    for name in ("start_new_thread", "start_joinable_thread"):  # no event tells of it in 3.11
        if hasattr(_thread, name):
            yield builtin(getattr(_thread, name), _refusing(refuse, "thread start"))
    # Its threads may have been there before; what they do comes from outside, at no time.
    yield Wrapped(ThreadPoolExecutor, "submit", _refusing(refuse, "ThreadPoolExecutor.submit"))
    yield Attribute(
        threading.Condition, "wait", _waiting(refuse, "threading.Condition.wait", 1, default=None)
    )
    yield Attribute(
        threading.Thread, "join", _waiting(refuse, "threading.Thread.join", 1, default=None)
    )
    for name in ("recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "sendall"):
        yield Added(socket.socket, name, _on_a_socket(refuse, f"socket.{name}"))
    yield Attribute(socket.socket, "accept", _on_a_socket(refuse, "socket.accept"))
    yield Attribute(select, "select", _waiting(refuse, "select.select", 3, default=None))
    if hasattr(select, "poll"):
        yield builtin(select.poll, _polling(refuse))
    for name in ("SelectSelector", "_PollLikeSelector", "EpollSelector", "KqueueSelector"):
        owner = getattr(selectors, name, None)
        if owner is not None and "select" in vars(owner):
            public = name.removeprefix("_").replace("Like", "")
            call = f"selectors.{public}.select"
            yield Attribute(owner, "select", _waiting(refuse, call, 1, default=None))


def _refusing(refuse: Refuse, call: str) -> Make:
    def make(real: Function) -> Function:
        def standing_in(*arguments: Any, **keywords: Any) -> Any:
            escaped = refuse(call)
            if escaped is not None:
                raise escaped
            return real(*arguments, **keywords)

        return standing_in

    return make


def _waiting(refuse: Refuse, call: str, position: int, *, default: float | None) -> Make:
    """Refused unless it only looks: its time is 0, or over."""

    def make(real: Function) -> Function:
        def standing_in(*arguments: Any, **keywords: Any) -> Any:
            given = (
                arguments[position]
                if len(arguments) > position
                else keywords.get("timeout", default)
            )
            if not _only_looks(given):
                escaped = refuse(call)
                if escaped is not None:
                    raise escaped
            return real(*arguments, **keywords)

        return standing_in

    return make


def _on_a_socket(refuse: Refuse, call: str) -> Make:
    """Refused on a socket that would wait: one that does not block only looks."""

    def make(real: Function) -> Function:
        def standing_in(self: socket.socket, *arguments: Any, **keywords: Any) -> Any:
            if self.gettimeout() != 0.0:
                escaped = refuse(call)
                if escaped is not None:
                    raise escaped
            return real(self, *arguments, **keywords)

        return standing_in

    return make


def _only_looks(timeout: object) -> bool:
    return isinstance(timeout, int | float) and timeout <= 0


class _Poll:
    """A `select.poll` that only looks."""

    def __init__(self, poll: Any, refuse: Refuse) -> None:
        self._poll = poll
        self._refuse = refuse
        self.register = poll.register
        self.modify = poll.modify
        self.unregister = poll.unregister

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """As `select.poll`'s; milliseconds."""
        if not _only_looks(timeout):
            escaped = self._refuse("select.poll")
            if escaped is not None:
                raise escaped
        found: list[tuple[int, int]] = self._poll.poll(timeout)
        return found


def _polling(refuse: Refuse) -> Make:
    def make(real: Function) -> Function:
        return lambda: _Poll(real(), refuse)

    return make
