import asyncio
import json
from collections.abc import Mapping

import httpx
import pytest

from faultlab.lab.methods import IDEMPOTENT
from faultlab.lab.subjects.builtin import (
    BUILTIN,
    CONNECTIONS,
    client,
    maximus,
    operations,
    policy,
)
from faultlab.lab.subjects.commands import describe
from faultlab.lab.tune import FAST
from faultlab.scenarios import OperationStep, catalog
from maximus import MaximusError, Policy

URLS = {"core": "http://core.test", "penelope": "http://penelope.test"}


def sent(name: str) -> list[str]:
    """What the client sends for one operation, to backends that answer 404."""
    requests: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        service = request.url.host.removesuffix(".test")
        requests.append(f"{service} {request.method} {request.url.path}")
        return httpx.Response(404, json={})

    async def once() -> None:
        transport = httpx.MockTransport(answer)
        async with client(URLS, FAST, 7, http_transport=transport) as opened:
            operation = operations(opened)[name]
            awaitable = operation.call()
            assert asyncio.iscoroutine(awaitable)
            with pytest.raises(MaximusError):
                await awaitable

    asyncio.run(once())
    return requests


def offered() -> Mapping[str, tuple[str, str, str]]:
    """Every operation, by its name."""
    opened = client(URLS, None, 7)
    offers = operations(opened)
    asyncio.run(opened.aclose())
    return {it.name: (it.service, it.method, it.path) for it in describe(maximus, offers).offers}


@pytest.mark.parametrize("name", sorted(offered()))
def test_each_operation_sends_what_it_declares(name: str) -> None:
    """Contract and attribution rely on the declaration."""
    service, method, path = offered()[name]
    shown = path.replace("{decision_id}", "dec-1")
    assert sent(name) == [f"{service} {method} {shown}"]


def test_the_four_roles_mean_what_stories_expect() -> None:
    """Another endpoint of the same service, another service, and one write."""
    roles = {name: offered()[name] for name in ("read", "read.other", "read.elsewhere", "write")}
    read, other, elsewhere, write = roles.values()
    assert read[0] == other[0] == write[0] != elsewhere[0]
    assert read[2] != other[2]
    assert [it[1] in IDEMPOTENT for it in roles.values()] == [True, True, True, False]


def test_a_tune_sets_every_time_and_no_count() -> None:
    """A time that stayed at its true number would make a story last minutes."""
    tuned = policy(FAST)
    assert (tuned.timeouts.connect, tuned.timeouts.read) == (FAST.connect, FAST.read)
    assert (tuned.timeouts.write, tuned.timeouts.pool) == (FAST.write, FAST.pool)
    assert (tuned.backoff_base, tuned.backoff_cap) == (FAST.backoff_base, FAST.backoff_cap)
    assert (tuned.deadline, tuned.breaker.reset_timeout) == (FAST.deadline, FAST.reset_timeout)
    assert (tuned.attempts, tuned.breaker.fail_max) == (3, 5)
    assert tuned.retry_after_cap == Policy().retry_after_cap


def test_without_a_tune_the_client_has_its_own_numbers() -> None:
    """The contract is judged by them then."""
    assert policy(None) == Policy()


def test_the_subject_has_fewer_connections_than_a_story_has_callers() -> None:
    """Else none would ever wait for one. A client in a test of one's own has the usual number."""
    story = catalog()["slow"]
    callers = {step.concurrency.amount for step in story.fault if isinstance(step, OperationStep)}
    assert CONNECTIONS < max(callers) < Policy().max_connections
    assert policy(FAST).max_connections == Policy().max_connections


def test_no_health_is_cached() -> None:
    """A cached answer would hide the fault."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, content=json.dumps({}))

    async def twice() -> None:
        async with client(URLS, FAST, 7, http_transport=httpx.MockTransport(answer)) as opened:
            for _ in range(2):
                with pytest.raises(MaximusError):
                    await opened.health()

    asyncio.run(twice())
    assert asked == ["/health", "/health"]


def test_it_is_known_by_its_name() -> None:
    """The command line's default."""
    assert BUILTIN["maximus"] is maximus
    assert (maximus.contract, maximus.asks) == ("maximus", ("urls", "tune", "seed"))
