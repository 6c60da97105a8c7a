"""Who serves a service, as values that travel to the lab process: routes, a built-in, a real server.

Counterparts: `specification.py` reads what an author wrote; the processes that serve are told these
values, and load none of what reads. Knows no network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import msgspec

from .maximus import maximus_routes
from .routes import Routes
from .servers import Server

__all__ = ["Builtin", "Routed", "Specification", "routes_of", "seeded", "stubbed"]


class Routed(msgspec.Struct, frozen=True, tag_field="by", tag="routes"):
    """A stub from routes. `routes` is the JSON text of a mapping that `Routes` takes.

    `honours_idempotency_key`: as `Routes` takes it.
    """

    routes: str
    honours_idempotency_key: bool = False


class Builtin(msgspec.Struct, frozen=True, tag_field="by", tag="builtin"):
    """A built-in stub of MAXIMUS; what it may have is as `maximus_routes` takes it."""

    name: str
    presets: tuple[str, ...] = ()
    pace: str | None = None
    honours_idempotency_key: bool = False
    seed: int = 0


Specification = Routed | Builtin | Server


def seeded(specification: Specification, seed: int) -> Specification:
    """The same, with what it draws keyed by this seed."""
    if isinstance(specification, Builtin):
        return msgspec.structs.replace(specification, seed=seed)
    return specification


def stubbed(services: Mapping[str, Specification]) -> list[str]:
    """Those that stubs serve."""
    return [name for name, who in services.items() if isinstance(who, Builtin | Routed)]


def routes_of(specification: Routed | Builtin, clock: Callable[[], float] | None = None) -> Routes:
    """The routes of a stub, with state of its own; `clock` is a built-in's. Raises ValueError."""
    match specification:
        case Routed(routes, honours):
            return Routes(json.loads(routes), honours_idempotency_key=honours)
        case Builtin():
            return maximus_routes(
                specification.name,
                clock,
                presets=specification.presets,
                pace=specification.pace,
                seed=specification.seed,
                honours_idempotency_key=specification.honours_idempotency_key,
            )
