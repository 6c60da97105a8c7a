"""Routes from an OpenAPI document: each operation answers with the example of its success. Pure.

Counterparts: `routes.py` serves them, `specification.py` reads the file. OpenAPI 3.0 and 3.1; where
a response has no example, one is made from its schema, always the same. What can't be served is
told with its place in the document, all problems at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from urllib.parse import urlsplit

from ..methods import METHODS
from .routes import is_json

__all__ = ["routes_of_document"]

_EXACT = re.compile(r"[2-5]\d\d")
_VARIABLE = re.compile(r"\{([^{}]+)\}")

_SAMPLES = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "http://example.com/",
    "byte": "",
    "binary": "",
}
_NOTHING = object()


def routes_of_document(document: object) -> dict[str, object]:
    """`{"METHOD /path": [status, value, headers]}` as `Routes` takes it, in the document's order.

    Of each operation the lowest success status is served, of its content JSON before others, of
    its examples the first. The path of the first server stands in front of every path. Raises one
    ValueError with all problems.
    """
    return _Reader(document).routes()


class _Reader:
    """One document, and the problems found in it."""

    def __init__(self, document: object) -> None:
        if not isinstance(document, Mapping):
            raise ValueError(  # noqa: TRY004  # a file's text, not a caller's mistake
                "no OpenAPI document: expected a mapping with `openapi` and `paths`"
            )
        if "swagger" in document:
            version = document["swagger"]
            raise ValueError(f"swagger: {version!r}; expected `openapi: 3.x`: convert it first")
        version = document.get("openapi")
        if not str(version).startswith("3."):
            raise ValueError(f"openapi: {version!r}; expected a version 3.0 or 3.1")
        self._document = document
        self._problems: list[str] = []

    def routes(self) -> dict[str, object]:
        """Its routes; ValueError for all that can't be served."""
        prefix = self._prefix()
        found: dict[str, object] = {}
        for path, place, item in self._entries(self._document.get("paths"), "paths"):
            for key, operation_place, operation in self._entries(item, place):
                method = str(key).upper()
                if method in METHODS and isinstance(operation, Mapping):
                    reply = self._reply(operation, operation_place)
                    if reply is not None:
                        found[f"{method} {prefix}{path}"] = reply
        if not found and not self._problems:
            self._problems.append("paths: no operation in it")
        if self._problems:
            raise ValueError("\n".join(self._problems))
        return found

    def _entries(self, value: object, place: str) -> Iterator[tuple[object, str, object]]:
        """Key, place and value of each entry of a mapping, references followed."""
        mapping = self._followed(value, place)
        if not isinstance(mapping, Mapping):
            self._problems.append(f"{place}: {_shown(mapping)}; expected a mapping")
            return
        for key, inner in mapping.items():
            at = f"{place}.{key}"
            yield key, at, self._followed(inner, at)

    def _prefix(self) -> str:
        """The path of the first server: what a client that is built from the document puts first."""
        servers = self._document.get("servers")
        first = servers[0] if isinstance(servers, Sequence) and servers else {}
        url = first.get("url", "") if isinstance(first, Mapping) else ""
        variables = first.get("variables", {}) if isinstance(first, Mapping) else {}

        def filled(match: re.Match[str]) -> str:
            variable = variables.get(match[1], {}) if isinstance(variables, Mapping) else {}
            return str(variable.get("default", "")) if isinstance(variable, Mapping) else ""

        return urlsplit(_VARIABLE.sub(filled, str(url))).path.rstrip("/")

    # --- one operation ----------------------------------------------------------------------------

    def _reply(self, operation: Mapping[object, object], place: str) -> object:
        """What is answered: `[status, value, headers]`; None with a problem noted."""
        responses = self._followed(operation.get("responses"), f"{place}.responses")
        if not isinstance(responses, Mapping) or not responses:
            self._problems.append(f"{place}: no responses in it")
            return None
        key, status = _success({str(code): code for code in responses})
        at = f"{place}.responses.{key}"
        response = self._followed(responses[key], at)
        if not isinstance(response, Mapping):
            self._problems.append(f"{at}: {_shown(response)}; expected a response")
            return None
        headers = self._headers(response.get("headers"), f"{at}.headers")
        content = response.get("content")
        if not isinstance(content, Mapping) or not content or status in (204, 205, 304):
            return [status, None, {**headers, "content-type": None}]
        media = {str(name): value for name, value in content.items()}
        kind = next((name for name in media if is_json(name)), next(iter(media)))
        value = self._example(media[kind], f"{at}.content.{kind}")
        if not is_json(kind) and not isinstance(value, str):
            value = "" if value is None else str(value)
        return [status, value, {**headers, "content-type": kind}]

    def _headers(self, given: object, place: str) -> dict[str, str]:
        """Those of its headers of which an example is given."""
        if not isinstance(given, Mapping):
            return {}
        found = {}
        for name, at, header in self._entries(given, place):
            if str(name).lower() in ("content-type", "content-length") or header is None:
                continue
            value = self._given(header, at)
            if value is _NOTHING and isinstance(header, Mapping):
                value = self._given(header.get("schema"), f"{at}.schema")
            if value is not _NOTHING:
                found[str(name).lower()] = value if isinstance(value, str) else str(value)
        return found

    # --- one value --------------------------------------------------------------------------------

    def _example(self, media: object, place: str) -> object:
        """The first example of a media type, else one made from its schema."""
        media = self._followed(media, place)
        if not isinstance(media, Mapping):
            return None
        value = self._given(media, place)
        return self._sample(media.get("schema"), f"{place}.schema") if value is _NOTHING else value

    def _given(self, holder: object, place: str) -> object:
        """An example that is written where it may be: `example`, `examples`; else _NOTHING."""
        holder = self._followed(holder, place)
        if not isinstance(holder, Mapping):
            return _NOTHING
        if "example" in holder:
            return _plain(holder["example"])
        examples = holder.get("examples")
        if isinstance(examples, Mapping):  # of a media type or header: named, each with a value
            for _, at, example in self._entries(examples, f"{place}.examples"):
                if isinstance(example, Mapping) and "value" in example:
                    return _plain(example["value"])
                self._problems.append(f"{at}: it has no `value`; a file beside is not read")
        elif isinstance(examples, Sequence) and not isinstance(examples, str) and examples:
            return _plain(examples[0])  # of a schema: JSON Schema's list
        return _NOTHING

    def _sample(self, schema: object, place: str, within: frozenset[str] = frozenset()) -> object:
        """A value that the schema allows, as plain as possible; None where it says too little.

        `within`: the references that it stands under; a schema inside itself is left out.
        """
        if isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str):
            if schema["$ref"] in within:
                return None
            within |= {schema["$ref"]}
        schema = self._followed(schema, place)
        if not isinstance(schema, Mapping):
            return None
        value = self._given(schema, place)
        if value is not _NOTHING:
            return value
        for key in ("const", "default"):
            if key in schema:
                return _plain(schema[key])
        for key in ("enum", "oneOf", "anyOf"):
            choices = schema.get(key)
            if isinstance(choices, Sequence) and choices and not isinstance(choices, str):
                if key == "enum":
                    return _plain(choices[0])
                return self._sample(choices[0], f"{place}.{key}[0]", within)
        parts = schema.get("allOf")
        if isinstance(parts, Sequence) and not isinstance(parts, str):
            return self._merged(schema, parts, place, within)
        return self._of_type(schema, place, within)

    def _merged(
        self,
        schema: Mapping[object, object],
        parts: Sequence[object],
        place: str,
        within: frozenset[str],
    ) -> object:
        """`allOf`: the objects of all parts in one, with the schema's own properties."""
        values = [
            self._sample(part, f"{place}.allOf[{number}]", within)
            for number, part in enumerate(parts)
        ]
        if "properties" in schema:
            values.append(self._of_type(schema, place, within))
        objects = [value for value in values if isinstance(value, dict)]
        if objects:
            return {key: value for one in objects for key, value in one.items()}
        return next((value for value in values if value is not None), None)

    def _of_type(
        self, schema: Mapping[object, object], place: str, within: frozenset[str]
    ) -> object:
        kind = schema.get("type")
        if isinstance(kind, Sequence) and not isinstance(kind, str):  # OpenAPI 3.1
            kind = next((one for one in kind if one != "null"), "null")
        if kind is None and "properties" in schema:
            kind = "object"
        match kind:
            case "object":
                return self._object(schema, place, within)
            case "array":
                item = self._sample(schema.get("items"), f"{place}.items", within)
                return [] if item is None or schema.get("maxItems") == 0 else [item]
            case "string":
                text = _SAMPLES.get(str(schema.get("format")), "text")
                least = schema.get("minLength")
                return text.ljust(least, "x") if isinstance(least, int) else text
            case "integer" | "number":
                least = schema.get("minimum", 0)
                return least if isinstance(least, int | float) else 0
            case "boolean":
                return False
            case _:
                return None

    def _object(
        self, schema: Mapping[object, object], place: str, within: frozenset[str]
    ) -> dict[str, object]:
        properties = self._followed(schema.get("properties", {}), f"{place}.properties")
        required = schema.get("required", ())
        made: dict[str, object] = {}
        if not isinstance(properties, Mapping):
            return made
        for name, inner in properties.items():
            at = f"{place}.properties.{name}"
            followed = self._followed(inner, at)
            if isinstance(followed, Mapping) and followed.get("writeOnly") is True:
                continue
            value = self._sample(inner, at, within)
            if value is not None or (isinstance(required, Sequence) and name in required):
                made[str(name)] = value
        return made

    # --- references -------------------------------------------------------------------------------

    def _followed(self, value: object, place: str) -> object:
        """What a reference stands for, or the value itself; None with a problem where it leads nowhere."""
        seen: set[str] = set()
        while isinstance(value, Mapping) and isinstance(value.get("$ref"), str):
            reference = str(value["$ref"])
            if not reference.startswith("#/"):
                self._note(f"{place}: $ref {reference!r}: only references inside the file are read")
                return None
            if reference in seen:
                self._note(f"{place}: $ref {reference!r} leads back to itself")
                return None
            seen.add(reference)
            value = self._at(reference)
            if value is _NOTHING:
                self._note(f"{place}: $ref {reference!r}: there is nothing")
                return None
        return value

    def _at(self, reference: str) -> object:
        """What a JSON pointer (RFC 6901) leads to, or _NOTHING."""
        value: object = self._document
        for part in reference.removeprefix("#/").split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, Mapping) and name in value:
                value = value[name]
            elif isinstance(value, Sequence) and name.isdigit() and int(name) < len(value):
                value = value[int(name)]
            else:
                return _NOTHING
        return value

    def _note(self, problem: str) -> None:
        if problem not in self._problems:
            self._problems.append(problem)


def _success(responses: Mapping[str, object]) -> tuple[object, int]:
    """Which response is served, by its key, and with which status; keys may be numbers in YAML."""
    exact = sorted(text for text in responses if _EXACT.fullmatch(text))
    for text in exact:
        if text.startswith("2"):
            return responses[text], int(text)
    for text in ("2XX", "2xx", "default"):
        if text in responses:
            return responses[text], 200
    if exact:
        return responses[exact[0]], int(exact[0])
    return next(iter(responses.values())), 200


def _plain(value: object) -> object:
    """A value of YAML as JSON has it: a date is its text."""
    match value:
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
