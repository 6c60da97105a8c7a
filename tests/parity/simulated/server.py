"""A server that does to each connection what its script says, and writes down what it meets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any, Self

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Deed = Callable[["Connection"], None]
"""What is done when a request has come."""


class Connection(asyncio.Protocol):
    """One connection. Its deeds are the script's, one for each request; the last one stays."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.loop = asyncio.get_running_loop()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accepted, and with TLS its handshake is over."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.number = len(self._server.connections)
        self._server.connections.append(self)
        self._server.note(self, "accepted")

    def data_received(self, data: bytes) -> None:
        """A request is over at its empty line."""
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            self._buffer = self._buffer.partition(b"\r\n\r\n")[2]
            self._server.note(self, "request")
            self._server.next_deed()(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Over."""
        self._server.note(self, "over")


class Server:
    """`events` holds what was met, as `connection number, what`; `times` when each was."""

    def __init__(self, *script: Deed, tls: ssl.SSLContext | None = None) -> None:
        self._script = list(script)
        self._tls = tls
        self.connections: list[Connection] = []
        self.events: list[tuple[int, str]] = []
        self.times: list[float] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._listening: Any = await loop.create_server(
            lambda: Connection(self), "127.0.0.1", 0, ssl=self._tls
        )
        self.port = self._listening.sockets[0].getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()
        for connection in self.connections:
            connection.transport.abort()

    def next_deed(self) -> Deed:
        """The script's next; the last one again and again."""
        return self._script.pop(0) if len(self._script) > 1 else self._script[0]

    def note(self, connection: Connection, what: str) -> None:
        """Write it down."""
        self.events.append((connection.number, what))
        self.times.append(asyncio.get_running_loop().time())

    def count(self, what: str) -> int:
        """How often it was met."""
        return sum(met == what for _, met in self.events)

    def when(self, what: str) -> float:
        """When it was met first, by the loop's clock."""
        return self.times[[met for _, met in self.events].index(what)]


def answer(connection: Connection) -> None:
    """At once, and stay open."""
    connection.transport.write(ANSWER)


def say_nothing(_: Connection) -> None:
    """For ever."""


def drip(connection: Connection) -> None:
    """Four bytes at a time: each comes soon, all of them late."""
    for turn, size in enumerate(range(0, len(ANSWER), 4)):
        part = ANSWER[size : size + 4]
        connection.loop.call_later(0.05 * turn, connection.transport.write, part)


def end(connection: Connection) -> None:
    """FIN in place of an answer."""
    connection.transport.close()


def answer_and_end(connection: Connection) -> None:
    """FIN behind the answer, which promises nothing of it."""
    connection.transport.write(ANSWER)
    connection.transport.close()


def truncate(connection: Connection) -> None:
    """FIN in the middle of the body."""
    connection.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    connection.transport.close()


def reset(connection: Connection) -> None:
    """RST in place of an answer."""
    sock = connection.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()


def reset_in_the_body(connection: Connection) -> None:
    """RST in the middle of the body, when the first of it has been read."""
    connection.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    connection.loop.call_later(0.05, reset, connection)
