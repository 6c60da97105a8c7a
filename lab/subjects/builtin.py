"""The reference client as a subject: `maximus`.

The only adapter that the package brings for a real client; no other module of the lab names it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

from maximus import Approval, BreakerPolicy, MaximusClient, Policy, Session, Timeouts

from .declaration import Op, op, subject

if TYPE_CHECKING:
    from ..tune import Tune

__all__ = ["BUILTIN", "SERVICES", "MaximusClient", "client", "maximus", "operations", "policy"]

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
    async with client(urls, tune, seed) as opened:
        yield operations(opened)


BUILTIN = {"maximus": maximus}
