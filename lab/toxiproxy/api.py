"""The control API: which request means what, what is refused and in which order. Pure but for what
it asks of the proxies, each request at once and whole.

Counterpart: server.py reads and writes HTTP; proxy.py does what is decided here.
Paths, orders of checks, statuses and shapes are those of Toxiproxy 2.12.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar
from urllib.parse import quote, unquote

from .decode import DecodeError, Fields, Value, array, decode, number, string, truth, whole
from .proxy import ListenError, Proxies, StreamProxy
from .toxics import TYPES, Attribute, Kind, Toxic, problem

__all__ = ["VERSION", "Api", "Reply", "Request", "UnusableError", "request_ids"]

T = TypeVar("T")

VERSION = "2.12.0"
"""The version whose API this is; clients ask for it."""

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
_NOSNIFF = ("X-Content-Type-Options", "nosniff")
_BROWSER = "Mozilla/"
_ID_LETTERS = "0123456789abcdefghijklmnopqrstuv"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a control client."""

    method: str
    target: str
    body: bytes = b""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer, without its length."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class UnusableError(Exception):
    """A request that is refused; `proxies` are those that a populate had made before."""

    def __init__(self, status: int, text: str, proxies: Sequence[StreamProxy] = ()) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.proxies = tuple(proxies)


Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
_Action: TypeAlias = Callable[["Api", tuple[str, ...], bytes], Reply]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a populate, read whole before anything is made."""

    name: str
    upstream: str
    listen: str
    enabled: bool
    toxics: tuple[Toxic, ...]


def request_ids(seed: int) -> Iterator[str]:
    """Twenty characters each, no two alike."""
    number = seed % (1 << 32) << 68
    while True:
        yield "".join(_ID_LETTERS[number >> shift & 31] for shift in range(95, -1, -5))
        number += 1


class Api:
    """Answers requests about these proxies."""

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        self._strict = proxies.options.strict
        self._ids = request_ids(proxies.options.seed)

    def answer(self, request: Request) -> Reply:
        """Route, guard, carry out."""
        path = _path(request.target)
        if path != (cleaned := _cleaned(path)):
            return Reply(301, headers=(("Location", quote(cleaned)),))
        actions, names = _route(path)
        if actions is None:
            return _text(404, "404 page not found\n")
        action = actions.get(request.method)
        if action is None:
            return Reply(405)
        if request.user_agent.startswith(_BROWSER):
            reply = _text(403, "User agent not allowed\n")
        else:
            try:
                reply = action(self, names, request.body)
            except UnusableError as error:
                reply = _refused(error)
        own = ("X-Toxiproxy-Request-Id", next(self._ids))
        return replace(reply, headers=(*reply.headers, own))

    def populate(self, body: bytes) -> list[StreamProxy]:
        """Make what a list of proxies describes; those made or met, in order. Raises UnusableError."""
        entries = _decoded(lambda: self._entries(decode(body)))
        done: list[StreamProxy] = []
        for entry in entries:
            try:
                done.append(self._populated(entry))
            except ListenError as error:
                refusal = self._cannot_listen(error)
                raise UnusableError(refusal.status, refusal.text, done) from None
        return done

    # --- proxies ---------------------------------------------------------------------------------

    def _list(self, _names: tuple[str, ...], _body: bytes) -> Reply:
        named = sorted(self._proxies, key=lambda proxy: proxy.name)
        return _json(200, {proxy.name: self._shown(proxy) for proxy in named})

    def _create(self, _names: tuple[str, ...], body: bytes) -> Reply:
        def read() -> tuple[str, str, str, bool]:
            fields = Fields(decode(body), "proxy")
            return (
                fields.get("name", string, ""),
                fields.get("upstream", string, ""),
                fields.get("listen", string, ""),
                fields.get("enabled", truth, default=True),
            )

        name, upstream, listen, enabled = _decoded(read)
        for field, value in (("name", name), ("upstream", upstream)):
            if not value:
                raise UnusableError(400, f"missing required field: {field}")
        if self._proxies.find(name) is not None:
            raise UnusableError(409, "proxy already exists")
        try:
            proxy = self._proxies.create(name, listen or ":0", upstream, enabled=enabled)
        except ListenError as error:
            raise self._cannot_listen(error) from None
        return _json(201, self._shown(proxy))

    def _show(self, names: tuple[str, ...], _body: bytes) -> Reply:
        return _json(200, self._shown(self._proxy(names)))

    def _update(self, names: tuple[str, ...], body: bytes) -> Reply:
        proxy = self._proxy(names)

        def read() -> tuple[str, str, bool]:
            fields = Fields(decode(body), "proxy")
            return (
                fields.get("listen", string, proxy.listen),
                fields.get("upstream", string, proxy.upstream),
                fields.get("enabled", truth, proxy.enabled),
            )

        listen, upstream, enabled = _decoded(read)
        listen = listen or ":0"
        try:
            if (
                listen != proxy.listen and not proxy.listens_on(listen)
            ) or upstream != proxy.upstream:
                proxy.redirect(listen, upstream)
            if enabled:
                proxy.start()
            else:
                proxy.stop()
        except ListenError as error:
            raise self._cannot_listen(error) from None
        return _json(200, self._shown(proxy))

    def _delete(self, names: tuple[str, ...], _body: bytes) -> Reply:
        self._proxies.delete(self._proxy(names).name)
        return Reply(204)

    def _populate(self, _names: tuple[str, ...], body: bytes) -> Reply:
        try:
            done = self.populate(body)
        except UnusableError as error:
            made: Json = [self._shown(proxy) for proxy in error.proxies] or None
            return _json(
                error.status, {"error": error.text, "status": error.status, "proxies": made}
            )
        return _json(201, {"proxies": [self._shown(proxy) for proxy in done] or None})

    def _entries(self, value: Value) -> tuple[_Entry, ...]:
        entries: list[_Entry] = []
        raw = array(value, "proxies")
        for number_, one in enumerate(raw, start=1):
            fields = Fields(one, f"proxy {number_}")
            toxics = None if self._strict else fields.raw("toxics")
            entries.append(
                _Entry(
                    name=fields.get("name", string, ""),
                    upstream=fields.get("upstream", string, ""),
                    listen=fields.get("listen", string, "") or ":0",
                    enabled=fields.get("enabled", truth, default=True),
                    toxics=self._toxics_of(toxics, f"proxy {number_}.toxics"),
                )
            )
        for number_, entry in enumerate(entries, start=1):
            for field, text in (("name", entry.name), ("upstream", entry.upstream)):
                if not text:
                    raise UnusableError(400, f"missing required field: {field} at proxy {number_}")
        return tuple(entries)

    def _toxics_of(self, value: Value, where: str) -> tuple[Toxic, ...]:
        toxics: list[Toxic] = []
        for one in array(value, where):
            toxics.append(self._new_toxic(Fields(one, where), tuple(toxics)))
        return tuple(toxics)

    def _populated(self, entry: _Entry) -> StreamProxy:
        known = self._proxies.find(entry.name)
        if (
            known is not None
            and known.listens_on(entry.listen)
            and known.upstream == entry.upstream
        ):
            return known
        made = self._proxies.create(entry.name, entry.listen, entry.upstream, enabled=entry.enabled)
        for toxic in entry.toxics:
            made.add(toxic)
        return made

    def _reset(self, _names: tuple[str, ...], _body: bytes) -> Reply:
        for proxy in self._proxies:
            try:
                proxy.start()
            except ListenError as error:
                raise self._cannot_listen(error) from None
            for toxic in proxy.toxics:
                proxy.remove(toxic.name)
        return Reply(204)

    def _version(self, _names: tuple[str, ...], _body: bytes) -> Reply:
        body = f'{{"version": "{VERSION}"}}\n'.encode()
        return Reply(200, body, (("Content-Type", "application/json;charset=utf-8"),))

    # --- toxics ----------------------------------------------------------------------------------

    def _toxics(self, names: tuple[str, ...], _body: bytes) -> Reply:
        return _json(200, [_toxic(toxic) for toxic in _in_order(self._proxy(names))])

    def _add(self, names: tuple[str, ...], body: bytes) -> Reply:
        proxy = self._proxy(names)
        toxic = _decoded(lambda: self._new_toxic(Fields(decode(body), "toxic"), proxy.toxics))
        proxy.add(toxic)
        return _json(200, _toxic(toxic))

    def _show_toxic(self, names: tuple[str, ...], _body: bytes) -> Reply:
        return _json(200, _toxic(self._toxic(names)))

    def _update_toxic(self, names: tuple[str, ...], body: bytes) -> Reply:
        proxy, old = self._proxy(names), self._toxic(names)

        def read() -> Toxic:
            fields = Fields(decode(body), "toxic")
            values = self._values(old.kind, fields.raw("attributes"), old.values)
            return replace(
                old, toxicity=fields.get("toxicity", number, old.toxicity), values=values
            )

        toxic = _decoded(read)
        proxy.update(toxic)
        return _json(200, _toxic(toxic))

    def _remove_toxic(self, names: tuple[str, ...], _body: bytes) -> Reply:
        proxy, toxic = self._proxy(names), self._toxic(names)
        proxy.remove(toxic.name)
        return Reply(204)

    def _new_toxic(self, fields: Fields, others: Sequence[Toxic]) -> Toxic:
        """Read in the order in which the original refuses."""
        name = fields.get("name", string, "")
        type_ = fields.get("type", string, "")
        stream = fields.get("stream", string, "downstream")
        toxicity = fields.get("toxicity", number, 1.0)
        if stream.lower() not in ("upstream", "downstream"):
            raise UnusableError(400, "stream was invalid, can be either upstream or downstream")
        kind = TYPES.get(type_)
        if kind is None or (self._strict and not kind.strict):
            raise UnusableError(400, "invalid toxic type")
        name = name or f"{type_}_{stream}"
        if any(other.name == name for other in others):
            raise UnusableError(409, "toxic already exists")
        defaults = tuple(attribute.default for attribute in kind.attributes)
        values = self._values(kind, fields.raw("attributes"), defaults)
        return Toxic(name, kind, stream, toxicity, values)

    def _values(self, kind: Kind, value: Value, before: Sequence[float]) -> tuple[float, ...]:
        """Attributes, key by key over what was there; none of them if one is wrong."""
        fields = Fields(value, "attributes")
        values = {
            attribute.name: fields.get(attribute.name, _reader(attribute), old)
            for attribute, old in zip(kind.attributes, before, strict=True)
        }
        if not self._strict and (text := problem(kind, values)) is not None:
            raise UnusableError(400, f"bad request body: attributes: {text}")
        return tuple(values.values())

    # --- shapes ----------------------------------------------------------------------------------

    def _proxy(self, names: tuple[str, ...]) -> StreamProxy:
        proxy = self._proxies.find(names[0])
        if proxy is None:
            raise UnusableError(404, "proxy not found")
        return proxy

    def _toxic(self, names: tuple[str, ...]) -> Toxic:
        toxic = self._proxy(names).find(names[1])
        if toxic is None:
            raise UnusableError(404, "toxic not found")
        return toxic

    def _shown(self, proxy: StreamProxy) -> Json:
        logger: Mapping[str, Json] = {"Logger": {}} if self._strict else {}
        return {
            "name": proxy.name,
            "listen": proxy.listen,
            "upstream": proxy.upstream,
            "enabled": proxy.enabled,
            **logger,
            "toxics": [_toxic(toxic) for toxic in _in_order(proxy)],
        }

    def _cannot_listen(self, error: ListenError) -> UnusableError:
        status = 500 if self._strict else 409 if error.taken else 400
        return UnusableError(status, str(error))


_READERS: Mapping[bool, Callable[[Value], float]] = {True: whole, False: number}


def _reader(attribute: Attribute) -> Callable[[Value], float]:
    return _READERS[attribute.whole]


def _decoded(read: Callable[[], T]) -> T:
    try:
        return read()
    except DecodeError as error:
        raise UnusableError(400, f"bad request body: {error}") from None


def _in_order(proxy: StreamProxy) -> list[Toxic]:
    """Upstream first; each direction in order of addition."""
    return sorted(proxy.toxics, key=lambda toxic: toxic.direction != "upstream")


def _toxic(toxic: Toxic) -> Json:
    values = zip(toxic.kind.attributes, toxic.values, strict=True)
    return {
        "attributes": {attribute.name: _plain(value) for attribute, value in values},
        "name": toxic.name,
        "type": toxic.kind.name,
        "stream": toxic.stream,
        "toxicity": _plain(toxic.toxicity),
    }


def _plain(value: float) -> float:
    """Whole numbers without a point."""
    return int(value) if value == int(value) else value


def _json(status: int, value: Json) -> Reply:
    return Reply(status, _encoded(value), (("Content-Type", _JSON),))


def _encoded(value: Json) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text.encode()


def _text(status: int, text: str) -> Reply:
    return Reply(status, text.encode(), (("Content-Type", _TEXT), _NOSNIFF))


def _refused(error: UnusableError) -> Reply:
    body = _encoded({"error": error.text, "status": error.status}) + b"\n"
    return Reply(error.status, body, (("Content-Type", _TEXT), _NOSNIFF))


# --- routes --------------------------------------------------------------------------------------

_ROUTES: tuple[tuple[tuple[str, ...], Mapping[str, _Action]], ...] = (
    (("reset",), {"POST": Api._reset}),
    (("populate",), {"POST": Api._populate}),
    (("version",), {"GET": Api._version}),
    (("proxies",), {"GET": Api._list, "POST": Api._create}),
    (
        ("proxies", "*"),
        {
            "GET": Api._show,
            "POST": Api._update,
            "PATCH": Api._update,
            "DELETE": Api._delete,
        },
    ),
    (("proxies", "*", "toxics"), {"GET": Api._toxics, "POST": Api._add}),
    (
        ("proxies", "*", "toxics", "*"),
        {
            "GET": Api._show_toxic,
            "POST": Api._update_toxic,
            "PATCH": Api._update_toxic,
            "DELETE": Api._remove_toxic,
        },
    ),
)


def _route(path: str) -> tuple[Mapping[str, _Action] | None, tuple[str, ...]]:
    """What may be done at a path, and the names in it."""
    parts = tuple(path.split("/"))[1:]
    for pattern, actions in _ROUTES:
        if len(parts) == len(pattern) and all(
            part == expected or (expected == "*" and part)
            for part, expected in zip(parts, pattern, strict=True)
        ):
            return actions, tuple(
                part for part, expected in zip(parts, pattern, strict=True) if expected == "*"
            )
    return None, ()


def _path(target: str) -> str:
    """The decoded path of a target, whose query and authority mean nothing."""
    if "://" in target.partition("?")[0]:
        rest = target.partition("://")[2]
        target = "/" + rest.partition("/")[2]
    return unquote(target.partition("?")[0], errors="replace")


def _cleaned(path: str) -> str:
    if not path.startswith("/"):
        path = f"/{path}"
    cleaned = posixpath.normpath(path)
    if cleaned.startswith("//"):
        cleaned = cleaned[1:]
    return f"{cleaned}/" if path.endswith("/") and cleaned != "/" else cleaned
