"""The client: its settings, its one HTTP pool, and its resources.

    async with MaximusClient() as client:
        health = await client.health()
        state = await client.consciousness.get_state()

A client belongs to one event loop. Closing it leaves no connection and no task behind.
"""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from random import Random
from types import TracebackType
from typing import Self

import httpx

from .health import RecentHealth
from .models import CoreHealth, QueryResponse
from .policy import Policy
from .resources import Consciousness, Governance, Penelope
from .send import Call, Sender, Service

__all__ = ["MaximusClient"]


class MaximusClient:
    """Async client of MAXIMUS Core and PENELOPE; raises `MaximusError` and nothing else.

    `health_max_age` is in seconds, 0 asks every time. `clock` gives monotonic seconds, `wall`
    seconds since 1970 (for dates in Retry-After); `sleep` and `random` make waits. `http_transport`
    replaces the sockets, and is closed with the client. `api_key` goes out as X-API-Key.
    A ValueError names the argument that makes no sense.
    """

    def __init__(
        self,
        *,
        core_url: str = "http://127.0.0.1:8100",
        penelope_url: str = "http://127.0.0.1:8154",
        policy: Policy = Policy(),  # noqa: B008 - frozen
        health_max_age: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Random | None = None,
        http_transport: httpx.AsyncBaseTransport | None = None,
        api_key: str | None = None,
    ) -> None:
        if not (math.isfinite(health_max_age) and health_max_age >= 0.0):
            raise ValueError(
                f"health_max_age must be a number of seconds at least 0, got {health_max_age!r}"
            )
        if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key):
            raise ValueError("api_key must be printable ASCII text (its value is not shown here)")
        self._core = Service("core", _base_url("core_url", core_url))
        penelope = Service("penelope", _base_url("penelope_url", penelope_url))
        self._http = _http(policy, http_transport, urls=(self._core.url, penelope.url))
        self._sender = Sender(
            self._http,
            policy,
            clock=clock,
            wall=wall,
            sleep=sleep,
            random=Random() if random is None else random,
            api_key=api_key,
        )
        self._health = RecentHealth(self._ask_health, max_age=health_max_age, clock=clock)
        self.consciousness = Consciousness(self._sender, self._core)
        self.governance = Governance(self._sender, self._core)
        self.penelope = Penelope(self._sender, penelope, health_max_age=health_max_age, clock=clock)

    async def health(self) -> CoreHealth:
        """Return Core's health, at most `health_max_age` seconds old."""
        return await self._health.get()

    async def query(
        self,
        query: str,
        *,
        context: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
    ) -> QueryResponse:
        """Put a question to Core. Without an idempotency key it is not sent twice."""
        body: dict[str, object] = {"query": query}
        if context is not None:
            body["context"] = dict(context)
        return await self._sender.send(
            Call(
                service=self._core,
                method="POST",
                template="/query",
                answer=QueryResponse,
                body=body,
                idempotency_key=idempotency_key,
            )
        )

    async def aclose(self) -> None:
        """Close every connection; more than once does no harm."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _ask_health(self) -> CoreHealth:
        return await self._sender.send(
            Call(service=self._core, method="GET", template="/health", answer=CoreHealth)
        )


def _base_url(name: str, value: str) -> str:
    try:
        url = httpx.URL(value)
    except (TypeError, httpx.InvalidURL) as error:
        raise ValueError(f"{name} must be an http or https URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{name} must be an http or https URL, got {url!r}")
    if url.userinfo or url.query or url.fragment:  # the URL's repr masks a password
        raise ValueError(f"{name} must be a URL without user, query or fragment, got {url!r}")
    return str(url).rstrip("/")


def _http(
    policy: Policy, transport: httpx.AsyncBaseTransport | None, *, urls: tuple[str, ...]
) -> httpx.AsyncClient:
    # Reading the certificates takes 20 ms, so it is done only where they are needed.
    secure = any(url.startswith("https:") for url in urls)
    timeouts = policy.timeouts
    return httpx.AsyncClient(
        verify=True if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        trust_env=False,  # a proxy from the environment must not come between
        follow_redirects=False,
        timeout=httpx.Timeout(
            connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=timeouts.pool
        ),
        # As many idle ones as there may be: httpcore 1.0 counts busy connections as idle.
        limits=httpx.Limits(
            max_connections=policy.max_connections,
            max_keepalive_connections=policy.max_connections,
        ),
        # A jar that takes none: on one machine all services would share the cookies of each.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        event_hooks={"response": [_forget_location]},
        transport=transport,
    )


async def _forget_location(response: httpx.Response) -> None:
    # httpx prepares the next request of a redirect that it does not follow, and takes a Location
    # that it cannot read for a broken connection. Here a redirect is a status like any other.
    response.headers.pop("location", None)
