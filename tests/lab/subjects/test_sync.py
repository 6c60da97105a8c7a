import contextlib
from random import Random

import httpx
import pytest

from faultlab.fixtures.sync.client import Settings, Shop
from faultlab.fixtures.sync.errors import ShopError
from faultlab.lab.backends.routes import Request
from faultlab.lab.backends.served import routes_of
from faultlab.lab.backends.specification import parse
from faultlab.lab.subjects.builtin import BUILTIN, PLANTED, named
from faultlab.lab.subjects.declaration import Op
from faultlab.lab.subjects.sync import SERVICES, operations, settings
from faultlab.lab.tune import FAST

URLS = {"orders": "http://orders.test", "stock": "http://stock.test"}


def offered(transport: httpx.BaseTransport) -> dict[str, Op]:
    """The operations of the client before a mocked transport."""
    return operations(
        Shop(
            orders=URLS["orders"],
            stock=URLS["stock"],
            settings=settings(FAST),
            transport=lambda: transport,
            random=Random(7),
            sleep=lambda _: None,
        )
    )


@pytest.mark.parametrize("role", ["read", "read.other", "read.elsewhere", "write"])
def test_each_operation_sends_what_it_declares_and_its_stub_answers(role: str) -> None:
    """Contract and attribution rely on the declaration; without a fault it must work."""
    stubs = {name: routes_of(parse(routes)) for name, routes in SERVICES.items()}
    sent: list[tuple[str, str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        service, path = request.url.host.removesuffix(".test"), request.url.path
        sent.append((service, request.method, path))
        reply = stubs[service].answer(Request(request.method, path, (), request.content))
        return httpx.Response(reply.status, content=reply.body)

    operation = offered(httpx.MockTransport(answer))[role]
    assert operation.call()
    assert operation.service is not None
    ((service, method, path),) = sent
    assert (service, method) == (operation.service, operation.method)
    assert path.split("/")[1] == operation.path.split("/")[1]


def test_the_four_roles_mean_what_stories_expect() -> None:
    """Another endpoint of the same service, another service, and one write."""
    read, other, elsewhere, write = offered(
        httpx.MockTransport(lambda _: httpx.Response(200))
    ).values()
    assert read.service == other.service == write.service != elsewhere.service
    assert read.path != other.path
    assert [it.idempotent for it in (read, other, elsewhere, write)] == [True, True, True, False]


def test_a_tune_sets_every_time_and_no_count() -> None:
    """A time that stayed at its true number would make a story last minutes."""
    tuned, own = settings(FAST), Settings()
    assert (tuned.connect, tuned.read, tuned.write, tuned.pool) == (
        FAST.connect,
        FAST.read,
        FAST.write,
        FAST.pool,
    )
    assert (tuned.backoff_base, tuned.backoff_cap) == (FAST.backoff_base, FAST.backoff_cap)
    assert tuned.reset_timeout == FAST.reset_timeout
    assert (tuned.attempts, tuned.fail_max) == (own.attempts, own.fail_max)
    assert settings(None) == own


def test_a_planted_client_is_played_by_its_name() -> None:
    """Reports and the command that repeats a run show it."""
    assert BUILTIN["sync"].name == "sync"
    assert PLANTED["sync-counts-4xx"].name == "planted:sync-counts-4xx"
    assert {name.removeprefix("planted:") for name in named()} == {*BUILTIN, *PLANTED}


def test_entering_and_leaving_closes_the_client() -> None:
    """What is left open would be a leak of the adapter's."""
    subject = BUILTIN["sync"]
    with contextlib.ExitStack() as stack:
        given = stack.enter_context(subject.factory(urls=URLS, tune=FAST, seed=7))
        offers = subject.offers(given)
    with pytest.raises((RuntimeError, ShopError)):
        offers["read"].call()
