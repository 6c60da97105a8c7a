"""The JSON Schema of the scenario file: what the loader takes it takes, and it refuses what it can."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from faultlab.faults import KINDS
from faultlab.scenarios import CATALOG, ScenarioError, catalog, dump, parse
from faultlab.scenarios.kinds import SCHEDULE_KEYS, parameter, parameters_of, scope_of
from faultlab.scenarios.schema import schema, text

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "scenarios" / "scenario.schema.json"
SCHEMA = json.loads(text())

# --- a validator of what the schema uses ---------------------------------------------------------


def accepts(form: dict, value: object) -> bool:
    """Whether a value has this form; raises KeyError for a keyword that it does not know."""
    return all(KEYWORDS[word](form, value) for word in form if word not in UNJUDGED)


def is_type(name: str, value: object) -> bool:
    """JSON Schema's types; a truth value is no number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "number": number,
        "integer": number and value == int(value),
    }[name]


def has_type(form: dict, value: object) -> bool:
    """`type`: one name or several."""
    names = form["type"]
    return any(is_type(name, value) for name in ([names] if isinstance(names, str) else names))


def fits(form: dict, value: object) -> bool:
    """`properties`, `patternProperties` and `additionalProperties: false` together."""
    if not isinstance(value, dict):
        return True
    named, patterns = form.get("properties", {}), form.get("patternProperties", {})
    for key, one in value.items():
        forms = [named[key]] if key in named else []
        forms += [each for pattern, each in patterns.items() if re.search(pattern, key)]
        if not forms and form.get("additionalProperties") is False:
            return False
        if not all(accepts(each, one) for each in forms):
            return False
    return True


def refers(form: dict, value: object) -> bool:
    """`$ref`: to a definition; draft 7 takes nothing beside it."""
    assert set(form) == {"$ref"}
    return accepts(SCHEMA["definitions"][form["$ref"].removeprefix("#/definitions/")], value)


def bounded(word: str, holds: Callable[[float, float], bool]) -> Callable[[dict, object], bool]:
    """A limit, which holds for numbers alone."""
    return lambda form, value: not is_type("number", value) or holds(value, form[word])


UNJUDGED = {"$schema", "title", "description", "definitions"}
KEYWORDS: dict[str, Callable[[dict, object], bool]] = {
    "type": has_type,
    "enum": lambda form, value: any(
        value == one and isinstance(value, bool) == isinstance(one, bool) for one in form["enum"]
    ),
    "pattern": lambda form, value: (
        not isinstance(value, str) or re.search(form["pattern"], value, re.ASCII) is not None
    ),
    "minimum": bounded("minimum", lambda value, bound: value >= bound),
    "exclusiveMinimum": bounded("exclusiveMinimum", lambda value, bound: value > bound),
    "maximum": bounded("maximum", lambda value, bound: value <= bound),
    "properties": fits,
    "patternProperties": fits,
    "additionalProperties": fits,
    "propertyNames": lambda form, value: (
        not isinstance(value, dict) or all(accepts(form["propertyNames"], key) for key in value)
    ),
    "required": lambda form, value: (
        not isinstance(value, dict) or all(key in value for key in form["required"])
    ),
    "minProperties": lambda form, value: (
        not isinstance(value, dict) or len(value) >= form["minProperties"]
    ),
    "items": lambda form, value: (
        not isinstance(value, list) or all(accepts(form["items"], one) for one in value)
    ),
    "minItems": lambda form, value: not isinstance(value, list) or len(value) >= form["minItems"],
    "contains": lambda form, value: (
        not isinstance(value, list) or any(accepts(form["contains"], one) for one in value)
    ),
    "anyOf": lambda form, value: any(accepts(one, value) for one in form["anyOf"]),
    "allOf": lambda form, value: all(accepts(one, value) for one in form["allOf"]),
    "not": lambda form, value: not accepts(form["not"], value),
    "$ref": refers,
}


def valid(source: str) -> bool:
    """Whether an editor that reads YAML 1.2 would mark nothing in this file."""
    value = YAML(typ="safe", pure=True).load(StringIO(source))
    return accepts(SCHEMA, json.loads(json.dumps(value, default=str)))


def loads(source: str) -> bool:
    """Whether the loader takes this file."""
    try:
        parse(source.encode(), "orders.yaml")
    except ScenarioError:
        return False
    return True


def samples() -> Iterator[str]:
    """Every text in the tests that is a scenario which the loader takes."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                source = node.value
                if source.lstrip().startswith("scenario:") and loads(source):
                    yield source


def of_step(step: str) -> str:
    """A file whose fault phase has this step."""
    lines = "\n    ".join(step.splitlines())
    return f"scenario: A\nfault:\n  - inject: refused\n  - read: ok\n  - {lines}\n"


# --- what it takes -------------------------------------------------------------------------------


def test_the_shipped_file_is_current() -> None:
    """Editors read it, so it must say what this version reads."""
    current = SHIPPED.read_text("utf-8") == text()
    assert current, f"{SHIPPED.name} is of another version: make docs"


@pytest.mark.parametrize("name", CATALOG)
def test_every_story_is_valid(name: str) -> None:
    """They are the examples that are copied."""
    assert valid((ROOT / "scenarios" / "catalog" / f"{name}.yaml").read_text("utf-8"))
    assert valid(dump(catalog()[name]))


def test_every_file_of_the_tests_that_loads_is_valid() -> None:
    """An editor must mark nothing that runs."""
    found = list(samples())
    assert len(found) > 10
    assert [source for source in found if not valid(source)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_a_kind_is_known(kind: str) -> None:
    """What the loader reads of a fault's model stands in the schema by the same names."""
    model = KINDS[kind]
    [form] = [
        one
        for one in SCHEMA["definitions"]["inject"]["anyOf"]
        if one["properties"]["inject"]["enum"] == [kind]
    ]
    keys = (*parameters_of(model), *scope_of(model), *SCHEDULE_KEYS)
    assert tuple(form["properties"]) == ("inject", *keys)
    needed = [name for name in parameters_of(model) if parameter(model, name).required]
    assert form["required"] == ["inject", *needed]
    assert all(one.get("description") for one in form["properties"].values() if "allOf" in one)


ACCEPTED = """\
read: [timeout, open]\\ntimes: 2 x breaker.fail_max\\nconcurrency: "3"\\nrequires: [backoff]
read.other: status:404\\nattempts: contract
read: cancelled\\ntimes: 3\\ncancel_after: 0.5 x timeouts.read
my.own-name: ok\\nattempts: 0
wait: 1.5 x timeouts.read
wait: 250ms
inject: status\\ncode: "503"\\nheaders: {Retry-After: 1, Set-Cookie: [a=1, b=2]}
inject: status\\nsequence: [500, 502]\\nendpoint: GET /orders/*
inject: status\\ncode: 503\\nheaders: {}
inject: cut\\nat: response_body\\nbytes: half
inject: cut\\nat: response_body\\nbytes: 0
inject: latency\\ndelay: 2 x timeouts.read\\nattempt: [1, 2]\\nfraction: 0.3
inject: stall\\nafter: 4kB\\nlasts: 2s
inject: stall\\nafter: request\\nconnections: new\\nfirst: breaker.fail_max
inject: killed\\nrestart: never
inject: killed\\nrestart: 2s
inject: throttle\\nrate: 64kB/s
inject: drip\\nsize: 2B\\ninterval: 10ms\\noperation: 2"""


@pytest.mark.parametrize("step", ACCEPTED.splitlines())
def test_what_the_loader_takes_is_valid(step: str) -> None:
    """Each form of a value, as a file writes it."""
    source = of_step(step.replace("\\n", "\n"))
    assert loads(source)
    assert valid(source)


# --- what it refuses -----------------------------------------------------------------------------

REFUSED = """\
read.elswhere: ok
readx: conection
injekt: refused
read: conection
read: status:99
read: 503
read:
read: []
times: 3
read: ok\\natempts: 3
read: ok\\nattempts: many
read: ok\\nattempts: -1
read: ok\\ntimes: 0
read: ok\\ntimes: 2 x timeouts.read
read: ok\\nrequires: []
read: cancelled\\ncancel_after: 5
read: ok\\nevery: 1s
clear: everything
connections: stale
subject: old
wait: 5
wait: 5 h
wait: breaker.fail_max
clear: all\\nread: ok
refused
inject: refusd
inject: slow
inject: unresolved
inject: [refused]
inject: refused\\nlive: dead
inject: refused\\nfirst: 3
inject: refused\\ndelay: 3s
inject: refused\\nlasts: 3
inject: cut
inject: cut\\nat: response_body\\nbytes: few
inject: cut\\nat: response_body\\nbytes: -1
inject: latency
inject: latency\\ndelay: 500
inject: latency\\ndelay: 2 x breaker.fail_max
inject: status\\ncode: 999
inject: status\\nsequence: [500, 9]
inject: status\\ncode: 503\\nheaders: Retry-After
inject: status\\ncode: 503\\nendpoint: get orders
inject: killed\\nrestart: soon
inject: frozen\\nendpoint: read
inject: stall\\nevery_nth: 1
inject: stall\\nattempt: [1, two]
inject: stall\\nfraction: 2
inject: stall\\nafter: later
inject: throttle\\nrate: 64kB"""


@pytest.mark.parametrize("step", REFUSED.splitlines())
def test_what_the_loader_refuses_of_a_step_is_not_valid(step: str) -> None:
    """The editor says it as it is typed."""
    source = of_step(step.replace("\\n", "\n"))
    assert not loads(source)
    assert not valid(source)


@pytest.mark.parametrize(
    "source",
    [
        "fault:\n  - inject: refused\n  - read: ok\n",
        "scenario: A\n",
        "scenario: ''\nfault:\n  - inject: refused\n  - read: ok\n",
        "scenario: A\nfault: []\n",
        "scenario: A\nfault:\n  - inject: refused\n",
        "scenario: A\nfault:\n  - read: ok\n",
        "scenario: A\ncontrol:\n  - inject: refused\n  - read: ok\nfault:\n  - inject: refused\n  - read: ok\n",
        "scenario: A\nrecovery:\n  - wait: 1s\nfault:\n  - inject: refused\n  - read: ok\n",
        "scenario: A\ntune: slow\nfault:\n  - inject: refused\n  - read: ok\n",
        "scenario: A\nfaults: 1\nfault:\n  - inject: refused\n  - read: ok\n",
        "scenario: A\nincident: {when: today}\nfault:\n  - inject: refused\n  - read: ok\n",
        "scenario: A\nservices: {core: {image: a, port: 0}}\nfault:\n  - inject: refused\n  - read: ok\n",
        "scenario: A\nservices: {}\nfault:\n  - inject: refused\n  - read: ok\n",
        "- scenario: A\n",
    ],
)
def test_what_the_loader_refuses_of_a_file_is_not_valid(source: str) -> None:
    """Phases and head."""
    assert not loads(source)
    assert not valid(source)


@pytest.mark.parametrize(
    "step",
    [
        "read: ok\nwrite: ok",
        "read: ok\ntimes: 3\nconcurrency: 10",
        "inject: status\ncode: 503\nsequence: [500]",
        "inject: cut\nat: request_head\nbytes: 3",
    ],
)
def test_what_stands_in_relation_is_the_loader_s_to_say(step: str) -> None:
    """The border of the schema, so that nobody takes a file for sound by its editor alone."""
    assert not loads(of_step(step))
    assert valid(of_step(step))


def test_the_validator_knows_every_keyword_that_is_used() -> None:
    """One that it skipped would make each of these tests a claim about nothing."""

    def keywords(form: dict) -> Iterator[str]:
        for word, value in form.items():
            yield word
            if word in ("properties", "patternProperties", "definitions"):
                for one in value.values():
                    yield from keywords(one)
            elif word in ("anyOf", "allOf"):
                for one in value:
                    yield from keywords(one)
            elif isinstance(value, dict):
                yield from keywords(value)

    assert {*keywords(schema())} <= {*KEYWORDS, *UNJUDGED}
