"""What a stub can have of the field's known defects, by name.

Each preset takes the place of some of its service's operations; two that want the same one are
refused. Counterpart: the services' modules, which do what is listed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["PRESETS", "Name", "Preset", "presets_of", "read_presets"]

Name = Literal[
    "health_fails_with_pending",
    "not_initialized",
    "no_arousal",
    "degraded",
    "sabbath",
    "healthy_lie",
    "zeros",
    "another_answers",
]

_HEALTH = "GET /health"
_ALL = ("core", "penelope", "maba", "nis", "icarus", "metis", "noesis", "sophia")


@dataclass(frozen=True, slots=True)
class Preset:
    """One defect. `takes`: the operations that it answers; None: all of the service."""

    name: Name
    services: tuple[str, ...]
    text: str
    takes: tuple[str, ...] | None = (_HEALTH,)

    def meets(self, other: Preset) -> bool:
        """Whether both want the same operation."""
        if self.takes is None or other.takes is None:
            return True
        return not {*self.takes}.isdisjoint(other.takes)


PRESETS: tuple[Preset, ...] = (
    Preset(
        "health_fails_with_pending",
        ("core",),
        "/health is a 500 in plain text, and hangs up, while a decision waits",
    ),
    Preset(
        "not_initialized",
        ("core",),
        "/health and /query are 503; state and arousal hide theirs in a 500",
        (
            _HEALTH,
            "POST /query",
            "GET /api/consciousness/state",
            "GET /api/consciousness/arousal",
            "POST /api/consciousness/arousal/adjust",
            "POST /api/consciousness/esgt/trigger",
        ),
    ),
    Preset(
        "no_arousal",
        ("core",),
        "arousal is a 200 that says only what is wrong",
        ("GET /api/consciousness/arousal",),
    ),
    Preset("degraded", ("core", "penelope"), "/health is a 200 that says degraded"),
    Preset(
        "sabbath",
        ("penelope",),
        "every day is a Sunday: sabbath_mode is true",
        (),
    ),
    Preset("healthy_lie", ("maba", "nis"), "/health says healthy above components that are not"),
    Preset(
        "zeros",
        ("nis",),
        "POST /api/v1/metrics measures nothing: zeros from a source called available",
        ("POST /api/v1/metrics",),
    ),
    Preset("another_answers", _ALL, "another service has its port: a foreign 200 on /health", None),
)


def presets_of(service: str) -> tuple[Preset, ...]:
    """What a service's stub can have."""
    return tuple(preset for preset in PRESETS if service in preset.services)


def read_presets(service: str, names: Sequence[str]) -> tuple[Preset, ...]:
    """The presets of these names. Raises ValueError for one that the service hasn't, or a clash."""
    known = {preset.name: preset for preset in presets_of(service)}
    chosen: list[Preset] = []
    for name in dict.fromkeys(names):
        preset = next((it for it in known.values() if it.name == name), None)
        if preset is None:
            raise ValueError(f"{service} has no preset {name!r}; it has {', '.join(known)}")
        for other in chosen:
            if preset.meets(other):
                raise ValueError(
                    f"the presets {other.name} and {name} of {service} answer the same operation;"
                    " one of them"
                )
        chosen.append(preset)
    return tuple(chosen)
