"""The eight services: their ports, and the routes of each one's stub.

Counterpart: `../specification.py`, by which an author chooses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ..routes import Answer, Reply, Request, Routes, json_reply
from .health import Health
from .paces import PACES, paced
from .presets import Name, read_presets
from .shape import Clock, read_shape, standing

if TYPE_CHECKING:
    from pydantic import JsonValue

__all__ = ["BUILTIN", "PORTS", "maximus_routes"]

PORTS: Mapping[str, int] = {
    "core": 8100,
    "penelope": 8154,
    "maba": 8152,
    "nis": 8156,
    "icarus": 8157,
    "metis": 8158,
    "noesis": 8159,
    "sophia": 8160,
}
"""Where each service listens in the field."""

BUILTIN = tuple(PORTS)

# Who else was found on a service's port: its health, and nothing more of it.
_ORCHESTRATOR: Mapping[str, JsonValue] = {
    "status": "healthy",
    "message": "Orchestrator Service is operational.",
}
_DLQ: Mapping[str, JsonValue] = {
    "status": "unhealthy",
    "service": "maximus-dlq-monitor",
    "kafka_connected": False,
    "dlq_queue_size": 0,
    "alert_threshold": 10,
}
_OTHERS: Mapping[str, JsonValue] = {"icarus": dict(_DLQ), "sophia": dict(_DLQ)}


class _Service(Protocol):
    def answers(self) -> dict[str, Answer]:
        """What it serves."""

    def preset(self, name: Name) -> dict[str, Answer]:
        """What a preset answers in the place of that."""


def maximus_routes(
    name: str,
    clock: Clock | None = None,
    *,
    presets: Sequence[str] = (),
    pace: str | None = None,
    seed: int = 0,
    honours_idempotency_key: bool = False,
) -> Routes:
    """The routes of a built-in stub, with state of its own.

    `clock` gives seconds since 1970, and stands still at `EPOCH` unless given. Raises ValueError
    for another name, a preset that the service hasn't, two that clash, and an unknown pace.
    """
    if name not in PORTS:
        raise ValueError(f"{name!r} is no built-in stub; there are {', '.join(BUILTIN)}")
    if pace is not None and pace not in PACES:
        raise ValueError(f"{pace!r} is no slow profile; there are {', '.join(PACES)}")
    chosen = read_presets(name, presets)
    service = _service(name, standing if clock is None else clock)
    answers = service.answers()
    for preset in chosen:
        if preset.name == "another_answers":
            answers = {"GET /health": _fixed(_OTHERS.get(name, dict(_ORCHESTRATOR)))}
        else:
            answers |= service.preset(preset.name)
    if pace is not None:
        answers = paced(answers, PACES[pace], name, seed)
    return Routes(answers, redirects=True, honours_idempotency_key=honours_idempotency_key)


def _service(name: str, clock: Clock) -> _Service:
    """One service's answers. Imported late: a stub's process needs those of one, and is waited for."""
    match name:
        case "core":
            from .core import Core

            return Core(read_shape(name), clock)
        case "penelope":
            from .penelope import Penelope

            return Penelope(read_shape(name), clock)
        case "maba" | "nis":
            return Health(read_shape(name), clock, name)
        case _:
            return Health(read_shape("placeholder"), clock, name)


def _fixed(value: JsonValue) -> Answer:
    reply = json_reply(200, value)

    def answer(_request: Request) -> Reply:
        return reply

    return answer
