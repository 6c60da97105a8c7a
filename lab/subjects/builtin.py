"""The reference client as a subject: `maximus`, and `planted:NAME` where a bug is put into it.

The only adapters that the package brings for a real client; no other module of the lab names it.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

import httpx

from maximus import Approval, BreakerPolicy, MaximusClient, Policy, Session, Timeouts

from ...fixtures.planted import BUGS, Bug
from ...fixtures.sync.client import Shop
from ...fixtures.sync.planted import BUGS as SYNC_BUGS
from .command_line import CommandLine
from .declaration import Op, Subject, op, subject
from .sync import shopping

if TYPE_CHECKING:
    from ..tune import Tune

__all__ = [
    "BUILTIN",
    "PLANTED",
    "SERVICES",
    "MaximusClient",
    "client",
    "maximus",
    "named",
    "operations",
    "planted",
    "policy",
    "spoiled_client",
    "spoiled_operations",
]

__tracebackhide__ = True  # pytest: the line to show is the test's own

CONNECTIONS = 10
"""That the subject may have at once: so few that a story can use them up."""

SERVICES = {"core": "core", "penelope": "penelope"}


def policy(tune: Tune | None) -> Policy:
    """The client's settings under a tune; None leaves its own numbers."""
    if tune is None:
        return Policy()
    return Policy(
        backoff_base=tune.backoff_base,
        backoff_cap=tune.backoff_cap,
        timeouts=Timeouts(connect=tune.connect, read=tune.read, write=tune.write, pool=tune.pool),
        deadline=tune.deadline,
        breaker=BreakerPolicy(reset_timeout=tune.reset_timeout),
    )


def client(
    urls: Mapping[str, str],
    tune: Tune | None,
    seed: int,
    *,
    health_max_age: float = 0.0,
    **options: Any,
) -> MaximusClient:
    """The client before these services: no cached health unless asked for, jitter from the seed.

    `options` are its constructor's and win over what tune and seed say.
    """
    settings: dict[str, Any] = {"policy": policy(tune), "random": Random(seed), **options}
    return MaximusClient(
        core_url=urls["core"],
        penelope_url=urls["penelope"],
        health_max_age=health_max_age,
        **settings,
    )


def _short_of_connections(settings: Policy) -> Policy:
    return replace(settings, max_connections=CONNECTIONS)


class _Operator:
    """A human at the console: opens sessions, approves decisions with the last one opened.

    Each of the two is one request. Without a session the service answers 404.
    """

    def __init__(self, client: MaximusClient) -> None:
        self._governance = client.governance
        self._session = "none"
        self._decisions = count(1)

    async def create_session(self) -> Session:
        session = await self._governance.create_session("operator-1", "First Operator")
        self._session = session.session_id
        return session

    async def approve(self) -> Approval:
        decision = f"dec-{next(self._decisions)}"  # the stub seeds dec-1, dec-2, ...
        return await self._governance.approve(decision, session_id=self._session)


def operations(client: MaximusClient) -> dict[str, Op]:
    """Every operation of the client that the stubs serve: four by role, all by name."""
    health = op("core GET /health", client.health)
    state = op("core GET /api/consciousness/state", client.consciousness.get_state)
    penelope = op("penelope GET /health", client.penelope.health)
    query = op("core POST /query", client.query, "Which components are degraded?")
    operator = _Operator(client)
    return {
        "read": health,
        "read.other": state,
        "read.elsewhere": penelope,
        "write": query,
        "health": health,
        "state": state,
        "penelope_health": penelope,
        "query": query,
        "arousal": op("core GET /api/consciousness/arousal", client.consciousness.get_arousal),
        "pending": op("core GET /api/v1/governance/pending", client.governance.get_pending),
        "create_session": op(
            "core POST /api/v1/governance/session/create",
            operator.create_session,
        ),
        "approve": op(
            "core POST /api/v1/governance/decision/{decision_id}/approve",
            operator.approve,
        ),
    }


@subject(services=SERVICES, contract="maximus")
async def maximus(
    urls: Mapping[str, str], tune: Tune | None, seed: int
) -> AsyncIterator[dict[str, Op]]:
    """The reference client, every operation that its stubs serve."""
    async with client(urls, tune, seed, policy=_short_of_connections(policy(tune))) as opened:
        yield operations(opened)


def spoiled_client(
    bug: Bug,
    urls: Mapping[str, str],
    tune: Tune | None,
    seed: int,
    *,
    sockets: Callable[[], httpx.AsyncBaseTransport] | None = None,
    **options: Any,
) -> MaximusClient:
    """The client with a bug in it, else as `client` makes it; `sockets` makes its transports."""
    settings = bug.policy(_short_of_connections(policy(tune)))
    make = partial(_sockets, settings) if sockets is None else sockets
    transport = bug.transport(make)
    opened = client(urls, tune, seed, policy=settings, http_transport=transport, **options)
    bug.client(opened)
    return opened


def spoiled_operations(bug: Bug, client: MaximusClient) -> dict[str, Op]:
    """The operations of a client with a bug in it."""
    return {
        name: replace(operation, call=bug.call(operation.call))
        for name, operation in operations(client).items()
        if not isinstance(operation.call, CommandLine)
    }


def _sockets(settings: Policy) -> httpx.AsyncHTTPTransport:
    """The transport that the client would make itself."""
    return httpx.AsyncHTTPTransport(
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        trust_env=False,
        limits=httpx.Limits(
            max_connections=settings.max_connections,
            max_keepalive_connections=settings.max_connections,
        ),
    )


def planted(bug: Bug) -> Subject:
    """The reference client with a bug in it, under the contract that it then breaks."""

    @subject(services=SERVICES, contract="maximus")
    async def spoiled(
        urls: Mapping[str, str], tune: Tune | None, seed: int
    ) -> AsyncIterator[dict[str, Op]]:
        async with spoiled_client(bug, urls, tune, seed) as opened:
            yield spoiled_operations(bug, opened)

    return replace(spoiled, name=f"planted:{bug.name}")


BUILTIN = {"maximus": maximus, "sync": shopping(Shop, "sync")}
PLANTED = {
    **{bug.name: planted(bug) for bug in BUGS.values()},
    **{bug.name: shopping(bug.client, f"planted:{bug.name}") for bug in SYNC_BUGS.values()},
}


def named() -> dict[str, str]:
    """Every subject of the package by the name that `--subject` takes, with a line about it."""
    bugs = {
        f"planted:{bug.name}": f"{bug.text} ({bug.check}, {bug.story})"
        for bug in (*BUGS.values(), *SYNC_BUGS.values())
    }
    return {
        "maximus": "the reference client",
        "sync": "a small synchronous client, called from threads",
        **bugs,
    }
