"""TLS over the simulated network, by asyncio's own protocol: what it is on loopback sockets.

The bodies are the same in both places, and so is what is expected of them.
"""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import httpx
import pytest
import trustme

from . import server as does
from .clients import PATIENCE, told
from .places import real, simulated
from .server import Deed, Server

# asyncio leaves the transport of a handshake that failed, or of a connection that was reset, unclosed.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed transport:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

over_places = pytest.mark.parametrize(
    "place", [simulated, pytest.param(real, marks=[pytest.mark.slow, pytest.mark.wire])]
)


@dataclass(frozen=True)
class Party:
    """What a server shows, and what a client trusts."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def party(name: str, *, trusted: bool = True) -> Party:
    """A certificate for this name; its authority is trusted, or another one."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    (authority if trusted else trustme.CA()).configure_trust(client)
    return Party(server, client)


@pytest.fixture(autouse=True)
def unclosed() -> Iterator[None]:
    """What is left is collected here, and not in a test that knows nothing of it."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def known() -> Party:
    """All is in order."""
    return party("127.0.0.1")


async def with_httpx(trust: ssl.SSLContext, port: int, count: int) -> list[str]:
    """Requests one after the other: what came, or the exception's name."""
    async with httpx.AsyncClient(verify=trust, timeout=PATIENCE) as client:

        @told
        async def get() -> str:
            return (await client.get(f"https://127.0.0.1:{port}/")).text

        return [await get() for _ in range(count)]


async def with_aiohttp(trust: ssl.SSLContext, port: int, count: int) -> list[str]:
    """The same by another library."""
    timeout = aiohttp.ClientTimeout(total=None, connect=PATIENCE, sock_read=PATIENCE)
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        @told
        async def get() -> str:
            async with session.get(f"https://127.0.0.1:{port}/") as response:
                return await response.text()

        return [await get() for _ in range(count)]


Get = Callable[[ssl.SSLContext, int, int], Awaitable[list[str]]]
CLIENTS: dict[str, Get] = {"httpx": with_httpx, "aiohttp": with_aiohttp}


async def play(get: Get, parties: Party, script: tuple[Deed, ...], count: int, _: str) -> Any:
    """Outcomes in order, and the connections on which a request came."""
    async with Server(*script, tls=parties.server) as server:
        outcomes = await get(parties.client, server.port, count)
        return outcomes, len({number for number, met in server.events if met == "request"})


@over_places
@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize(
    ("script", "outcomes", "connections"),
    [
        ((does.answer,), {"httpx": ["ok"] * 3, "aiohttp": ["ok"] * 3}, 1),
        ((does.say_nothing,), {"httpx": ["ReadTimeout"], "aiohttp": ["SocketTimeoutError"]}, 1),
        ((does.reset_in_the_body,), {"httpx": ["ReadError"], "aiohttp": ["ClientPayloadError"]}, 1),
        (
            (does.truncate,),
            {"httpx": ["RemoteProtocolError"], "aiohttp": ["ClientPayloadError"]},
            1,
        ),
        ((does.drip,), {"httpx": ["ok"], "aiohttp": ["ok"]}, 1),
    ],
    ids=["three in a row", "silent", "RST in the body", "truncated", "dripping"],
)
def test_what_happens_behind_a_handshake(
    place: Any,
    name: str,
    known: Party,
    script: tuple[Deed, ...],
    outcomes: dict[str, list[str]],
    connections: int,
) -> None:
    """As without TLS, on as many connections."""
    count = len(outcomes[name])
    found = place(partial(play, CLIENTS[name], known, script, count))
    assert found == (outcomes[name], connections)


@over_places
@pytest.mark.parametrize(
    ("name", "trusted"), [("localhost", True), ("127.0.0.1", False)], ids=["name", "authority"]
)
def test_a_certificate_that_is_wrong_is_refused(place: Any, name: str, *, trusted: bool) -> None:
    """By its name, or by who signed it; no request is sent."""
    wrong = party(name, trusted=trusted)
    assert place(partial(play, with_httpx, wrong, (does.answer,), 1)) == (["ConnectError"], 0)
    found = place(partial(play, with_aiohttp, wrong, (does.answer,), 1))
    assert found == (["ClientConnectorCertificateError"], 0)


class Broken(asyncio.Protocol):
    """A server that does something else with the first bytes of a handshake."""

    def __init__(self, deed: Deed) -> None:
        self._deed = deed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accepted."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """The client says hello."""
        self._deed(self)  # type: ignore[arg-type]  # of a connection they need the transport


def nonsense(connection: does.Connection) -> None:
    """What is no TLS."""
    connection.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def greeted(deed: Deed, trust: ssl.SSLContext, _: str) -> tuple[list[str], float]:
    """What a client is told of such a server, and the seconds it took."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Broken(deed), "127.0.0.1", 0)
    began = loop.time()
    outcomes = await with_httpx(trust, listening.sockets[0].getsockname()[1], 1)
    took = loop.time() - began
    listening.close()
    return outcomes, took


@over_places
@pytest.mark.parametrize(
    ("deed", "outcome", "least"),
    [
        (does.end, "ConnectError", 0.0),
        (does.reset, "ConnectError", 0.0),
        (nonsense, "ConnectError", 0.0),
        (does.say_nothing, "ConnectTimeout", PATIENCE),
    ],
    ids=["FIN", "RST", "nonsense", "silence"],
)
def test_a_handshake_that_fails_is_told(
    place: Any, known: Party, deed: Deed, outcome: str, least: float
) -> None:
    """By the class that a client has for it."""
    outcomes, took = place(partial(greeted, deed, known.client))
    assert outcomes == [outcome]
    assert took >= least


async def upgraded(parties: Party, _: str) -> list[bytes]:
    """What both sides read, before and after they agreed upon TLS on an open connection."""
    read: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read.append(await reader.readline())
        writer.write(b"go ahead\n")
        await writer.drain()
        await writer.start_tls(parties.server)
        read.append(await reader.readline())
        writer.write(b"well met\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"STARTTLS\n")
        read.append(await reader.readline())
        await writer.start_tls(parties.client, server_hostname="127.0.0.1")
        writer.write(b"in secret\n")
        read.append(await reader.readline())
        read.append(await reader.read())
        writer.close()
    return read


@over_places
def test_a_connection_changes_to_tls(place: Any, known: Party) -> None:
    """By `start_tls` of both sides."""
    said = [b"STARTTLS\n", b"go ahead\n", b"in secret\n", b"well met\n", b""]
    assert place(partial(upgraded, known)) == said
