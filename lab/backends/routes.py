"""What a stub answers: routes from `METHOD /path/{template}` to a reply. Pure.

Counterpart: `stub.py`, which speaks HTTP and applies effects. Unknown paths and methods are
answered in the words of FastAPI, which the MAXIMUS services are built on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

from ..methods import IDEMPOTENT, METHODS

__all__ = [
    "UNHANDLED",
    "Answer",
    "Frames",
    "Reply",
    "Request",
    "Routes",
    "is_json",
    "json_reply",
]

_KEY = re.compile(r"(\S+) (\S+)")
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_KEY_HEADER = "idempotency-key"
_JSON = "application/json"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_FRAMING = ("content-length", "transfer-encoding", "connection", "date")
_BODILESS = (204, 205, 304)  # RFC 9110 15.3.5, 15.3.6, 15.4.5


@dataclass(frozen=True, slots=True)
class Request:
    """A complete request; `target` as it stood in its first line.

    `parameters` are the template's names with the decoded segments that stood there. Names of
    `headers` are lower case.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """The target's path, still encoded."""
        return _path(self.target)

    def parameter(self, name: str) -> str:
        """The value of a template's parameter. Raises KeyError."""
        return dict(self.parameters)[name]

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in lower case."""
        return next((value for key, value in self.headers if key == name), None)


Frames = Generator[tuple[bytes, float], None, None]
"""A body in parts: each with the seconds until the next is asked for.

Closed when it is over, or when its connection is.
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `content_type` None: none is sent, as where there is no body.

    `after`: seconds from the complete request to the answer. `closes`: the connection ends behind
    it, unannounced. `repeated`: an earlier request with its key was carried out, this one wasn't.
    `frames`: makes the parts of a body that has no length, in place of `body`.
    """

    status: int
    body: bytes = b""
    content_type: str | None = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    after: float = 0.0
    closes: bool = False
    repeated: bool = False
    frames: Callable[[], Frames] | None = None


UNHANDLED = Reply(500, b"Internal Server Error", "text/plain; charset=utf-8", closes=True)
"""What uvicorn sends where the service raised: in plain text, and then it hangs up."""


Answer = Callable[[Request], Reply]


def json_reply(status: int, value: object, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """A reply with this value as JSON, compact, in UTF-8. Raises ValueError or TypeError."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # A lone surrogate has no UTF-8; its escape is JSON all the same.
    return Reply(status, text.encode(errors="backslashreplace"), headers=headers)


@dataclass(frozen=True, slots=True)
class _Route:
    """One route. `segments` are those of its path, decoded, None where a parameter stands."""

    method: str
    template: str
    segments: tuple[str | None, ...]
    names: tuple[str, ...]
    answer: Reply | Answer

    @property
    def endpoint(self) -> str:
        """`METHOD /path/{template}`."""
        return f"{self.method} {self.template}"

    @property
    def rank(self) -> tuple[bool, ...]:
        """Sorts literals before parameters, from the left."""
        return tuple(segment is None for segment in self.segments)

    def matches(self, segments: tuple[str, ...]) -> bool:
        """Whether it serves the path with these segments; a parameter is never empty."""
        return len(segments) == len(self.segments) and all(
            given != "" if own is None else own == given
            for own, given in zip(self.segments, segments, strict=True)
        )

    def parameters(self, segments: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """What stands where its parameters are, in a path that it serves."""
        given = (it for own, it in zip(self.segments, segments, strict=True) if own is None)
        return tuple(zip(self.names, given, strict=True))


class Routes:
    """What a stub serves, from `{"GET /orders/{id}": REPLY, ...}`.

    A REPLY is a JSON value, answered with 200; or `[status, value]`, or `[status, value, headers]`,
    a list with a whole number first; or a function from Request to Reply. A list that would read as
    one of these is written whole: `[200, [404, "x"]]`. With a `content-type` that isn't JSON the
    value is the body's text; with `null` for it there is no body. The most specific path wins,
    literals before parameters. HEAD is answered as GET where it has no route of its own.

    `redirects`: a path that only a slash at its end keeps from being known is a 307, as FastAPI
    answers it. `honours_idempotency_key`: a request that isn't idempotent and repeats the method,
    path and Idempotency-Key of one that was carried out gets its answer, marked as `repeated`.

    Raises one ValueError that lists all problems of the mapping.
    """

    def __init__(
        self,
        replies: Mapping[str, object],
        *,
        redirects: bool = False,
        honours_idempotency_key: bool = False,
    ) -> None:
        self._redirects = redirects
        self._carried_out: dict[tuple[str, str, str], Reply] | None = (
            {} if honours_idempotency_key else None
        )
        problems: list[str] = []
        routes: list[_Route] = []
        if not replies:
            problems.append('expected {"METHOD /path": reply, ...}, one route at least')
        for key, value in replies.items():
            route = _read(key, value, problems)
            if route is not None:
                routes.append(route)
        first: dict[tuple[str, tuple[str | None, ...]], _Route] = {}
        for route in routes:
            earlier = first.setdefault((route.method, route.segments), route)
            if earlier is not route:
                problems.append(f"{route.endpoint!r}: the same requests as {earlier.endpoint!r}")
        if problems:
            raise ValueError("\n".join(("routes:", *(f"  {it}" for it in problems))))
        self._routes = tuple(sorted(routes, key=lambda route: route.rank))
        self.endpoints = tuple(route.endpoint for route in routes)

    def __repr__(self) -> str:
        return f"Routes({', '.join(self.endpoints)})"

    def endpoint_of(self, method: str, target: str) -> str | None:
        """`METHOD /path/{template}` of what a request asks for, or None."""
        route = self._found(method, _segments(_path(target)))
        return None if route is None else f"{method} {route.template}"

    def answer(self, request: Request) -> Reply:
        """The reply to a request: 404 for an unknown path, 405 for a known one's other method."""
        key = request.header(_KEY_HEADER)
        if self._carried_out is None or key is None or request.method in IDEMPOTENT:
            return self._answer(request)
        name = (request.method, request.path, key)
        first = self._carried_out.get(name)
        if first is not None:
            return replace(first, repeated=True)
        reply = self._answer(request)
        if 200 <= reply.status <= 299:
            self._carried_out[name] = reply
        return reply

    def _answer(self, request: Request) -> Reply:
        segments = _segments(request.path)
        route = self._found(request.method, segments)
        if route is None:
            allowed = self._allowed(segments)
            if not allowed and self._redirects and self._allowed(_toggled(segments)):
                return _moved(request)
            if not allowed:
                return json_reply(404, {"detail": "Not Found"})
            return json_reply(405, {"detail": "Method Not Allowed"}, (("allow", allowed),))
        if isinstance(route.answer, Reply):
            return route.answer
        return route.answer(replace(request, parameters=route.parameters(segments)))

    def _found(self, method: str, segments: tuple[str, ...]) -> _Route | None:
        for wanted in (method, "GET") if method == "HEAD" else (method,):
            for route in self._routes:
                if route.method == wanted and route.matches(segments):
                    return route
        return None

    def _allowed(self, segments: tuple[str, ...]) -> str:
        methods = {route.method for route in self._routes if route.matches(segments)}
        if "GET" in methods:
            methods.add("HEAD")
        return ", ".join(sorted(methods))


def _path(target: str) -> str:
    """The path of a request's target; a client that takes the stub for a proxy sends a whole URL."""
    if not target.startswith("/") and "://" in target:
        target = "/" + target.partition("://")[2].partition("/")[2]
    return target.partition("?")[0]


def _toggled(segments: tuple[str, ...]) -> tuple[str, ...]:
    """The same path with a slash at its end, or without."""
    return segments[:-1] if segments[-1] == "" else (*segments, "")


def _moved(request: Request) -> Reply:
    """To the path with the slash, or without."""
    path, mark, query = request.target.partition("?")
    path = path.rstrip("/") if path.endswith("/") else f"{path}/"
    host = request.header("host")
    place = path if host is None else f"http://{host}{path}"
    return Reply(307, content_type=None, headers=(("location", f"{place}{mark}{query}"),))


def _segments(path: str) -> tuple[str, ...]:
    return tuple(unquote(segment) for segment in path.split("/"))


def _read(key: object, value: object, problems: list[str]) -> _Route | None:
    """One route, or None with its problems added."""
    matched = _KEY.fullmatch(key) if isinstance(key, str) else None
    if matched is None:
        problems.append(
            f"{key!r}: no route; write 'METHOD /path', for example 'GET /orders/{{id}}'"
        )
        return None
    found = len(problems)
    method, template = matched.groups()
    if method not in METHODS:
        upper = method.upper()
        known = f"write {upper}" if upper in METHODS else f"one of {', '.join(METHODS)}"
        problems.append(f"{key!r}: {method} is no method; {known}")
    segments, names = _template(str(key), template, problems)
    answer = _answer(str(key), value, problems)
    if answer is None or len(problems) > found:
        return None
    return _Route(method, template, segments, names, answer)


def _template(
    key: str, template: str, problems: list[str]
) -> tuple[tuple[str | None, ...], tuple[str, ...]]:
    if not template.startswith("/"):
        problems.append(f"{key!r}: the path {template!r} must begin with a slash")
    if "?" in template or "#" in template:
        problems.append(f"{key!r}: a route has a path only, no query and no fragment")
    segments: list[str | None] = []
    names: list[str] = []
    for segment in template.split("/"):
        parameter = _PARAMETER.fullmatch(segment)
        if parameter is not None:
            names.append(parameter[1])
            segments.append(None)
        elif "{" in segment or "}" in segment:
            problems.append(f"{key!r}: {segment!r} is no parameter; write a whole segment {{name}}")
        else:
            segments.append(unquote(segment))
    twice = sorted({name for name in names if names.count(name) > 1})
    problems.extend(f"{key!r}: the parameter {name!r} stands twice" for name in twice)
    return tuple(segments), tuple(names)


def _answer(key: str, value: object, problems: list[str]) -> Reply | Answer | None:
    if callable(value):
        return value
    status: int = 200
    headers: object = {}
    if isinstance(value, list | tuple) and type(value[0] if value else None) is int:
        if len(value) == 2:
            status, value = value
        elif len(value) == 3 and isinstance(value[2], Mapping):
            status, value, headers = value
        if not 200 <= status <= 599:
            problems.append(
                f"{key!r}: {status} is no status of an answer, 200 to 599;"
                f" a list is written [200, [{status}, ...]]"
            )
            return None
    try:
        return _reply(status, value, _headers(headers))
    except (TypeError, ValueError, RecursionError) as error:
        problems.append(f"{key!r}: {error}")
        return None


def _headers(given: object) -> dict[str, str | None]:
    """The headers of an answer, by their names in lower case. Raises ValueError."""
    assert isinstance(given, Mapping)
    found: dict[str, str | None] = {}
    for name, value in given.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header")
        lower = name.lower()
        if lower in _FRAMING:
            raise ValueError(f"{name}: the stub sends it itself")
        if value is None and lower == "content-type":
            found[lower] = None
        elif isinstance(value, str) and value.isprintable() and value.isascii():
            found[lower] = value
        else:
            raise ValueError(f"{name}: {value!r}; expected text, printable ASCII")
    return found


def _reply(status: int, value: object, headers: dict[str, str | None]) -> Reply:
    """An answer with this value. Raises ValueError for one that can't be sent, or TypeError."""
    kind = headers.pop("content-type", _JSON)
    rest = tuple((name, text) for name, text in headers.items() if text is not None)
    if status in _BODILESS or kind is None:
        if value is not None:
            what = f"a {status}" if status in _BODILESS else "an answer without content-type"
            raise ValueError(f"{what} has no body; write [{status}, null]")
        return Reply(status, content_type=None, headers=rest)
    if not is_json(kind):
        if not isinstance(value, str):
            raise ValueError(f"{kind}: {value!r}; expected the body's text")
        return Reply(status, value.encode(), content_type=kind, headers=rest)
    try:
        return replace(json_reply(status, value, rest), content_type=kind)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the reply is no JSON value: {error}") from error


def is_json(kind: str) -> bool:
    """Whether a media type is JSON, or one that is built on it (RFC 6839)."""
    name = kind.partition(";")[0].strip().lower()
    return name == _JSON or name.endswith("+json")
