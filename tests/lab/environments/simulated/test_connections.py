"""Unmodified clients and servers of asyncio on the simulated network."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Self

import aiohttp
import anyio
import httpx
import httpx2
import pytest

from faultlab.lab.environments.simulated import SimulatedLoop

CONTEXT = ssl.create_default_context()


def run(program: Callable[[], Coroutine[Any, Any, Any]], seed: int = 1) -> Any:
    """What a program gives, on a loop of its own."""
    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(seed=seed)) as runner:
        return runner.run(program())


class Server:
    """Answers each request after a while; counts connections and requests."""

    def __init__(self, takes: float = 0.5) -> None:
        self.takes = takes
        self.connections = 0
        self.requests = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                await asyncio.sleep(self.takes)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def with_httpx(url: str, gap: float, library: Any = httpx) -> None:
    """Five requests, a gap after each."""
    async with library.AsyncClient(verify=CONTEXT) as client:
        for _ in range(5):
            assert (await client.get(url)).text == "ok"
            await asyncio.sleep(gap)


async def with_httpx2(url: str, gap: float) -> None:
    """As with httpx."""
    await with_httpx(url, gap, httpx2)


async def with_aiohttp(url: str, gap: float) -> None:
    """As with httpx."""
    async with aiohttp.ClientSession() as session:
        for _ in range(5):
            async with session.get(url) as response:
                assert await response.text() == "ok"
            await asyncio.sleep(gap)


@pytest.mark.parametrize("client", [with_httpx, with_httpx2, with_aiohttp])
@pytest.mark.parametrize(("gap", "connections"), [(0.0, 1), (4.0, 1), (16.0, 5)])
def test_pools_use_a_connection_again_until_it_is_too_old(
    client: Callable[[str, float], Coroutine[Any, Any, None]], gap: float, connections: int
) -> None:
    """As on real sockets: one for five in a row, one each where the gap is longer than its expiry."""

    async def program() -> tuple[int, int, float]:
        async with Server() as server:
            await client(server.url, gap)
            return server.connections, server.requests, asyncio.get_running_loop().time()

    made, requests, took = run(program)
    assert (made, requests) == (connections, 5)
    assert 5 * (gap + 0.5) <= took < 5 * (gap + 0.5) + 0.01


def test_each_way_to_fail_is_the_clients_own_exception_at_its_time() -> None:
    """Refused, unanswered, unknown, silent."""

    async def program() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        told: list[tuple[str, float]] = []
        async with (
            Server(takes=100) as server,
            httpx.AsyncClient(verify=CONTEXT, timeout=httpx.Timeout(3, connect=2)) as client,
        ):
            for url in (
                "http://127.0.0.1:9/",
                "http://10.9.9.9/",
                "http://nobody.example/",
                server.url,
            ):
                begun = loop.time()
                with pytest.raises(httpx.TransportError) as error:
                    await client.get(url)
                told.append((type(error.value).__name__, round(loop.time() - begun, 3)))
        return told

    assert run(program) == [
        ("ConnectError", 0.0),
        ("ConnectTimeout", 2.0),
        ("ConnectError", 0.0),
        ("ReadTimeout", 3.0),
    ]


def test_anyio_finds_hosts_by_name_and_reads_until_the_end() -> None:
    """Names are those of the network's hosts."""

    async def program() -> bytes:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        loop.network.host("core", "10.0.0.77").listen("", 80, accepted=lambda one: closing(one))
        async with await anyio.connect_tcp("core", 80) as stream:
            return await stream.receive()

    def closing(endpoint: Any) -> None:
        endpoint.write(b"hello")
        endpoint.close()

    assert run(program) == b"hello"


def test_a_socket_that_was_connected_by_the_loop_is_taken_over() -> None:
    """The way of happy eyeballs."""

    async def program() -> str:
        loop = asyncio.get_running_loop()
        async with Server() as server:
            port = int(server.url.rpartition(":")[2].strip("/"))
            sock = socket.socket()
            await loop.sock_connect(sock, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=sock)
            assert writer.get_extra_info("peername") == ("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            line = await reader.readline()
            writer.close()
            return line.decode()

    assert run(program) == "HTTP/1.1 200 OK\r\n"


def test_a_cancelled_connect_leaves_nothing() -> None:
    """A client's own time-out, before the answer."""

    async def program() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.open_connection("10.9.9.9", 80)
        await asyncio.sleep(200)

    run(program)


def test_a_port_that_is_taken_can_not_be_had_twice() -> None:
    """As everywhere."""

    async def program() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 80)
        with pytest.raises(OSError, match="in use"):
            await loop.create_server(asyncio.Protocol, "127.0.0.1", 80)
        server.close()
        await (await loop.create_server(asyncio.Protocol, "localhost", 80)).start_serving()

    run(program)


def test_a_server_that_was_not_started_has_its_port_and_refuses() -> None:
    """As a socket that is bound and does not listen."""

    async def program() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 80, start_serving=False)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(asyncio.Protocol, "127.0.0.1", 80)
        await server.start_serving()
        transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", 80)
        transport.close()
        server.close()

    run(program)


@pytest.mark.parametrize(
    "call",
    [
        "create_datagram_endpoint",
        "create_unix_connection",
        "create_unix_server",
        "sock_accept",
        "sock_recv",
        "sock_recv_into",
        "sock_sendall",
    ],
)
def test_what_is_not_simulated_is_refused_by_name(call: str) -> None:
    """asyncio's own refusal says nothing."""

    async def program() -> None:
        with pytest.raises(NotImplementedError, match=rf"loop\.{call} is not simulated"):
            await getattr(asyncio.get_running_loop(), call)()

    run(program)


def test_names_are_numbers_localhost_or_hosts() -> None:
    """And in both directions."""

    async def program() -> None:
        loop = asyncio.get_running_loop()
        assert await loop.getaddrinfo("localhost", 80) == [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))
        ]
        assert (await loop.getaddrinfo(b"::1", "80"))[0][0] == socket.AF_INET6
        with pytest.raises(socket.gaierror):
            await loop.getaddrinfo("nobody", 80)
        assert await loop.getnameinfo(("127.0.0.1", 80)) == ("127.0.0.1", "80")

    run(program)
