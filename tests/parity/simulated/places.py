"""Where a program of a client and its server is played: real loopback, or the simulated network."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from faultlab.lab.environments.simulated import SimulatedLoop

T = TypeVar("T")

Program = Callable[[str], Coroutine[Any, Any, T]]
"""Is given an address (`host:port`) that nobody answers on."""


def simulated(program: Program[T]) -> T:
    """In virtual time, on a loop of its own."""
    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(seed=1)) as runner:
        return runner.run(program("10.9.9.9:80"))


def real(program: Program[T]) -> T:
    """On loopback sockets, in real time."""
    with _unanswered() as dark, asyncio.Runner() as runner:
        return runner.run(program(dark))


@contextmanager
def _unanswered() -> Iterator[str]:
    """A listener whose backlog is full: the kernel drops each further SYN."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        second.setblocking(False)
        second.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"
