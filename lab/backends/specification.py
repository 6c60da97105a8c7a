"""Who serves a service, as values that travel to the lab process: routes, a built-in, a URL.

Counterpart of what an author writes in `@subject(services=...)` or `lab.serve(...)`. Knows no
network; `rig.py` builds what is meant here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from ..redaction import redacted
from .maximus import BUILTIN, LATER, maximus_routes
from .routes import Routes

__all__ = ["Builtin", "Routed", "Specification", "Url", "parse", "routes_of"]

_EXPECTED = (
    "expected routes {'GET /orders/{id}': {...}}, a URL 'http://host:port',"
    f" or a built-in stub ({', '.join(BUILTIN)})"
)

_LATER_KEYS = {"image": "an image", "openapi": "an OpenAPI file"}


class Routed(msgspec.Struct, frozen=True, tag_field="by", tag="routes"):
    """A stub from routes. `routes` is the JSON text of a mapping that `Routes` takes."""

    routes: str


class Builtin(msgspec.Struct, frozen=True, tag_field="by", tag="builtin"):
    """A built-in stub of MAXIMUS."""

    name: str


class Url(msgspec.Struct, frozen=True, tag_field="by", tag="url"):
    """A server that already runs, at `http://host:port`."""

    url: str

    @property
    def host(self) -> str:
        """Its host."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Its port; 80 unless given."""
        port = urlsplit(self.url).port
        return 80 if port is None else port


Specification = Routed | Builtin | Url


def parse(value: object) -> Specification:
    """Who serves, from what an author wrote. Raises one ValueError with all that is wrong."""
    match value:
        case Routed() | Builtin() | Url():
            return value
        case Mapping():
            later = sorted(_LATER_KEYS.keys() & value.keys())
            if later:
                raise ValueError(f"{_LATER_KEYS[later[0]]} comes with a later version; {_EXPECTED}")
            return _routed(value)
        case str() if value in BUILTIN:
            return Builtin(value)
        case str() if value in LATER:
            raise ValueError(f"the stub of {value!r} comes with a later version; {_EXPECTED}")
        case str() if value.startswith("https://"):
            raise ValueError(f"{value!r}: https comes with a later version; {_EXPECTED}")
        case str() if value.startswith("http://"):
            return _url(value)
        case str() if value.endswith((".yaml", ".yml", ".json")):
            raise ValueError(f"{value!r}: an OpenAPI file comes with a later version; {_EXPECTED}")
        case _:
            raise ValueError(f"{value!r} serves nothing; {_EXPECTED}")


def routes_of(specification: Routed | Builtin) -> Routes:
    """The routes of a stub, with state of its own. Raises ValueError."""
    match specification:
        case Routed(routes):
            return Routes(json.loads(routes))
        case Builtin(name):
            return maximus_routes(name)


def _routed(routes: Mapping[str, object]) -> Routed:
    Routes(routes)
    called = [key for key, reply in routes.items() if callable(reply)]
    if called:
        raise ValueError(f"routes: {called[0]!r}: a function can't travel to the lab process")
    return Routed(json.dumps(dict(routes)))


def _url(text: str) -> Url:
    shown = redacted(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{shown!r}: {error}; {_EXPECTED}") from error
    rest = parts.path.rstrip("/") + parts.query + parts.fragment
    if not parts.hostname or port == 0 or rest or "@" in parts.netloc:
        raise ValueError(f"{shown!r}: the address of a server is http://host:port and no more")
    return Url(text.rstrip("/"))
