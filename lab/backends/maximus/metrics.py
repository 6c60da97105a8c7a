"""NIS's metrics while it can't reach what keeps them: zeros, and the status of a success."""

from __future__ import annotations

from pydantic import Field, JsonValue

from ..routes import Answer, Reply, Request
from .bodies import Fields, read_body
from .shape import Clock, Shape, naive

__all__ = ["zeros"]


class _Asked(Fields):
    time_range_minutes: int = Field(60, ge=1, le=1440)
    focus_areas: list[str] | None = None


def zeros(shape: Shape, clock: Clock) -> Answer:
    """Answers with zeros for whatever is asked for."""

    def answer(request: Request) -> Reply:
        body = read_body(_Asked, request)
        if isinstance(body, Reply):
            return body
        areas: JsonValue = [] if body.focus_areas is None else list(body.focus_areas)
        return shape.reply(
            "POST /api/v1/metrics",
            {"time": naive(clock()), "range": body.time_range_minutes, "areas": areas},
        )

    return answer
