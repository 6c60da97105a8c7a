import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from faultlab.lab.history import AnyEvent, ConnectAttempted
from faultlab.lab.stamp import Stamp
from faultlab.lab.subjects.clients.uvloop import seams
from faultlab.lab.subjects.connects import Connects
from faultlab.lab.subjects.listeners import Listeners


class Loop:
    """A loop that connects to nobody."""

    async def create_connection(
        self, protocol: Any, host: Any = None, port: Any = None, *, sock: Any = None
    ) -> tuple[Any, Any]:
        """What it was asked for."""
        return (host, port) if sock is None else ("sock", sock)


@pytest.fixture
def events() -> list[AnyEvent]:
    """What was noted."""
    return []


@pytest.fixture
def connects(events: list[AnyEvent]) -> Connects:
    """Connects to core on port 4000."""
    stamp = Stamp(0.0, clock=lambda: 1.0, delay=lambda: 0.0)
    return Connects(Listeners({"core": "http://127.0.0.1:4000"}), stamp, events.append)


def connect(connects: Connects, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """By the wrapped method."""
    module: Any = SimpleNamespace(Loop=Loop)
    (seam,) = seams(connects, module)
    found: tuple[Any, Any] = asyncio.run(
        seam.wrapper(Loop.create_connection)(Loop(), None, *args, **kwargs)
    )
    return found


def test_a_connect_is_told_without_its_port(connects: Connects, events: list[AnyEvent]) -> None:
    """So a refused one can't be counted, and the reading knows that."""
    assert connect(connects, "127.0.0.1", 4000) == ("127.0.0.1", 4000)
    assert events == [ConnectAttempted(t=1.0, service="core", port=4000)]
    assert connects.known == "none: uvloop connects without the interpreter's audit event"


def test_a_socket_that_is_connected_already_was_seen(
    connects: Connects, events: list[AnyEvent]
) -> None:
    """aiohttp connects by itself, which the audit event sees."""
    with socket.socket() as sock:
        assert connect(connects, sock=sock) == ("sock", sock)
    assert (events, connects.known) == ([], "audit")
