"""The built-in stubs alone, in the foreground: which, how, where, and what is told of them.

Counterpart: `faultlab stubs`. No proxy stands before them, so no fault; ids of connections are their
own.
"""

from __future__ import annotations

import errno
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_address
from itertools import count

from .backends.maximus import BUILTIN, PACES, PORTS, maximus_routes, presets_of
from .backends.served import Builtin, routes_of
from .backends.stub import Stub
from .errors import SetupError, UsageError
from .foreground import serve_until_signal
from .history import AnyEvent, EffectApplied, RequestReceived, ResponseSent, Starved, encode
from .net import Net
from .sockets.holder import holder

__all__ = ["Chosen", "choose", "described", "listens", "paces", "serve", "told"]

_WIDTH = max(map(len, BUILTIN))
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """One stub. `port`: 0 for one of the system's choosing."""

    specification: Builtin
    port: int = 0
    host: str = "127.0.0.1"

    @property
    def service(self) -> str:
        """Its name."""
        return self.specification.name


def described() -> tuple[tuple[str, int, tuple[str, ...], dict[str, str]], ...]:
    """Every service: name, port in the field, operations, presets with a line about each."""
    return tuple(
        (
            name,
            port,
            maximus_routes(name).endpoints,
            {preset.name: preset.text for preset in presets_of(name)},
        )
        for name, port in PORTS.items()
    )


def paces() -> dict[str, str]:
    """Every slow profile, with a line about it."""
    return {name: pace.text for name, pace in PACES.items()}


# --- what is chosen ------------------------------------------------------------------------------


def choose(
    services: Sequence[str],
    *,
    own_ports: bool,
    ports: Sequence[str],
    presets: Sequence[str],
    pace: str | None,
    seed: int,
    honours_idempotency_key: bool,
    host: str = "127.0.0.1",
) -> tuple[Chosen, ...]:
    """The stubs that a command line asks for: these services, or all.

    `ports` and `presets` are `SERVICE=PORT` and `SERVICE=NAME`. Raises UsageError.
    """
    try:
        host = str(ip_address(host))
    except ValueError:
        raise UsageError(
            f"--host {host}", expected="an address of this machine, like 127.0.0.1 or 0.0.0.0"
        ) from None
    names = tuple(dict.fromkeys(services)) if services else BUILTIN
    for name in names:
        if name not in BUILTIN:
            close = get_close_matches(name, BUILTIN, 1)
            raise UsageError(
                f"{name!r} is no built-in service",
                expected=", ".join(BUILTIN),
                nearest=close[0] if close else "",
            )
    wanted = _pairs("--preset", presets, names)
    at = dict(_pairs("--port", ports, names))
    chosen: list[Chosen] = []
    for name in names:
        specification = Builtin(
            name,
            tuple(preset for service, preset in wanted if service == name),
            pace,
            honours_idempotency_key,
            seed,
        )
        try:
            routes_of(specification)
        except ValueError as error:
            raise UsageError(str(error)) from None
        port = _port(name, at[name]) if name in at else (PORTS[name] if own_ports else 0)
        chosen.append(Chosen(specification, port, host))
    return tuple(chosen)


def _pairs(option: str, given: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for text in given:
        service, mark, value = text.partition("=")
        if not (mark and value):
            raise UsageError(f"{option} {text}", expected=f"SERVICE=VALUE, like {names[0]}=...")
        if service not in names:
            raise UsageError(f"{option} {text}: {service!r} is not served", seen=", ".join(names))
        found.append((service, value))
    return found


def _port(service: str, text: str) -> int:
    if not (re.fullmatch(r"[0-9]{1,5}", text) and int(text) <= 65535):
        raise UsageError(f"--port {service}={text}", expected="a port, 0 to 65535; 0 for any")
    return int(text)


# --- serving -------------------------------------------------------------------------------------


def serve(chosen: Sequence[Chosen], *, as_json: bool, say: Say) -> None:
    """Serve until SIGTERM, or until Ctrl-C raises KeyboardInterrupt; nothing is left then.

    A `say` gets each line of the listing, `as_json` each as one object. Raises SetupError for a
    port that can't be had.
    """

    def start(net: Net) -> Callable[[], None]:
        began = net.now()
        stubs: list[Stub] = []
        conns = count(1)

        def close() -> None:
            for stub in stubs:
                stub.close()

        def record(event: AnyEvent) -> None:
            if as_json:
                say(encode(event).decode())
            else:
                say(told(event))

        try:
            for one in chosen:
                routes = routes_of(one.specification, time.time)
                try:
                    stub = Stub(
                        *(net, routes, record, began, one.service),
                        port=one.port,
                        conns=conns,
                        host=one.host,
                    )
                except OSError as error:
                    raise _taken(one, error) from None
                stubs.append(stub)
            for one, stub in zip(chosen, stubs, strict=True):
                say(listens(one, stub.port, net.now() - began, as_json=as_json))
        except BaseException:
            close()
            raise
        return close

    serve_until_signal(start)


def _taken(one: Chosen, error: OSError) -> SetupError:
    place = f"port {one.port} of {one.service}" if one.port else f"a port of {one.service}"
    problem = f"{place} can't be had on {one.host}: {error.strerror}"
    if error.errno == errno.EADDRNOTAVAIL:
        return SetupError(problem, mend="--host takes an address of this machine, or 0.0.0.0")
    who = holder(one.port) if one.port else None
    return SetupError(
        problem,
        seen="" if who is None else f"{who} listens there",
        mend=f"--port {one.service}=N, or 0 for any",
    )


def listens(one: Chosen, port: int, t: float, *, as_json: bool) -> str:
    """The line that says where a stub is, and how."""
    made = one.specification
    url = f"http://[{one.host}]:{port}" if ":" in one.host else f"http://{one.host}:{port}"
    if as_json:
        said = {
            "t": round(t, 6),
            "kind": "stub.listening",
            "service": one.service,
            "url": url,
            "presets": made.presets,
            "pace": made.pace,
            "honours_idempotency_key": made.honours_idempotency_key,
            "seed": made.seed,
        }
        return json.dumps(said, separators=(",", ":"))
    ways = [f"preset {name}" for name in made.presets]
    if made.pace is not None:
        ways.append(f"pace {made.pace}, seed {made.seed}")
    if made.honours_idempotency_key:
        ways.append("honours Idempotency-Key")
    return _line(t, one.service, ", ".join((f"listens on {url}", *ways)))


def told(event: AnyEvent) -> str:
    """What a stub did, as a line: `CONNECTION.REQUEST` tells which answer is whose."""
    match event:
        case RequestReceived():
            text = f"{_which(event)}{event.method} {event.target}"
        case EffectApplied():
            text = f"{_which(event)}carried out {event.endpoint}"
        case ResponseSent():
            text = f"{_which(event)}{event.status}{f': {event.why}' if event.why else ''}"
        case Starved(why=why, over=False):
            text = f"can't accept connections: {why}"
        case Starved():
            text = "accepts connections again"
        case _:
            text = type(event).__name__
    return _line(event.t, getattr(event, "service", ""), text)


def _which(event: RequestReceived | EffectApplied | ResponseSent) -> str:
    return "" if event.conn is None else f"{event.conn}.{event.request}  "


def _line(t: float, service: str | None, text: str) -> str:
    return f"{t:9.3f}  {service or '':<{_WIDTH}}  {text}"
