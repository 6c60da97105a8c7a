import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from faultlab import op, subject
from faultlab.lab.subjects.command_line import CommandLine
from faultlab.lab.subjects.declaration import Op, Subject, entered
from faultlab.lab.tune import FAST

ROUTES = {"orders": {"GET /orders/{id}": {"id": 7}}}
URLS = {"orders": "http://127.0.0.1:1"}


def call(*args: object, **kwargs: object) -> object:
    """Stand in for a client's method."""
    return args, kwargs


def play(declared: Subject, **given: Any) -> Mapping[str, Op]:
    """Enter the subject, leave it, and give what it offered."""

    async def once() -> Mapping[str, Op]:
        async with entered(
            declared, given.get("urls", URLS), given.get("tune"), given.get("seed", 0)
        ) as offers:
            return offers

    return asyncio.run(once())


def test_an_operation_says_what_it_sends_and_how() -> None:
    """The oracle judges by method and path; the call keeps its own arguments."""
    it = op("GET /orders/{id}", call, 7, verbose=True)
    assert (it.service, it.method, it.path) == (None, "GET", "/orders/{id}")
    assert (it.endpoint, it.idempotent, it.keyed) == ("GET /orders/{id}", True, False)
    assert it.call() == ((7,), {"verbose": True})


def test_the_service_stands_in_front() -> None:
    """Two services may serve one path."""
    it = op("core GET /health", call)
    assert (it.service, it.endpoint) == ("core", "GET /health")


@pytest.mark.parametrize(
    ("endpoint", "said", "idempotent"),
    [
        ("POST /orders", None, False),
        ("PATCH /orders/7", None, False),
        ("PUT /orders/7", None, True),
        ("POST /search", True, True),
        ("GET /next-number", False, False),
    ],
)
def test_idempotency_follows_the_method_unless_said(
    endpoint: str, said: bool | None, idempotent: bool
) -> None:
    """RFC 9110 9.2.2; its author knows better."""
    assert op(endpoint, call, idempotent=said).idempotent is idempotent


@pytest.mark.parametrize(
    "kwargs", [{"idempotency_key": "k"}, {"headers": {"Idempotency-Key": "k"}}]
)
def test_a_key_makes_a_write_repeatable(kwargs: dict[str, Any]) -> None:
    """A retry of a write with a key is a promise kept, without one a promise broken."""
    assert op("POST /orders", call, **kwargs).keyed


def test_no_key_is_no_key() -> None:
    """None is what a client takes for: none."""
    assert not op("POST /orders", call, idempotency_key=None, headers={"Accept": "x"}).keyed


@pytest.mark.parametrize(
    ("endpoint", "function", "text"),
    [
        ("GET orders", call, "not an endpoint; write METHOD /path"),
        ("/orders", call, "not an endpoint; write METHOD /path"),
        (7, call, "not an endpoint; write METHOD /path"),
        ("FETCH /orders", call, "FETCH is no method; one of DELETE, GET"),
        ("GET /orders", "curl 'http://x", "no closing quotation in curl"),
        ("GET /orders", "curl http://x | jq", "`|` is for a shell"),
        ("GET /orders", 7, "expected a function to call, or a command as a text, got int 7"),
    ],
)
def test_a_wrong_operation_is_told_with_its_value(endpoint: Any, function: Any, text: str) -> None:
    """One message that names the place and the expected form."""
    with pytest.raises((ValueError, TypeError), match=text):
        op(endpoint, function)


def test_a_text_is_a_command() -> None:
    """Any language can be an operation; its URL is in the text already."""
    declared = op("POST /orders", "curl -f http://x/orders -d 1", idempotent=True)
    assert declared.call == CommandLine(("curl", "-f", "http://x/orders", "-d", "1"))
    assert (declared.endpoint, declared.idempotent) == ("POST /orders", True)
    with pytest.raises(TypeError, match="none behind it"):
        op("GET /orders", "curl", "http://x")


@pytest.mark.parametrize(
    ("services", "text"),
    [
        ({}, "expected names with who serves them"),
        ("core", "expected names with who serves them, got str 'core'"),
        ({"my orders": "core"}, "'my orders' is no name of a service"),
    ],
)
def test_services_have_names(services: Any, text: str) -> None:
    """They are keys of `urls`, and stand in front of endpoints."""
    with pytest.raises((ValueError, TypeError), match=text):
        subject(services=services)


def test_a_factory_gets_only_what_it_asks_for() -> None:
    """The smallest adapter takes the addresses and nothing else."""
    got: list[object] = []

    @subject(services=ROUTES)
    def plain(urls: Mapping[str, str]) -> Iterator[dict[str, Op]]:
        got.append(urls)
        yield {"read": op("GET /orders/{id}", call)}

    @subject(services=ROUTES, contract="httpx")
    async def tuned(seed: int, urls: Mapping[str, str], tune: Any) -> AsyncIterator[dict[str, Op]]:
        got.append((urls, tune, seed))
        yield {"read": op("GET /orders/{id}", call)}

    assert play(plain).keys() == play(tuned, tune=FAST, seed=7).keys() == {"read"}
    assert got == [URLS, (URLS, FAST, 7)]
    assert (plain.name, plain.contract, plain.asks) == ("plain", None, ("urls",))
    assert (tuned.name, tuned.contract) == ("tuned", "httpx")
    assert Path(plain.file) == Path(__file__)


def test_a_context_manager_is_a_factory_too() -> None:
    """Its author may have one already; it is left as it was entered."""
    steps: list[str] = []

    @subject(services=ROUTES)
    @asynccontextmanager
    async def ready(urls: Mapping[str, str]) -> AsyncIterator[dict[str, Op]]:
        steps.append("enter")
        yield {"read": op("GET /orders/{id}", call)}
        steps.append("leave")

    play(ready)
    assert steps == ["enter", "leave"]


def test_a_factory_asks_by_known_names() -> None:
    """A misspelt `tune` would otherwise run untuned against a tuned contract."""
    with pytest.raises(TypeError, match="asks for 'tunes'; a subject may ask for urls, tune, seed"):

        @subject(services=ROUTES)
        def wrong(urls: Mapping[str, str], tunes: object) -> Iterator[dict[str, Op]]:
            yield {}


def test_a_factory_must_take_the_addresses() -> None:
    """A client that never sees them calls something else."""
    with pytest.raises(TypeError, match="doesn't ask for 'urls'"):

        @subject(services=ROUTES)
        def wrong() -> Iterator[dict[str, Op]]:
            yield {}


def test_a_coroutine_yields_nothing() -> None:
    """`return` instead of `yield` is told when it is declared."""
    with pytest.raises(TypeError, match="wrong returns; a subject yields"):

        @subject(services=ROUTES)
        async def wrong(urls: Mapping[str, str]) -> dict[str, Op]:
            return {}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, "yielded NoneType None; expected names with operations"),
        ({}, r"yielded dict \{\}; expected names"),
        ({"read": call}, "yielded function .* as 'read'"),
        ({"read": op("order GET /x", call)}, "'order' is no service of wrong; nearest: orders"),
    ],
)
def test_what_a_factory_yields_is_examined(given: Any, text: str) -> None:
    """A wrong yield must not end as a missing operation somewhere else."""

    @subject(services=ROUTES)
    def wrong(urls: Mapping[str, str]) -> Iterator[Any]:
        yield given

    with pytest.raises((TypeError, ValueError), match=text):
        play(wrong)


def test_one_of_several_services_must_be_named() -> None:
    """The lab must not guess which backend an operation calls."""

    @subject(services={"core": "core", "penelope": "penelope"})
    def two(urls: Mapping[str, str]) -> Iterator[Any]:
        yield {"read": op("GET /health", call)}

    with pytest.raises(ValueError, match="name the service in front, two has several: core, pen"):
        play(two)


def test_a_plain_function_is_no_subject() -> None:
    """It has nothing to leave, so its connections would stay open."""

    @subject(services=ROUTES)
    def wrong(urls: Mapping[str, str]) -> dict[str, Op]:
        return {"read": op("GET /orders/{id}", call)}

    with pytest.raises(TypeError, match="wrong returned dict"):
        play(wrong)


def test_what_runs_on_the_loop_is_told_from_what_needs_a_thread() -> None:
    """Only the first can be cancelled, and only the second may block."""

    async def get(number: int) -> int:
        return number

    class Client:
        async def __call__(self) -> None:
            pass

    assert op("GET /x", get, 7).is_async
    assert op("GET /x", Client()).is_async
    assert not op("GET /x", call).is_async
    assert not op("GET /x", lambda: get(7)).is_async  # who knows before it is called


def test_where_a_function_stands_that_an_operation_calls() -> None:
    """For who is told that it can't be run; what isn't Python's tells nothing."""

    class Client:
        def __call__(self) -> None:
            pass

        def get(self) -> None:
            pass

    this = "<locals>.Client"
    assert op("GET /x", call).place == f"test_declaration.py:{call.__code__.co_firstlineno}, call"
    assert op("GET /x", partial(Client().get)).place.endswith(f"{this}.get")
    assert op("GET /x", Client()).place.endswith(f"{this}.__call__")
    assert op("GET /x", print).place == ""
    assert op("GET /x", "curl {orders}").place == ""
