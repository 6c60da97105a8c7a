"""Bodies and queries, and the framework's words for what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, Field

from faultlab.lab.backends.maximus.bodies import read_body, read_query
from faultlab.lab.backends.routes import Reply, Request

LINK = "https://example.org/v/"


class Asked(BaseModel):
    """What an operation takes."""

    name: str
    limit: int = Field(5, ge=1)


def body(data: bytes, content_type: str | None = None, link: str = "") -> Asked | Reply:
    """What is read of a body."""
    headers = () if content_type is None else (("content-type", content_type),)
    return read_body(Asked, Request("POST", "/", headers, data), link=link)


def details(reply: Asked | Reply) -> list[dict[str, Any]]:
    """What is said to be wrong."""
    assert isinstance(reply, Reply)
    assert reply.status == 422
    found: list[dict[str, Any]] = json.loads(reply.body)["detail"]
    return found


@pytest.mark.parametrize(
    "content_type", [None, "application/json", "application/x+json; charset=utf-8"]
)
def test_json_is_read_under_any_of_its_names(content_type: str | None) -> None:
    """A body without a type counts as JSON, as the framework has it."""
    assert body(b'{"name": "a"}', content_type) == Asked(name="a", limit=5)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ";"])
def test_another_type_is_text_and_so_no_object(content_type: str) -> None:
    """What the client forgot to say is what the service complains of."""
    (problem,) = details(body(b'{"name": "a"}', content_type))
    assert (problem["type"], problem["loc"]) == ("model_attributes_type", ["body"])
    assert problem["input"] == '{"name": "a"}'


def test_every_problem_at_once_with_its_context() -> None:
    """A bound that was passed is told; a link where the service has them."""
    assert details(body(b'{"limit": 0}', link=LINK)) == [
        {
            "type": "missing",
            "loc": ["body", "name"],
            "msg": "Field required",
            "input": {"limit": 0},
            "url": f"{LINK}missing",
        },
        {
            "type": "greater_than_equal",
            "loc": ["body", "limit"],
            "msg": "Input should be greater than or equal to 1",
            "input": 0,
            "ctx": {"ge": 1},
            "url": f"{LINK}greater_than_equal",
        },
    ]


def test_what_does_not_parse_has_no_link() -> None:
    """It is the framework's own problem, not its validator's."""
    (problem,) = details(body(b"{", link=LINK))
    assert (problem["type"], "url" in problem) == ("json_invalid", False)


def test_a_query_counts_its_last_value() -> None:
    """Escapes are decoded; what is not asked for is passed over."""
    assert read_query(Asked, Request("GET", "/?name=a&name=b%20c&x=1")) == Asked(name="b c")
    (problem,) = details(read_query(Asked, Request("GET", "/?limit=2")))
    assert (problem["loc"], problem["input"]) == (["query", "name"], None)
    (problem,) = details(read_query(Asked, Request("GET", "/?name=a&limit=x")))
    assert (problem["type"], problem["input"]) == ("int_parsing", "x")


def test_a_null_is_no_body() -> None:
    """The framework takes it for one that was never sent."""
    assert details(body(b"null")) == [
        {"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}
    ]
