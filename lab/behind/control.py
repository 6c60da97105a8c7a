"""What a real Toxiproxy is told, through toxiproxy-python: the one module that knows that library.

The library has one address for a whole process, waits without end, believes in HTTP_PROXY, and takes
an error of the server for an answer. Here it speaks through a consumer of ours, under a lock; what it
has no call for goes the same way. Calls block, each for `limit` seconds at most: never on a loop.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from ..errors import SetupError

__all__ = ["Control", "Made", "Stream", "Toxic"]

Stream = Literal["upstream", "downstream"]

LIMIT = 5.0  # seconds for one call; Toxiproxy itself gives up one of its own after 25

_library = threading.Lock()  # its names are the process's


@dataclass(frozen=True, slots=True)
class Made:
    """One proxy as Toxiproxy has it; `listen` and `upstream` are HOST:PORT."""

    name: str
    listen: str
    upstream: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Toxic:
    """One toxic: its name is unique on its proxy, its attributes are whole numbers."""

    name: str
    type: str
    stream: Stream = "downstream"
    attributes: Mapping[str, int] = field(default_factory=dict)
    toxicity: float = 1.0


class Control:
    """The API of the Toxiproxy at `host`:`port`. Thread-safe; each call raises SetupError.

    Where it is not there, or is stuck, that is after `limit` seconds.
    """

    def __init__(self, host: str, port: int, *, limit: float = LIMIT) -> None:
        self.host = host
        self.port = port
        self._consumer = _Consumer(host, port, limit)

    @property
    def place(self) -> str:
        """HOST:PORT, for people."""
        return f"{self.host}:{self.port}"

    def version(self) -> str:
        """The server's version, `git` of one built from source."""
        told: object = self._consumer.get("/version").json()
        return str(told["version"]) if isinstance(told, dict) and "version" in told else "unknown"

    def create(self, name: str, listen: str, upstream: str) -> Made:
        """Have a new proxy listen. An address that is taken is among the errors."""
        with self._speaking() as server:
            return _made(vars(server.create(upstream=upstream, name=name, listen=listen)))

    def proxies(self) -> dict[str, Made]:
        """All of them, by name."""
        with self._speaking() as server:
            return {name: _made(vars(one)) for name, one in server.proxies().items()}

    def populate(self, wanted: Sequence[Made]) -> None:
        """Have these, as after a restart; one that is there as it should be is left alone."""
        body = [
            {
                "name": one.name,
                "listen": one.listen,
                "upstream": one.upstream,
                "enabled": one.enabled,
            }
            for one in wanted
        ]
        self._consumer.post("/populate", json=body)

    def enable(self, name: str) -> None:
        """Have it listen again, at the same port."""
        with self._proxy(name) as proxy:
            proxy.enable()

    def disable(self, name: str) -> None:
        """Have it stop listening and drop every connection, by FIN."""
        with self._proxy(name) as proxy:
            proxy.disable()

    def remove(self, name: str) -> None:
        """End a proxy, its connections and its toxics."""
        with self._proxy(name) as proxy:
            proxy.destroy()

    def add(self, proxy: str, toxic: Toxic) -> Toxic:
        """Put a toxic in force, on live connections too; as the server has it then."""
        with self._proxy(proxy) as known:
            known.add_toxic(
                name=toxic.name,
                type=toxic.type,
                stream=toxic.stream,
                toxicity=toxic.toxicity,
                attributes=dict(toxic.attributes),
            )
        return _toxic(self._consumer.get(_toxic_path(proxy, toxic.name)).json())

    def toxics(self, proxy: str) -> dict[str, Toxic]:
        """Those in force, by name."""
        with self._proxy(proxy) as known:
            return {name: _toxic(vars(one)) for name, one in known.toxics().items()}

    def update(self, proxy: str, toxic: str, attributes: Mapping[str, int]) -> Toxic:
        """Change some attributes of a toxic; as the server has it then."""
        path = _toxic_path(proxy, toxic)
        return _toxic(self._consumer.post(path, json={"attributes": dict(attributes)}).json())

    def drop(self, proxy: str, toxic: str) -> None:
        """End a toxic. One of type `timeout` takes the connections of its direction with it."""
        with self._proxy(proxy) as known:
            known.destroy_toxic(toxic)

    @contextmanager
    def _speaking(self) -> Iterator[Any]:
        """The library's server, while it speaks through our consumer."""
        # Late: the library takes a third of a second to import.
        import toxiproxy.proxy
        import toxiproxy.server

        with _library:
            modules = (toxiproxy.proxy, toxiproxy.server)
            before = [module.APIConsumer for module in modules]
            for module in modules:
                module.APIConsumer = self._consumer
            try:
                yield toxiproxy.server.Toxiproxy()
            except (toxiproxy.exceptions.ProxyExists, KeyError, TypeError) as error:
                raise SetupError(f"Toxiproxy at {self.place}: {error}") from error
            finally:
                for module, consumer in zip(modules, before, strict=True):
                    module.APIConsumer = consumer

    @contextmanager
    def _proxy(self, name: str) -> Iterator[Any]:
        """One proxy of the library's, by its name alone: to ask for it would list all."""
        with self._speaking():
            import toxiproxy.proxy

            yield toxiproxy.proxy.Proxy(
                name=quote(name, safe=""), upstream="", enabled=True, listen=""
            )


class _Answer:
    """What the library takes for an answer of `requests`."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def json(self) -> Any:
        return json.loads(self.content)


class _Consumer:
    """Carries the library's calls: to one address, directly, in bounded time."""

    def __init__(self, host: str, port: int, limit: float) -> None:
        self.host = host
        self.port = port
        self._limit = limit

    def get(self, url: str) -> _Answer:
        return self._ask("GET", url)

    def post(self, url: str, json: object = None) -> _Answer:
        return self._ask("POST", url, json)

    def delete(self, url: str) -> _Answer:
        return self._ask("DELETE", url)

    def _ask(self, method: str, url: str, body: object = None) -> _Answer:
        path = urlsplit(url).path
        content = None if body is None else json.dumps(body).encode()
        place = f"Toxiproxy at {self.host}:{self.port}"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self._limit)
        try:
            connection.request(method, path, content, {"User-Agent": "faultlab"})
            answer = connection.getresponse()
            status, told = answer.status, answer.read()
        except TimeoutError:
            raise SetupError(
                f"{place} did not answer `{method} {path}` within {self._limit:g} s",
                mend="it hangs on a connection that is stuck: start it anew",
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise SetupError(
                f"{place} can't be reached: {_reason(error)}",
                mend="see whether it still runs, and whether something else has its port",
            ) from error
        finally:
            connection.close()
        if status >= 400:
            raise SetupError(f"{place} refused `{method} {path}`: {_said(status, told)}")
        return _Answer(told)


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _said(status: int, told: bytes) -> str:
    """The server's own word for an error, or its first line."""
    text = told.decode(errors="replace").strip()
    try:
        said: object = json.loads(text)
    except ValueError:
        said = None
    if isinstance(said, dict) and isinstance(said.get("error"), str):
        return f"{said['error']} ({status})"
    return f"{text.splitlines()[0][:200]} ({status})" if text else f"status {status}"


def _toxic_path(proxy: str, toxic: str) -> str:
    return f"/proxies/{quote(proxy, safe='')}/toxics/{quote(toxic, safe='')}"


def _made(told: Mapping[str, Any]) -> Made:
    return Made(told["name"], told["listen"], told["upstream"], told["enabled"])


def _toxic(told: Mapping[str, Any]) -> Toxic:
    return Toxic(
        told["name"], told["type"], told["stream"], told["attributes"], round(told["toxicity"], 6)
    )
