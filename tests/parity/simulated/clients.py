"""Clients as their users have them, with the same settings; each told in the same words.

Each `get` gives what came or the name of the exception's class.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ParamSpec

import aiohttp
import anthropic
import anyio
import httpx
import httpx2
import openai

CONTEXT = ssl.create_default_context()
PATIENCE = 0.3  # seconds for a connect, for a read, for a place in the pool
IDLE = 0.2  # seconds after which a connection is not used again

P = ParamSpec("P")

Get = Callable[[str], Awaitable[str]]
Client = Callable[[int], AbstractAsyncContextManager[Get]]
"""Made with the number of connections that it may have."""


def told(get: Callable[P, Awaitable[str]]) -> Callable[P, Awaitable[str]]:
    """Its exception by name."""

    async def telling(*arguments: P.args, **keywords: P.kwargs) -> str:
        try:
            return await get(*arguments, **keywords)
        except Exception as error:  # noqa: BLE001  # whatever it is: it is what is compared
            return type(error).__name__

    return telling


@asynccontextmanager
async def _of_httpx(library: Any, connections: int) -> AsyncIterator[Get]:
    limits = library.Limits(max_connections=connections, keepalive_expiry=IDLE)
    async with library.AsyncClient(verify=CONTEXT, limits=limits, timeout=PATIENCE) as client:

        @told
        async def get(address: str) -> str:
            return str((await client.get(f"http://{address}/")).text)

        yield get


def with_httpx(connections: int) -> AbstractAsyncContextManager[Get]:
    """httpx."""
    return _of_httpx(httpx, connections)


def with_httpx2(connections: int) -> AbstractAsyncContextManager[Get]:
    """httpx2."""
    return _of_httpx(httpx2, connections)


@asynccontextmanager
async def with_aiohttp(connections: int) -> AsyncIterator[Get]:
    """aiohttp."""
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=IDLE)
    timeout = aiohttp.ClientTimeout(total=None, connect=PATIENCE, sock_read=PATIENCE)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        @told
        async def get(address: str) -> str:
            async with session.get(f"http://{address}/") as response:
                return await response.text()

        yield get


@asynccontextmanager
async def with_anyio(connections: int) -> AsyncIterator[Get]:
    """anyio's streams, one for all requests to an address, until it fails."""
    del connections  # there is no pool
    streams: dict[str, anyio.abc.SocketStream] = {}

    @told
    async def get(address: str) -> str:
        host, _, port = address.partition(":")
        try:
            if address not in streams:
                with anyio.fail_after(PATIENCE):
                    streams[address] = await anyio.connect_tcp(host, int(port))
            stream = streams[address]
            await stream.send(b"GET / HTTP/1.1\r\n\r\n")
            data = b""
            while not data.endswith(b"ok"):
                with anyio.fail_after(PATIENCE):
                    data += await stream.receive()
        except BaseException:
            if address in streams:
                await streams.pop(address).aclose()
            raise
        return data.rpartition(b"\r\n\r\n")[2].decode()

    try:
        yield get
    finally:
        for stream in streams.values():
            await stream.aclose()


@asynccontextmanager
async def _of_sdk(
    library: Any, kind: Callable[..., Any], connections: int, retries: int = 0
) -> AsyncIterator[Get]:
    limits = httpx2.Limits(max_connections=connections, keepalive_expiry=IDLE)
    http = library.DefaultAsyncHttpxClient(verify=CONTEXT, limits=limits)
    async with kind(
        api_key="none",
        base_url="http://nowhere",
        max_retries=retries,
        timeout=PATIENCE,
        http_client=http,
    ) as client:

        @told
        async def get(address: str) -> str:
            answer: httpx2.Response = await client.get(
                f"http://{address}/", cast_to=httpx2.Response
            )
            return answer.text

        yield get


def with_anthropic(connections: int, retries: int = 0) -> AbstractAsyncContextManager[Get]:
    """Anthropic's SDK, as httpx2's most demanding user."""
    return _of_sdk(anthropic, anthropic.AsyncAnthropic, connections, retries)


def with_openai(connections: int, retries: int = 0) -> AbstractAsyncContextManager[Get]:
    """OpenAI's SDK."""
    return _of_sdk(openai, openai.AsyncOpenAI, connections, retries)


CLIENTS: dict[str, Client] = {
    "httpx": with_httpx,
    "httpx2": with_httpx2,
    "aiohttp": with_aiohttp,
    "anyio": with_anyio,
    "anthropic": with_anthropic,
    "openai": with_openai,
}

RETRYING = {"anthropic": with_anthropic, "openai": with_openai}
"""Those that try again by themselves, unless told how often not to."""
