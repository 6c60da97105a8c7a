"""The eight services: everything that was seen of them, and everything that they may be asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.backends.maximus import BUILTIN, PORTS, maximus_routes
from faultlab.lab.backends.routes import Reply, Request, Routes

HERE = Path(__file__).parent


def examples(name: str) -> list[dict[str, Any]]:
    """What was asked of the running service, and what it answered."""
    found: list[dict[str, Any]] = json.loads((HERE / f"{name}.examples.json").read_bytes())
    return found


def sent(example: dict[str, Any], session: str) -> Request:
    """The request of an example, within a session."""
    method = example["endpoint"].partition(" ")[0]
    body = json.dumps(example["body"]).replace("$session", session) if "body" in example else ""
    target = example["target"].replace("$session", session)
    return Request(method, target, (("content-type", "application/json"),), body.encode())


def answered(routes: Routes, example: dict[str, Any], session: str) -> Reply:
    """The stub's answer to an example."""
    return routes.answer(sent(example, session))


def session_of(routes: Routes) -> str:
    """A session of the examples' operator."""
    operator = b'{"operator_id": "op-1", "operator_name": "Operator One"}'
    reply = routes.answer(Request("POST", "/api/v1/governance/session/create", body=operator))
    return str(json.loads(reply.body)["session_id"])


def fits(value: object, seen: object) -> bool:
    """Whether a value has the shape of what was seen: fields and types; null fits all."""
    match value, seen:
        case None, _:
            return True
        case _, None:
            return True
        case dict(), dict():
            return value.keys() == seen.keys() and all(fits(value[key], seen[key]) for key in seen)
        case list(), list():
            return all(fits(item, seen[0]) for item in value[:1] if seen)
        case bool(), _:
            return isinstance(seen, bool)
        case int() | float(), int() | float():
            return not isinstance(seen, bool)
        case _:
            return type(value) is type(seen)


def told(example: dict[str, Any]) -> str:
    """A name for an example."""
    return f"{example['endpoint']} {example['target']} {example['status']}"


@pytest.mark.parametrize(
    ("name", "example"),
    [(name, example) for name in ("core", "penelope") for example in examples(name)],
    ids=lambda it: it if isinstance(it, str) else told(it),
)
def test_each_operation_answers_as_it_was_seen(name: str, example: dict[str, Any]) -> None:
    """A client that works with the stub must work with the service: status, type, every field."""
    routes = maximus_routes(name)
    session = session_of(routes) if name == "core" else ""
    reply = answered(routes, example, session)
    assert (reply.status, reply.content_type) == (example["status"], example["content_type"])
    if example["content_type"] != "application/json":
        assert reply.body.decode() == example["answer"]
        return
    value = json.loads(reply.body)
    if reply.status >= 400:
        said = json.loads(json.dumps(example["answer"]).replace("$session", session))
        assert value == said
    else:
        assert fits(value, example["answer"])


@pytest.mark.parametrize(("name", "operations"), [("core", 42), ("penelope", 9)])
def test_all_operations_are_there(name: str, operations: int) -> None:
    """A client's call that the stub doesn't know would look like the client's mistake."""
    endpoints = maximus_routes(name).endpoints
    assert {example["endpoint"] for example in examples(name)} <= {*endpoints}
    assert len(endpoints) == operations


def test_the_ports_of_the_field() -> None:
    """As the system's own scripts expect them; no two alike."""
    assert PORTS == {
        "core": 8100,
        "penelope": 8154,
        "maba": 8152,
        "nis": 8156,
        "icarus": 8157,
        "metis": 8158,
        "noesis": 8159,
        "sophia": 8160,
    }


@pytest.mark.parametrize("name", BUILTIN)
def test_every_service_is_healthy(name: str) -> None:
    """The one question that every one of them takes."""
    reply = maximus_routes(name).answer(Request("GET", "/health"))
    assert (reply.status, json.loads(reply.body)["status"]) == (200, "healthy")


@pytest.mark.parametrize("name", ["icarus", "metis", "noesis", "sophia"])
def test_a_placeholder_is_health_and_no_more(name: str) -> None:
    """No source of these services exists; more would be an invention."""
    routes = maximus_routes(name)
    assert routes.endpoints == ("GET /health",)
    reply = routes.answer(Request("GET", "/health"))
    assert json.loads(reply.body) == {"status": "healthy", "service": name}


@pytest.mark.parametrize(
    ("target", "place"),
    [("/health/", "http://x/health"), ("/api/v1/governance/pending/?a=1", None)],
)
def test_a_slash_too_many_is_redirected(target: str, place: str | None) -> None:
    """As FastAPI does it: 307, no body; a client that doesn't follow sees no answer."""
    headers = (("host", "x"),) if place is not None else ()
    reply = maximus_routes("core").answer(Request("GET", target, headers))
    expected = "/api/v1/governance/pending?a=1" if place is None else place
    assert reply == Reply(307, content_type=None, headers=(("location", expected),))


@pytest.mark.parametrize(
    ("named", "options", "problem"),
    [
        ("orders", {}, f"'orders' is no built-in stub; there are {', '.join(BUILTIN)}"),
        ("core", {"pace": "quick"}, "'quick' is no slow profile; there are measured, loaded"),
        (
            "nis",
            {"presets": ("sabbath",)},
            "nis has no preset 'sabbath'; it has healthy_lie, zeros, another_answers",
        ),
        (
            "core",
            {"presets": ("degraded", "not_initialized")},
            (
                "the presets degraded and not_initialized of core answer the same operation;"
                " one of them"
            ),
        ),
    ],
)
def test_what_there_is_not_is_refused(named: str, options: dict[str, Any], problem: str) -> None:
    """The message names those that there are."""
    with pytest.raises(ValueError, match=r".") as refused:
        maximus_routes(named, **options)
    assert str(refused.value) == problem


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.sampled_from([(name, it) for name in BUILTIN for it in maximus_routes(name).endpoints]),
    st.binary(max_size=40) | _json.map(lambda value: json.dumps(value).encode()),
    st.text(max_size=20),
    st.none() | st.sampled_from(["application/json", "text/plain", "application/x+json", "; ;"]),
)
def test_no_request_breaks_a_stub(
    asked: tuple[str, str], body: bytes, query: str, kind: str | None
) -> None:
    """Bad JSON, wrong types, unknown ids: an answer, and none that the service wouldn't give."""
    name, endpoint = asked
    method, _, path = endpoint.partition(" ")
    headers = () if kind is None else (("content-type", kind),)
    reply = maximus_routes(name).answer(Request(method, f"{path}?{query}", headers, body))
    assert reply.status in (200, 201, 400, 401, 403, 404, 409, 422, 500, 501, 503)
    if reply.content_type == "application/json":
        json.loads(reply.body)
