"""The stubs that serve `/health` and hardly more: NIS, MABA, and four placeholders.

NIS and MABA have the shape of their real health. Of Icarus, Metis, Noesis and Sophia no source
exists; that they have a `/health` is all that was ever assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..routes import Answer, Reply, Request, json_reply
from .presets import Name
from .shape import Clock, Shape, naive

if TYPE_CHECKING:
    from pydantic import JsonValue

__all__ = ["Health"]


class Health:
    """One service's health; it has been up since it was made."""

    def __init__(self, shape: Shape, clock: Clock, name: str) -> None:
        self._shape = shape
        self._clock = clock
        self._since = clock()
        self._name = name

    def answers(self) -> dict[str, Answer]:
        """What it serves."""
        return {"GET /health": self._health}

    def preset(self, name: Name) -> dict[str, Answer]:
        """What a preset answers in the place of that, or beside it."""
        match name:
            case "healthy_lie":
                return {"GET /health": self._lie}
            case "zeros":
                from .metrics import zeros  # it brings models with it, which nobody else needs

                return {"POST /api/v1/metrics": zeros(self._shape, self._clock)}
            case _:
                return {}

    def _health(self, _request: Request) -> Reply:
        return json_reply(200, self._value())

    def _value(self) -> JsonValue:
        now = self._clock()
        return self._shape.value(
            "GET /health",
            {"service": self._name, "time": naive(now), "uptime": now - self._since},
        )

    def _lie(self, _request: Request) -> Reply:
        """Healthy at the top, while a component of NIS is ill, and none of MABA's has begun."""
        value = self._value()
        assert isinstance(value, dict)
        components = value["components"]
        assert isinstance(components, dict)
        ill: JsonValue = "unhealthy" if self._name == "nis" else "not_initialized"
        for name, component in components.items():
            if isinstance(component, dict) and (self._name, name) != ("nis", "system_observer"):
                component["status"] = ill
                if "initialized" in component:
                    component["initialized"] = False
        return json_reply(200, value)
