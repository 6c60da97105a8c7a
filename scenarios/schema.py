"""The form of a scenario file as JSON Schema (draft 7), for editors that complete and check it.

Made from what reads files: the fault models, `model.py`'s words, `quantity.py`'s texts. It says what
a schema can; what stands in relation (two keys that exclude each other) only the loader says.
`scenario.schema.json` beside this file is its text, held current by a test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import assert_never

from ..faults import KINDS, Fault
from ..faults.schedule import EVENTS
from ..faults.scope import ENDPOINT
from ..faults.written import SIZE
from .inject import HEADER, NAME
from .kinds import (
    SCHEDULE_KEYS,
    bounds_of,
    parameter,
    parameters_of,
    scope_of,
    summary_of,
)
from .later import LATER_PLUS_KEYS
from .loader import INCIDENT_KEYS, SLUG, STATUS, TUNES
from .model import LAB_STEPS, OUTCOMES, PHASES, PLUS_KEYS, ROLES
from .quantity import DURATION, MOST, SHIFT, pattern
from .served import MOST_PORT, READY, SERVICE_KEYS, VARIABLE

__all__ = ["schema", "text"]

Schema = dict[str, object]

_SCALAR = ["string", "number", "boolean"]  # what YAML makes of a text that isn't quoted
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}


def schema() -> Schema:
    """The schema of a scenario file."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A scenario of faultlab",
        **_closed(
            {
                "scenario": _told("The title.", _ref("line")),
                "incident": _told(
                    "Where it came from, which makes it an incident.",
                    _closed({key: _ref("line") for key in INCIDENT_KEYS}, ["source"]),
                ),
                "services": _told("Who serves, by the services' names.", _services()),
                "tune": _told(
                    "The time constants of subject and contract; `none`: the contract's own.",
                    {"enum": list(TUNES)},
                ),
                **{name: _phase(name) for name in PHASES},
            },
            ["scenario", "fault"],
        ),
        "definitions": {
            "line": {"type": _SCALAR, "pattern": r"^\s*\S(?:[^\n]*\S)?\s*$"},
            "duration": {"type": "string", "pattern": pattern("seconds")},
            "count": {
                "anyOf": [
                    {"type": "integer", "minimum": 1, "maximum": MOST},
                    {"type": "string", "pattern": pattern("count")},
                ]
            },
            "outcome": {
                "anyOf": [
                    {"enum": list(OUTCOMES)},
                    {"type": "string", "pattern": _whole_of(STATUS)},
                ]
            },
            "step": {"anyOf": list(_steps())},
            "inject": {"anyOf": [_inject(kind, model) for kind, model in KINDS.items()]},
        },
    }


def text() -> str:
    """The schema as the text of a file."""
    return json.dumps(schema(), indent=2) + "\n"


# --- the head ------------------------------------------------------------------------------------


def _services() -> Schema:
    words: dict[str, Schema] = {key: _ref("line") for key in SERVICE_KEYS}
    word: Schema = {"type": _SCALAR}
    words["command"] = _told(
        "A program that the lab starts; {port} is the port that it gets.", _each(word)
    )
    words["image"] = _told("A container of this image; environment docker.", _ref("line"))
    words["port"] = _told("Where the image's server listens.", _whole({"ge": 1, "le": MOST_PORT}))
    words["environment"] = _told(
        "What the command or the container gets in its environment.",
        {**_named(VARIABLE.pattern, {"type": _SCALAR}), "minProperties": 1},
    )
    words["ready"] = _told(
        "What the server answers with success as soon as it serves.",
        {"type": "string", "pattern": rf"^\s*{READY.pattern}\s*$"},
    )
    words["ready_within"] = _told(
        "How long it may take until then.", {"type": "string", "pattern": DURATION}
    )
    words["preset"] = _each(_ref("line"))
    words["honours_idempotency_key"] = {"enum": [True, False, "true", "false"]}
    return {**_named(NAME.pattern, {**_closed(words), "minProperties": 1}), "minProperties": 1}


# --- phases and steps ----------------------------------------------------------------------------


def _phase(name: str) -> Schema:
    """A list of steps with an operation among them, and in the fault phase a fault."""
    an_operation: Schema = {
        "contains": {"not": {"anyOf": [{"required": [word]} for word in LAB_STEPS]}}
    }
    if name != "fault":
        items: Schema = _ref("step")
        needed = [an_operation]
    else:
        items = {"anyOf": [_ref("inject"), _ref("step")]}
        needed = [an_operation, {"contains": {"required": ["inject"]}}]
    return {"type": "array", "minItems": 1, "items": items, "allOf": needed}


def _steps() -> Iterable[Schema]:
    """Every step but the injection of a fault."""
    yield _operation()
    for word, allowed, meaning in (
        ("clear", "all", "Every fault ends."),
        ("connections", "fresh", "Idle connections are closed by FIN, all else is kept."),
        ("subject", "new", "The subject is opened anew: no connection, breakers closed."),
    ):
        yield _told(meaning, _closed({word: {"enum": [allowed]}}, [word]))
    yield _told("Nothing happens for so long.", _closed({"wait": _ref("duration")}, ["wait"]))
    moved: dict[str, Schema] = {"clock": {"type": "string", "pattern": SHIFT}}
    yield _told(
        "The wall clock is set forward or back, in virtual time.", _closed(moved, ["clock"])
    )


def _operation() -> Schema:
    """`NAME: OUTCOME` with the + keys; that there is one name only, no schema says."""
    outcomes = _each(_ref("outcome"))
    plus: dict[str, Schema] = {
        "attempts": _told(
            "On the wire, for each operation; `contract`: what that demands.",
            {
                "anyOf": [
                    {"enum": ["contract"]},
                    {"type": "integer", "minimum": 0, "maximum": 9999},
                    {"type": "string", "pattern": r"^\d{1,4}$"},
                ]
            },
        ),
        "times": _told("Operations in all; as `concurrency` unless given.", _ref("count")),
        "concurrency": _told("How many at once; 1 unless given.", _ref("count")),
        "cancel_after": _told("The lab cancels each that still runs then.", _ref("duration")),
        "requires": _told(
            "Checks by slug that this step must exercise beyond those that its outcome implies.",
            _each({"type": "string", "pattern": _whole_of(SLUG)}),
        ),
    }
    assert tuple(plus) == PLUS_KEYS
    reserved = "|".join((*LAB_STEPS, *sorted(LATER_PLUS_KEYS)))
    name = rf"^(?!(?:{reserved}|{'|'.join(PLUS_KEYS)})$)(?!(?:read|write)(?:\.|$)){NAME.pattern}$"
    roles: dict[str, Schema] = {
        role: _told("An operation by its role.", outcomes) for role in ROLES
    }
    return {
        "type": "object",
        "not": {"propertyNames": {"enum": list(PLUS_KEYS)}},
        "properties": {**roles, **plus},
        "patternProperties": {name: outcomes},
        "additionalProperties": False,
    }


def _inject(kind: str, model: type[Fault]) -> Schema:
    own = parameters_of(model)
    keys = {name: _parameter(model, name) for name in own}
    keys.update((key, _where_or_when(model, key)) for key in (*scope_of(model), *SCHEDULE_KEYS))
    required = [name for name in own if parameter(model, name).required]
    summary = summary_of(model)
    return _told(summary, _closed({"inject": {"enum": [kind]}, **keys}, ["inject", *required]))


def _parameter(model: type[Fault], name: str) -> Schema:
    """One of a kind's own keys, by the form that its model declares."""
    wanted = parameter(model, name)
    bounds = bounds_of(model, name)
    words: Schema = {"enum": list(wanted.words)}
    match wanted.form:
        case "word":
            found = words
        case "word or number":
            found = {"anyOf": [words, _whole(bounds)]}
        case "word or duration":
            found = {"anyOf": [words, _ref("duration")]}
        case "duration":
            found = _ref("duration")
        case "number":
            found = _whole(bounds)
        case "size":
            found = _bytes()
        case "rate":
            found = _bytes("/s")
        case "fraction":
            found = _share(bounds)
        case "numbers":
            found = _each(_whole(bounds))
        case "pairs":
            found = _named(HEADER.pattern, _each(_ref("line")))
        case "text":
            found = {"type": _SCALAR}
        case _:
            assert_never(wanted.form)
    default = "" if wanted.default is None else f"{wanted.default} unless given"
    return _told("; ".join(part for part in (wanted.meaning, default) if part), found)


def _where_or_when(model: type[Fault], key: str) -> Schema:
    """A key of scope or schedule, as inject.py reads it."""
    bounds = bounds_of(model, key)
    match key:
        case "service":
            found = _ref("line")
        case "endpoint":
            either = f"{NAME.pattern}|{ENDPOINT.pattern}"
            found = {"type": "string", "pattern": rf"^\s*(?:{either})\s*$"}
        case "first":
            found = _ref("count")
        case "every_nth" | "operation":
            found = _whole(bounds)
        case "attempt":
            found = _each(_whole(bounds))
        case "fraction":
            found = _share(bounds)
        case "connections":
            found = {"enum": list(parameter(model, key).words)}
        case "lasts":
            found = _ref("duration")
        case "after":
            found = {"anyOf": [{"enum": list(EVENTS)}, _bytes(), _ref("duration")]}
        case _:
            raise AssertionError(key)
    return _told(parameter(model, key).meaning, found)


# --- parts ---------------------------------------------------------------------------------------


def _closed(keys: dict[str, Schema], required: Iterable[str] = ()) -> Schema:
    """A mapping of these keys and no others."""
    needed = list(required)
    found: Schema = {"type": "object", "properties": keys, "additionalProperties": False}
    return {**found, "required": needed} if needed else found


def _named(name: str, value: Schema) -> Schema:
    """A mapping of names of the writer's choice."""
    return {
        "type": "object",
        "patternProperties": {f"^(?:{name})$": value},
        "additionalProperties": False,
    }


def _each(one: Schema) -> Schema:
    """One value or a list of them, at least one."""
    return {"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]}


def _whole(bounds: dict[str, float]) -> Schema:
    """A whole number; one in quotes is read the same."""
    limits = {_LIMITS[name]: bound for name, bound in bounds.items()}
    return {"anyOf": [{"type": "integer", **limits}, {"type": "string", "pattern": r"^-?\d{1,9}$"}]}


def _share(bounds: dict[str, float]) -> Schema:
    limits = {_LIMITS[name]: bound for name, bound in bounds.items()}
    quoted = r"^\d{1,3}(?:\.\d{1,9})?$"
    return {"anyOf": [{"type": "number", **limits}, {"type": "string", "pattern": quoted}]}


def _bytes(per: str = "") -> Schema:
    return {"type": "string", "pattern": f"^{SIZE.pattern}{per}$"}


def _whole_of(form: re.Pattern[str]) -> str:
    return f"^(?:{form.pattern})$"


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _told(meaning: str, form: Schema) -> Schema:
    """The form with a text that an editor shows; draft 7 takes nothing beside a reference."""
    if not meaning:
        return form
    told = meaning[0].upper() + meaning[1:] + ("" if meaning.endswith(".") else ".")
    return {"description": told, **({"allOf": [form]} if "$ref" in form else form)}
