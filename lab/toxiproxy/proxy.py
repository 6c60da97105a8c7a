"""The proxies of one server: listeners, their links, their toxics, and how each is changed live.

Counterpart: api.py decides what is asked for and in what order it is refused; link.py carries bytes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..net import Connection, Listener, Net
from .address import Address, AddressError, listening, parse
from .chain import Chain, keyed
from .link import Link
from .toxics import Stream, Toxic

__all__ = ["ListenError", "Options", "Proxies", "StreamProxy"]


class ListenError(Exception):
    """An address that can't be listened on. `taken`: somebody else has it."""

    def __init__(self, text: str, *, taken: bool = False) -> None:
        super().__init__(text)
        self.taken = taken


@dataclass(frozen=True, slots=True)
class Options:
    """How a server behaves. `every`: the address for an empty host; `strict`: as Toxiproxy 2.12."""

    seed: int = 0
    strict: bool = False
    every: str = "127.0.0.1"

    def listening(self, text: str) -> Address:
        """A listen text as an address. Raises ListenError."""
        try:
            return listening(text, "::" if self.strict else self.every)
        except AddressError as error:
            raise ListenError(str(error)) from None


class StreamProxy:
    """One proxy. `toxics` is in order of addition; its links follow every change at once."""

    def __init__(
        self,
        net: Net,
        name: str,
        listen: str,
        upstream: str,
        options: Options,
        say: Callable[[str], None],
    ) -> None:
        self.name = name
        self.listen = listen
        self.upstream = upstream
        self.toxics: tuple[Toxic, ...] = ()
        self._net = net
        self._options = options
        self._say = say
        self._listener: Listener | None = None
        self._links: dict[Link, int] = {}
        self._count = 0

    @property
    def enabled(self) -> bool:
        """Whether it listens."""
        return self._listener is not None

    @property
    def links(self) -> int:
        """Connections that are open."""
        return len(self._links)

    def start(self) -> None:
        """Listen, if it doesn't. Raises ListenError."""
        if self._listener is not None:
            return
        try:
            address = self._options.listening(self.listen)
        except ListenError as error:
            raise ListenError(f"listen tcp: {error}") from None
        try:
            self._listener = self._net.listen(
                self._accepted, address.port, address.host, starved=self._starved
            )
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            taken = error.errno == errno.EADDRINUSE
            raise ListenError(f"listen tcp {address}: bind: {reason}", taken=taken) from None
        self.listen = str(replace(address, port=self._listener.port))
        self._say(f"{self.name}: listens on {self.listen} for {self.upstream}")

    def _starved(self, why: str) -> None:
        what = f"can accept no connection: {why}" if why else "accepts connections again"
        self._say(f"{self.name}: {what}")

    def stop(self) -> None:
        """Listen no more, and close every connection; the toxics stay."""
        if self._listener is None:
            return
        self._listener.close()
        self._listener = None
        for link in tuple(self._links):
            link.close("the proxy was stopped")
        self._say(f"{self.name}: stopped")

    def redirect(self, listen: str, upstream: str) -> None:
        """Other addresses; it is stopped by that."""
        self.stop()
        self.listen = listen
        self.upstream = upstream

    def listens_on(self, text: str) -> bool:
        """Whether `text` means the address that it has. Raises ListenError."""
        wanted = self._options.listening(text)
        if self._options.strict:
            # As the original compares: with the stored text, after the host alone was resolved, so
            # that neither a port of the system's choosing nor an empty host is known again.
            named = parse(text).host not in ("", "0.0.0.0")  # noqa: S104 - compared, not bound
            return named and wanted.port != 0 and str(wanted) == self.listen
        try:
            return self._options.listening(self.listen) == wanted
        except ListenError:
            return False

    def find(self, name: str) -> Toxic | None:
        """The toxic of this name."""
        return next((toxic for toxic in self.toxics if toxic.name == name), None)

    def add(self, toxic: Toxic) -> None:
        """A toxic more, on live connections too."""
        self.toxics += (toxic,)
        self._say(f"{self.name}: {_shown(toxic)} added")
        for link in tuple(self._links):
            link.add(toxic)

    def update(self, toxic: Toxic) -> None:
        """The toxic of this name, with new settings."""
        self.toxics = tuple(toxic if one.name == toxic.name else one for one in self.toxics)
        self._say(f"{self.name}: {_shown(toxic)} updated")
        for link in tuple(self._links):
            link.update(toxic)

    def remove(self, name: str) -> None:
        """A toxic less."""
        gone = self.find(name)
        assert gone is not None
        self.toxics = tuple(one for one in self.toxics if one is not gone)
        self._say(f"{self.name}: {name} removed")
        for link in tuple(self._links):
            link.remove(gone)

    def _accepted(self, client: Connection) -> None:
        self._count += 1
        number = self._count
        try:
            upstream = parse(self.upstream)
        except AddressError as error:
            self._say(f"{self.name}: connection {number} from {client.peer} closed: {error}")
            client.close()
            return
        self._say(f"{self.name}: connection {number} from {client.peer}")
        link = Link(
            self._net,
            client,
            upstream,
            lambda direction: self._chain(direction, number),
            hit=lambda toxic: self._say(f"{self.name}: {toxic.name} hit connection {number}"),
            gone=self._gone,
            strict=self._options.strict,
        )
        self._links[link] = number

    def _chain(self, direction: Stream, number: int) -> Chain:
        key = (self._options.seed, self.name, number)
        return Chain(
            (toxic for toxic in self.toxics if toxic.direction == direction),
            lambda toxic, purpose: keyed(*key, toxic, purpose),
            self._net.now(),
            strict=self._options.strict,
        )

    def _gone(self, link: Link, why: str) -> None:
        number = self._links.pop(link)
        self._say(f"{self.name}: connection {number} over: {why}")


class Proxies:
    """All proxies of a server, by name."""

    def __init__(
        self, net: Net, options: Options, say: Callable[[str], None] = lambda _text: None
    ) -> None:
        self.options = options
        self._net = net
        self._say = say
        self._named: dict[str, StreamProxy] = {}

    def __iter__(self) -> Iterator[StreamProxy]:
        return iter(tuple(self._named.values()))

    def find(self, name: str) -> StreamProxy | None:
        """The proxy of this name."""
        return self._named.get(name)

    def create(self, name: str, listen: str, upstream: str, *, enabled: bool) -> StreamProxy:
        """A new proxy in place of any of that name. Raises ListenError; then there is none."""
        self.delete(name)
        proxy = StreamProxy(self._net, name, listen, upstream, self.options, self._say)
        if enabled:
            proxy.start()
        self._named[name] = proxy
        return proxy

    def delete(self, name: str) -> None:
        """Stop and forget it, if it is there."""
        if (proxy := self._named.pop(name, None)) is not None:
            proxy.stop()

    def close(self) -> None:
        """Stop and forget all."""
        for name in tuple(self._named):
            self.delete(name)


def _shown(toxic: Toxic) -> str:
    values = zip(toxic.kind.attributes, toxic.values, strict=True)
    shown = " ".join(f"{attribute.name}={value:g}" for attribute, value in values)
    by_chance = "" if toxic.toxicity >= 1 else f", toxicity {toxic.toxicity:g}"
    return f"{toxic.name} ({' '.join(filter(None, [toxic.kind.name, shown]))}{by_chance})"
