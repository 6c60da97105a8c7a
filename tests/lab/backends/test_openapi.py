"""Routes from an OpenAPI document: which example is served, and what is made where none is."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.backends.openapi import routes_of_document
from faultlab.lab.backends.routes import Request, Routes

JSON = {"content-type": "application/json"}


def document(operation: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A document with one operation, GET /x."""
    return {"openapi": "3.1.0", "paths": {"/x": {"get": operation}}, **more}


def served(media: object, **components: Any) -> object:
    """What GET /x answers whose JSON answer is this."""
    responses = {"200": {"content": {"application/json": media}}}
    made = routes_of_document(document({"responses": responses}, components=components))
    status, value, headers = made["GET /x"]  # type: ignore[misc]
    assert (status, headers) == (200, JSON)
    return value


def problems(given: object) -> list[str]:
    """All that is wrong with a document."""
    with pytest.raises(ValueError, match=r".") as refused:
        routes_of_document(given)
    return str(refused.value).split("\n")


# --- what is served ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "value"),
    [
        ({"example": {"id": 7}, "schema": {"example": 1}}, {"id": 7}),
        ({"example": None}, None),
        ({"examples": {"one": {"value": [1]}, "two": {"value": 2}}}, [1]),
        ({"schema": {"example": "of the schema"}}, "of the schema"),
        ({"schema": {"examples": ["first", "second"]}}, "first"),
        ({"example": {"when": date(2026, 1, 2)}}, {"when": "2026-01-02"}),
        ({"example": datetime(2026, 1, 2, tzinfo=UTC)}, "2026-01-02T00:00:00+00:00"),
    ],
)
def test_an_example_is_served_as_it_is_written(media: object, value: object) -> None:
    """The nearest to the response wins; a date that YAML made of a text is that text again."""
    assert served(media) == value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 3}, 3),
        ({"default": "d", "enum": ["a"]}, "d"),
        ({"enum": ["a", "b"]}, "a"),
        ({"type": "string"}, "text"),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": "string", "format": "date-time"}, "2026-01-01T00:00:00Z"),
        ({"type": "integer", "minimum": 4}, 4),
        ({"type": "number"}, 0),
        ({"type": "boolean"}, False),
        ({"type": ["null", "string"]}, "text"),
        ({"type": "array", "items": {"type": "integer"}}, [0]),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 0}, []),
        ({"oneOf": [{"type": "boolean"}, {"type": "string"}]}, False),
        ({"properties": {"a": {"type": "integer"}, "p": {"writeOnly": True}}}, {"a": 0}),
        (
            {"allOf": [{"properties": {"a": {"const": 1}}}], "properties": {"b": {"const": 2}}},
            {"a": 1, "b": 2},
        ),
        ({"required": ["a"], "properties": {"a": {}, "b": {}}}, {"a": None}),
        ({}, None),
    ],
)
def test_without_an_example_the_schema_makes_one(schema: object, value: object) -> None:
    """Always the same, and nothing that the schema forbids."""
    assert served({"schema": schema}) == value


def test_references_are_followed_and_a_schema_inside_itself_ends() -> None:
    """A tree of nodes has no end of its own."""
    node = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "left": {"$ref": "#/components/schemas/No~1de"},
            "right": {"$ref": "#/components/schemas/No~1de"},
        },
    }
    schema = {"$ref": "#/components/schemas/No~1de"}
    assert served({"schema": schema}, schemas={"No/de": node}) == {"name": "text"}


@pytest.mark.parametrize(
    ("responses", "reply"),
    [
        ({404: {}, 201: {"description": "made"}}, [201, None, {"content-type": None}]),
        (
            {"204": {"content": {"application/json": {"example": 1}}}},
            [204, None, {"content-type": None}],
        ),
        (
            {"2XX": {"content": {"text/plain": {"example": "ok"}}}},
            [200, "ok", {"content-type": "text/plain"}],
        ),
        ({"default": {"content": {"text/plain": {}}}}, [200, "", {"content-type": "text/plain"}]),
        (
            {"200": {"content": {"text/html": {}, "application/problem+json": {"example": {}}}}},
            [200, {}, {"content-type": "application/problem+json"}],
        ),
        (
            {
                "302": {
                    "headers": {"Location": {"example": "/y"}, "X-N": {"schema": {"example": 3}}}
                }
            },
            [302, None, {"location": "/y", "x-n": "3", "content-type": None}],
        ),
    ],
)
def test_the_lowest_success_is_served_with_its_headers(responses: Any, reply: object) -> None:
    """JSON before other content; without content there is no body."""
    made = routes_of_document(document({"responses": responses}))
    assert made == {"GET /x": reply}
    assert Routes(made).answer(Request("GET", "/x")).status == reply[0]  # type: ignore[index]


@pytest.mark.parametrize(
    ("servers", "endpoint"),
    [
        ([], "GET /x"),
        ([{"url": "https://api.example.com/v2/"}, {"url": "/v1"}], "GET /v2/x"),
        ([{"url": "/{base}", "variables": {"base": {"default": "v3"}}}], "GET /v3/x"),
    ],
)
def test_the_first_servers_path_stands_in_front(servers: object, endpoint: str) -> None:
    """A client that is made from the document calls it there."""
    made = routes_of_document(document({"responses": {"200": {}}}, servers=servers))
    assert list(made) == [endpoint]


# --- nonsense ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "problem"),
    [
        (7, "no OpenAPI document: expected a mapping with `openapi` and `paths`"),
        ({"openapi": 2}, "openapi: 2; expected a version 3.0 or 3.1"),
        ({"openapi": "3.1.0"}, "paths: None; expected a mapping"),
        ({"openapi": "3.1.0", "paths": {}}, "paths: no operation in it"),
        (document({}), "paths./x.get: no responses in it"),
        (
            document({"responses": {"200": {"$ref": "other.yaml#/a"}}}),
            "paths./x.get.responses.200: $ref 'other.yaml#/a': only references inside the file are read",
        ),
        (
            document({"responses": {"200": {"$ref": "#/components/none"}}}),
            "paths./x.get.responses.200: $ref '#/components/none': there is nothing",
        ),
        (
            document({"responses": {"200": {"$ref": "#/a"}}}, a={"$ref": "#/a"}),
            "paths./x.get.responses.200: $ref '#/a' leads back to itself",
        ),
        (
            document(
                {"responses": {"200": {"content": {"application/json": {"examples": {"a": {}}}}}}}
            ),
            (
                "paths./x.get.responses.200.content.application/json.examples.a:"
                " it has no `value`; a file beside is not read"
            ),
        ),
    ],
)
def test_what_cant_be_served_is_told_with_its_place(given_: object, problem: str) -> None:
    """The document is often somebody else's, and long."""
    assert problem in problems(given_)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    "schema",
                    "example",
                    "examples",
                    "type",
                    "properties",
                    "allOf",
                    "items",
                    "$ref",
                    "200",
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(response=TREES)
def test_any_document_is_served_or_refused(response: object) -> None:
    """Routes take whatever was made of it; nothing but ValueError comes out."""
    media = {"responses": {"200": {"content": {"application/json": response}}}}
    try:
        made = routes_of_document(document(media))
    except ValueError:
        return
    assert Routes(made).endpoints == ("GET /x",)
