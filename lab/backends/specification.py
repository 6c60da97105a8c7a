"""Who serves a service, as an author writes it in `@subject(services=...)` or `lab.serve(...)`.

Reads the OpenAPI file that is named there; knows no network. Counterparts: the values of `served.py`
are what comes of it, and `rig.py` builds what they mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from .maximus import BUILTIN, PACES
from .openapi import routes_of_document
from .routes import Routes
from .served import Builtin, Routed, Specification, routes_of
from .servers import (
    BESIDE,
    COMMAND,
    IMAGE,
    Command,
    Image,
    Server,
    Url,
    is_url,
    read_command,
    read_image,
    read_image_text,
    read_url,
)

__all__ = [
    "Builtin",
    "Command",
    "Image",
    "Routed",
    "Server",
    "Specification",
    "Url",
    "amended",
    "parse",
]

_EXPECTED = (
    "expected routes {'GET /orders/{id}': {...}}, an OpenAPI file 'orders.openapi.yaml',"
    f" a URL 'http://host:port', a built-in stub ({', '.join(BUILTIN)}), a command"
    f" '{COMMAND}./orders --port {{port}}', or an image '{IMAGE}nginx:1.27@80'"
)

_FILES = (".yaml", ".yml", ".json")
_BESIDE: dict[str, tuple[str, ...]] = {
    "routes": ("honours_idempotency_key",),
    "openapi": ("honours_idempotency_key",),
    "stub": ("preset", "pace", "honours_idempotency_key"),
    **BESIDE,
}
"""The words that say who serves, and what may stand beside each."""
_WORDS = tuple(dict.fromkeys((*_BESIDE, *(word for words in _BESIDE.values() for word in words))))


def parse(value: object, service: str = "", folder: Path = Path()) -> Specification:
    """Who serves, from what an author wrote for this service.

    A mapping of routes; an OpenAPI file, of `folder` unless its path is absolute; a URL; the name of
    a built-in stub; `cmd:COMMAND`, started in `folder`; `image:NAME:TAG@PORT`; or a mapping of words:
    `routes`, `openapi`, `url`, `command`, `image` or `stub` (the service's own name unless given),
    and what may stand beside it. Raises one ValueError with all that is wrong.
    """
    match value:
        case Routed() | Builtin() | Url() | Command() | Image():
            return value
        case Mapping() if not {*_WORDS}.isdisjoint(value):
            return _worded(value, service, folder)
        case Mapping():
            return _routed(value)
        case str() if value in BUILTIN:
            return Builtin(value)
        case str() if is_url(value):
            return read_url(value)
        case str() if value.startswith(COMMAND):
            return _started({"command": value.removeprefix(COMMAND)}, folder)
        case str() if value.startswith(IMAGE):
            return read_image_text(value.removeprefix(IMAGE))
        case str() if value.endswith(_FILES):
            return _documented(folder / value)
        case _:
            raise ValueError(f"{value!r} serves nothing; {_EXPECTED}")


def amended(given: Specification, words: dict[str, object], folder: Path = Path()) -> Specification:
    """The same with these words for its own; who serves, among them, takes its place.

    Raises ValueError, also where the lab does not start what serves.
    """
    if not {*_BESIDE}.isdisjoint(words):
        return _worded(words, "", folder)
    own: dict[str, object]
    match given:
        case Builtin(name, presets, pace, honours):
            own = {"stub": name, "preset": presets, "pace": pace}
            return _worded(own | {"honours_idempotency_key": honours} | words, name, folder)
        case Routed(routes, honours):
            own = {"routes": json.loads(routes), "honours_idempotency_key": honours}
            return _worded(own | words, "", folder)
        case Command():
            own = {"command": given.arguments, **_started_by(given)}
            return _worded(own | words, "", Path(given.folder))
        case Image():
            own = {"image": given.image, "port": given.port, **_started_by(given)}
            own |= {"command": given.arguments} if given.arguments else {}
            return _worded(own | words, "", folder)
        case Url(url):
            raise ValueError(f"{next(iter(words))}: is for a stub: the lab did not start {url}")


def _worded(words: Mapping[str, object], service: str, folder: Path) -> Specification:
    unknown = next((key for key in words if key not in _WORDS), None)
    if unknown is not None:
        near = get_close_matches(str(unknown), _WORDS, 1)
        told = f"nearest: {near[0]}" if near else f"there are {', '.join(_WORDS)}"
        raise ValueError(f"{unknown!r}: no such word; {told}")
    named = [word for word in _BESIDE if word in words]
    if {*named} == {"command", "image"}:
        named = ["image"]  # whose command it is
    if len(named) > 1:
        raise ValueError(f"{' and '.join(named)}: one of them says who serves")
    who = named[0] if named else "stub"
    extra = next((word for word in words if word not in (who, *_BESIDE[who])), None)
    if extra is not None:
        beside = ", ".join(_BESIDE[who]) or "nothing"
        raise ValueError(f"{extra}: is not for `{who}`; allowed beside it: {beside}")
    honours = words.get("honours_idempotency_key", False)
    if honours is not True and honours is not False:
        raise ValueError(f"honours_idempotency_key: {honours!r} is neither true nor false")
    match who, words.get(who):
        case "routes", Mapping() as routes:
            return _routed(routes, honours=honours)
        case "routes", other:
            raise ValueError(f"routes: {other!r}; {_EXPECTED}")
        case "openapi", str() as file if file.endswith(_FILES):
            return _documented(folder / file, honours=honours)
        case "openapi", other:
            raise ValueError(
                f"openapi: {other!r}; expected a file that ends in {', '.join(_FILES)}"
            )
        case "url", str() as address:
            return read_url(address)
        case "url", other:
            raise ValueError(f"url: {other!r}; expected 'http://host:port'")
        case "command", _:
            return _started(words, folder)
        case "image", _:
            return read_image(words)
    return _builtin(words, service, honours=honours)


def _builtin(words: Mapping[str, object], service: str, *, honours: bool) -> Builtin:
    name = words.get("stub", service)
    if not isinstance(name, str) or name not in BUILTIN:
        raise ValueError(f"stub: {name!r}; expected one of {', '.join(BUILTIN)}")
    pace = words.get("pace")
    if pace is not None and not isinstance(pace, str):
        raise ValueError(f"pace: {pace!r}; expected one of {', '.join(PACES)}")
    built = Builtin(name, _names(words.get("preset", ())), pace, honours)
    routes_of(built)
    return built


def _started(words: Mapping[str, object], folder: Path) -> Command:
    return read_command(words, str(folder.absolute()))


def _started_by(given: Command | Image) -> dict[str, object]:
    """The words that both have."""
    return {
        "environment": dict(given.environment),
        "ready": given.ready,
        "ready_within": given.ready_within,
    }


def _names(value: object) -> tuple[str, ...]:
    """One preset or a list of them."""
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(it, str) for it in given):
        raise ValueError(f"preset: {value!r}; expected a name, or a list of names")
    return tuple(given)


def _routed(routes: Mapping[Any, object], *, honours: bool = False) -> Routed:
    Routes(routes)
    called = [key for key, reply in routes.items() if callable(reply)]
    if called:
        raise ValueError(f"routes: {called[0]!r}: a function can't travel to the lab process")
    return Routed(json.dumps(dict(routes)), honours)


def _documented(path: Path, *, honours: bool = False) -> Routed:
    """A stub from an OpenAPI file's examples. Raises ValueError with the file in front."""
    try:
        text = path.read_text("utf-8")
        document = (
            json.loads(text) if path.suffix == ".json" else YAML(typ="safe", pure=True).load(text)
        )
    except OSError as error:
        raise ValueError(f"{path}: can't be read: {error.strerror}; {_EXPECTED}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, YAMLError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error
    try:
        return _routed(routes_of_document(document), honours=honours)
    except ValueError as error:
        raise ValueError("\n".join(f"{path}: {line}" for line in str(error).split("\n"))) from error
