"""The stub of PENELOPE: its health, and the canned answers that it gives to everything else.

As really served: what was diagnosed changes nothing, and filters that it doesn't know are passed
over. Its older pydantic adds a link to each problem of a request.
"""

from __future__ import annotations

from pydantic import Field, JsonValue

from ..routes import Answer, Reply, Request, json_reply
from .bodies import Fields, read_body, read_query
from .presets import Name
from .shape import Clock, Shape, at, compact

__all__ = ["Penelope"]

_PREFIX = "/api/v1/penelope"
_LINK = "https://errors.pydantic.dev/2.5/v/"
_SUNDAY = 6


class _History(Fields):
    limit: int = Field(50, ge=1, le=500)
    offset: int = Field(0, ge=0)
    severity: str | None = None


class _Patches(Fields):
    status_filter: str | None = None
    limit: int = Field(20, ge=1, le=100)


class _Wisdom(Fields):
    anomaly_type: str
    service: str | None = None
    similarity_threshold: float = Field(0.8, ge=0.0, le=1.0)


class _Diagnosis(Fields):
    anomaly_id: str
    anomaly_type: str
    affected_service: str
    metrics: dict[str, JsonValue] = {}
    context: dict[str, JsonValue] = {}


class _Audio(Fields):
    text: str


class Penelope:
    """What it serves; it keeps no state."""

    def __init__(self, shape: Shape, clock: Clock) -> None:
        self._shape = shape
        self._clock = clock
        self._sabbath = False

    def answers(self) -> dict[str, Answer]:
        """What it serves."""
        plain = ("/health", "/", f"{_PREFIX}/fruits/status", f"{_PREFIX}/virtues/metrics")
        return {
            **{key: self._plain(key) for key in (f"GET {path}" for path in plain)},
            f"GET {_PREFIX}/healing/history": self._history,
            f"POST {_PREFIX}/diagnose": self._diagnose,
            f"GET {_PREFIX}/patches": self._patches,
            f"GET {_PREFIX}/wisdom": self._wisdom,
            f"POST {_PREFIX}/audio/synthesize": self._audio,
        }

    def preset(self, name: Name) -> dict[str, Answer]:
        """What a preset answers in the place of that."""
        match name:
            case "degraded":
                return {"GET /health": self._degraded}
            case "sabbath":
                self._sabbath = True
                return {}
            case _:
                return {}

    def _plain(self, endpoint: str) -> Answer:
        def answer(_request: Request) -> Reply:
            return self._shape.reply(endpoint, self._values())

        return answer

    def _values(self) -> dict[str, JsonValue]:
        now = at(self._clock())
        sunday = self._sabbath or now.weekday() == _SUNDAY
        return {"zoned": now.isoformat(), "sunday": sunday}

    def _degraded(self, _request: Request) -> Reply:
        """Nothing has begun, and the status is 200 all the same."""
        value = self._shape.value("GET /health", self._values())
        assert isinstance(value, dict)
        for part in ("components", "virtues_status"):
            names = value[part]
            assert isinstance(names, dict)
            value[part] = dict.fromkeys(names, "not_initialized")
        return json_reply(200, {**value, "status": "degraded"})

    def _history(self, request: Request) -> Reply:
        query = read_query(_History, request, link=_LINK)
        if isinstance(query, Reply):
            return query
        found = [
            row
            for row in self._shape.table("events")
            if query.severity is None or row["severity"] == query.severity
        ]
        end = query.offset + query.limit
        return self._shape.reply(
            f"GET {_PREFIX}/healing/history",
            {
                "items": list[JsonValue](found[query.offset : end]),
                "total": len(found),
                "limit": query.limit,
                "offset": query.offset,
                "more": end < len(found),
            },
        )

    def _diagnose(self, request: Request) -> Reply:
        body = read_body(_Diagnosis, request, link=_LINK)
        if isinstance(body, Reply):
            return body
        now = self._clock()
        return self._shape.reply(
            f"POST {_PREFIX}/diagnose",
            {
                "diagnosis_id": f"diag-{compact(now, '%Y%m%d%H%M%S')}",
                "anomaly_id": body.anomaly_id,
                "found": f"Detectada anomalia do tipo {body.anomaly_type}",
                "where": f"Serviço afetado: {body.affected_service}",
                "zoned": at(now).isoformat(),
            },
            201,
        )

    def _patches(self, request: Request) -> Reply:
        query = read_query(_Patches, request, link=_LINK)
        if isinstance(query, Reply):
            return query
        found = [
            row
            for row in self._shape.table("patches")
            if query.status_filter is None or row["status"] == query.status_filter
        ]
        return self._shape.reply(
            f"GET {_PREFIX}/patches",
            {
                "items": list[JsonValue](found[: query.limit]),
                "total": len(found),
                "status": query.status_filter,
                "limit": query.limit,
            },
        )

    def _wisdom(self, request: Request) -> Reply:
        query = read_query(_Wisdom, request, link=_LINK)
        if isinstance(query, Reply):
            return query
        found = [
            row
            for row in self._shape.table("precedents")
            if row["anomaly_type"] == query.anomaly_type
            and query.service in (None, row["service"])
            and _number(row["similarity"]) >= query.similarity_threshold
        ]
        return self._shape.reply(
            f"GET {_PREFIX}/wisdom",
            {
                "items": list[JsonValue](found),
                "total": len(found),
                "anomaly_type": query.anomaly_type,
                "service": query.service,
                "threshold": query.similarity_threshold,
            },
        )

    def _audio(self, request: Request) -> Reply:
        query = read_query(_Audio, request, link=_LINK)
        if isinstance(query, Reply):
            return query
        endpoint = f"POST {_PREFIX}/audio/synthesize"
        return self._shape.reply(endpoint, {"text": query.text}, 501)


def _number(value: JsonValue) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
