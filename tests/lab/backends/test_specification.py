"""Who serves a service: what an author may write, and what is refused."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.backends.routes import Request
from faultlab.lab.backends.specification import (
    Builtin,
    Routed,
    Specification,
    Url,
    parse,
    routes_of,
)

EXPECTED = (
    "expected routes {'GET /orders/{id}': {...}}, a URL 'http://host:port',"
    " or a built-in stub (core, penelope)"
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"GET /x": {"a": 1}}, Routed('{"GET /x": {"a": 1}}')),
        ("core", Builtin("core")),
        ("penelope", Builtin("penelope")),
        ("http://127.0.0.1:9000", Url("http://127.0.0.1:9000")),
        ("http://localhost:9000/", Url("http://localhost:9000")),
        (Url("http://x"), Url("http://x")),
    ],
)
def test_three_ways_to_say_who_serves(written: object, meant: Specification) -> None:
    """Routes, a built-in stub, a server that already runs."""
    assert parse(written) == meant


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("maba", f"the stub of 'maba' comes with a later version; {EXPECTED}"),
        ("https://x", f"'https://x': https comes with a later version; {EXPECTED}"),
        (
            "orders.openapi.yaml",
            f"'orders.openapi.yaml': an OpenAPI file comes with a later version; {EXPECTED}",
        ),
        ({"openapi": "a.yaml"}, f"an OpenAPI file comes with a later version; {EXPECTED}"),
        ({"image": "nginx", "port": 80}, f"an image comes with a later version; {EXPECTED}"),
        ("orders", f"'orders' serves nothing; {EXPECTED}"),
        (9000, f"9000 serves nothing; {EXPECTED}"),
        (
            "http://x:9000/v1",
            "'http://x:9000/v1': the address of a server is http://host:port and no more",
        ),
        (
            "http://me:secret@x",
            "'http://[redacted]@x': the address of a server is http://host:port and no more",
        ),
        ("http://", "'http://': the address of a server is http://host:port and no more"),
        (
            "http://x:99999",
            f"'http://x:99999': Port out of range 0-65535; {EXPECTED}",
        ),
        ({"GET x": 1}, "routes:\n  'GET x': the path 'x' must begin with a slash"),
        (
            {"GET /x": lambda _: None},
            "routes: 'GET /x': a function can't travel to the lab process",
        ),
    ],
)
def test_anything_else_is_refused_by_name(written: object, problem: str) -> None:
    """A slip is told where it was made, not in another process."""
    with pytest.raises(ValueError, match=r".") as refused:
        parse(written)
    assert str(refused.value) == problem


@pytest.mark.parametrize(
    "specification", [Routed('{"GET /x": 1}'), Builtin("core"), Url("http://x:1")]
)
def test_specifications_travel_as_json(specification: Specification) -> None:
    """The lab process gets them over a pipe."""
    sent = msgspec.json.encode(specification)
    assert msgspec.json.decode(sent, type=Routed | Builtin | Url) == specification


@given(value=st.text() | st.dictionaries(st.text(), st.integers()))
def test_routes_travel_unchanged(value: object) -> None:
    """Whatever text an answer holds, the stub serves it as written."""
    routed = parse({"GET /x": [200, value]})
    sent = msgspec.json.decode(msgspec.json.encode(routed), type=Routed)
    written = routes_of(parse({"GET /x": [200, value]}))  # type: ignore[arg-type]  # no URL
    assert routes_of(sent).answer(Request("GET", "/x")) == written.answer(Request("GET", "/x"))


def test_a_builtin_has_its_routes() -> None:
    """The name is all that travels."""
    assert routes_of(Builtin("penelope")).endpoints == ("GET /health",)


def test_a_url_knows_where_it_is() -> None:
    """The proxy connects there."""
    url = Url("http://localhost:9000")
    assert (url.host, url.port, Url("http://localhost").port) == ("localhost", 9000, 80)
