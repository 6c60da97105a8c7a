"""Reads a request's body or query as FastAPI does, its words for what is wrong with it included.

Counterpart: the modules of the services, which say what they take as pydantic models. Pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, JsonValue, ValidationError

from ..routes import Reply, Request, json_reply

__all__ = ["Fields", "read_body", "read_query"]

_Fields = TypeVar("_Fields", bound=BaseModel)
_Problem = dict[str, JsonValue]


class Fields(BaseModel, defer_build=True):
    """What a request carries. What validates it is made for the first one: most stubs get none."""


def read_body(kind: type[_Fields], request: Request, *, link: str = "") -> _Fields | Reply:
    """The body as a value, or the 422 or 400 that FastAPI answers.

    `link`: a service on an older pydantic adds to each problem an address that begins so.
    """
    body = request.body
    missing = _problem("missing", ["body"], "Field required", None)
    if not body:
        return _invalid([missing], link)
    if not _is_json(request.header("content-type")):
        return _validated(kind, body.decode(errors="replace"), "body", link)
    try:
        given = json.loads(body, parse_float=_finite, parse_constant=_finite)
    except json.JSONDecodeError as error:
        problem = _problem("json_invalid", ["body", error.pos], "JSON decode error", {})
        # It is no problem of pydantic's, so it has no link on an older one either.
        return _invalid([{**problem, "ctx": {"error": error.msg}}], "")
    except (ValueError, RecursionError):
        return json_reply(400, {"detail": "There was an error parsing the body"})
    if given is None:
        return _invalid([missing], link)
    return _validated(kind, given, "body", link)


def read_query(kind: type[_Fields], request: Request, *, link: str = "") -> _Fields | Reply:
    """The query of a request's target as a value, or the 422; of a repeated name the last counts."""
    query = request.target.partition("?")[2]
    return _validated(kind, dict(parse_qsl(query, keep_blank_values=True)), "query", link)


def _is_json(content_type: str | None) -> bool:
    """Whether FastAPI reads a body of this type as JSON; one without a type it does."""
    if content_type is None:
        return True
    kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))


def _validated(kind: type[_Fields], given: object, place: str, link: str) -> _Fields | Reply:
    try:
        return kind.model_validate(given, from_attributes=True)  # as FastAPI does
    except ValidationError as error:
        # A missing part of a query has no input; one of a body shows the whole body.
        return _invalid(
            [
                {
                    **_problem(
                        it["type"],
                        [place, *it["loc"]],
                        it["msg"],
                        None if it["type"] == "missing" and place == "query" else it["input"],
                    ),
                    **({"ctx": it["ctx"]} if "ctx" in it else {}),
                }
                for it in error.errors(include_url=False)
            ],
            link,
        )


def _problem(kind: str, where: Sequence[str | int], text: str, given: JsonValue) -> _Problem:
    return {"type": kind, "loc": list(where), "msg": text, "input": given}


def _finite(text: str) -> float:
    """A number that an answer can repeat: JSON has no infinity."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no JSON number")
    return number


def _invalid(problems: list[_Problem], link: str) -> Reply:
    linked = [{**it, "url": f"{link}{it['type']}"} for it in problems] if link else problems
    return json_reply(422, {"detail": linked})
