"""The stub of MAXIMUS Core: health, questions and consciousness; `governance.py`, `adw.py` the rest.

Shaped as the service really serves them, its endpoints that never work included, quick and healthy.
State is in memory and one stub's own; ids come from a count and the clock. Counterpart: the
client's models, which read these answers and share no code with them.
"""

from __future__ import annotations

from pydantic import BaseModel, Field, JsonValue

from ..routes import UNHANDLED, Answer, Frames, Reply, Request, json_reply
from .adw import Workflows
from .bodies import Fields, read_body, read_query
from .governance import Governance
from .presets import Name
from .shape import Clock, Shape, naive
from .streams import frame, streamed

__all__ = ["Core"]

_PREFIX = "/api/consciousness"
_LEVELS = ((0.2, "sleep"), (0.4, "drowsy"), (0.6, "relaxed"), (0.8, "alert"))
_LASTING = 0.05  # of a change of arousal, what is seen of it at once
_SNAPSHOT = 5.0  # seconds between two states on the stream
_ABSENT = "Consciousness system not initialized"


class _Query(Fields):
    query: str
    context: dict[str, JsonValue] | None = None


class _Salience(Fields):
    novelty: float = Field(ge=0.0, le=1.0)
    relevance: float = Field(ge=0.0, le=1.0)
    urgency: float = Field(ge=0.0, le=1.0)


class _Trigger(_Salience):
    context: dict[str, JsonValue] = {}


class _Adjustment(Fields):
    delta: float = Field(ge=-0.5, le=0.5)
    duration_seconds: float = Field(5.0, ge=0.1, le=60.0)
    source: str = "manual"


class _Shutdown(Fields):
    reason: str = Field(min_length=10)
    allow_override: bool = True


class _Limit(Fields):
    limit: int = 20


class Core:
    """Core's state: its arousal, its events, and what waits for an operator."""

    def __init__(self, shape: Shape, clock: Clock) -> None:
        self._shape = shape
        self._clock = clock
        self._governance = Governance(shape, clock)
        self._workflows = Workflows(shape, clock)
        self._arousal = 0.6
        self._events: list[dict[str, JsonValue]] = []
        self._event(_Salience(novelty=0.0, relevance=0.0, urgency=0.0))

    def answers(self) -> dict[str, Answer]:
        """What it serves."""
        plain = ("/health", f"{_PREFIX}/state", f"{_PREFIX}/arousal", f"{_PREFIX}/metrics")
        return {
            **{key: self._plain(key) for key in (f"GET {path}" for path in plain)},
            "POST /query": self._query,
            f"POST {_PREFIX}/arousal/adjust": self._adjust,
            f"GET {_PREFIX}/esgt/events": self._list_events,
            f"POST {_PREFIX}/esgt/trigger": self._trigger,
            f"GET {_PREFIX}/stream/sse": self._stream,
            **{key: self._never(key) for key in self._shape.refusals},
            f"GET {_PREFIX}/safety/violations": self._never(
                f"GET {_PREFIX}/safety/violations", _Limit
            ),
            f"GET {_PREFIX}/reactive-fabric/events": self._never(
                f"GET {_PREFIX}/reactive-fabric/events", _Limit
            ),
            f"POST {_PREFIX}/safety/emergency-shutdown": self._shut_down,
            "GET /metrics": lambda _request: UNHANDLED,
            **self._governance.answers(),
            **self._workflows.answers(),
        }

    def preset(self, name: Name) -> dict[str, Answer]:
        """What a preset answers in the place of that."""
        match name:
            case "health_fails_with_pending":
                healthy = self._plain("GET /health")
                return {
                    "GET /health": lambda request: (
                        UNHANDLED if self._governance.pending else healthy(request)
                    )
                }
            case "degraded":
                return {"GET /health": self._degraded}
            case "no_arousal":
                nothing = json_reply(200, {"error": "No arousal state available"})
                return {f"GET {_PREFIX}/arousal": lambda _request: nothing}
            case "not_initialized":
                return self._uninitialized()
            case _:
                return {}

    def _plain(self, endpoint: str) -> Answer:
        def answer(_request: Request) -> Reply:
            return self._shape.reply(endpoint, self._values())

        return answer

    def _never(self, endpoint: str, query: type[_Limit] | None = None) -> Answer:
        """What never works; a query that means nothing is refused first."""
        refused = self._shape.refusal(endpoint)

        def answer(request: Request) -> Reply:
            read = None if query is None else read_query(query, request)
            return read if isinstance(read, Reply) else refused

        return answer

    def _degraded(self, _request: Request) -> Reply:
        """One component is ill, and the status is 200 all the same."""
        value = self._shape.value("GET /health", self._values())
        assert isinstance(value, dict)
        components = value["components"]
        assert isinstance(components, dict)
        consciousness: JsonValue = {"status": "degraded", "running": False, "safety_enabled": False}
        return json_reply(
            200,
            {
                **value,
                "status": "degraded",
                "components": {**components, "consciousness": consciousness},
            },
        )

    def _uninitialized(self) -> dict[str, Answer]:
        """Its own 503 where nothing catches it, else a 500 around it; requests are read first."""
        unready = "MAXIMUS AI not initialized"
        return {
            "GET /health": _refusing(503, f"Service degraded: {unready}"),
            "POST /query": _refusing(503, unready, _Query),
            f"GET {_PREFIX}/state": _refusing(500, f"Error retrieving state: 503: {_ABSENT}"),
            f"GET {_PREFIX}/arousal": _refusing(500, f"Error retrieving arousal: 503: {_ABSENT}"),
            f"POST {_PREFIX}/arousal/adjust": _refusing(
                500, f"Error adjusting arousal: 503: {_ABSENT}", _Adjustment
            ),
            f"POST {_PREFIX}/esgt/trigger": _refusing(
                500, f"Error triggering ESGT: 503: {_ABSENT}", _Trigger
            ),
        }

    def _stream(self, _request: Request) -> Reply:
        return streamed(self._states)

    def _states(self) -> Frames:
        said: dict[str, JsonValue] = {
            "type": "connection_ack",
            "timestamp": naive(self._clock()),
            "recent_events": len(self._events),
        }
        yield frame(said), _SNAPSHOT
        while True:
            yield (
                frame(
                    {
                        "type": "state_snapshot",
                        "timestamp": naive(self._clock()),
                        "arousal": self._arousal,
                        "esgt_active": True,
                        "events_count": len(self._events),
                    }
                ),
                _SNAPSHOT,
            )

    def _values(self) -> dict[str, JsonValue]:
        now = self._clock()
        return {
            **self._governance.values(),
            "seconds": now,
            "time": naive(now),
            "arousal": self._arousal,
            "level": _level(self._arousal),
            "events": len(self._events),
        }

    def _query(self, request: Request) -> Reply:
        body = read_body(_Query, request)
        if isinstance(body, Reply):
            return body
        answer = f"The stub was asked '{body.query}'."
        return self._shape.reply("POST /query", {**self._values(), "answer": answer})

    def _adjust(self, request: Request) -> Reply:
        """Changes arousal by a twentieth of what is asked for: it is seen in parts."""
        body = read_body(_Adjustment, request)
        if isinstance(body, Reply):
            return body
        self._arousal = min(1.0, max(0.0, self._arousal + body.delta * _LASTING))
        values = {**self._values(), "delta": body.delta}
        return self._shape.reply(f"POST {_PREFIX}/arousal/adjust", values)

    def _list_events(self, request: Request) -> Reply:
        query = read_query(_Limit, request)
        if isinstance(query, Reply):
            return query
        if not 1 <= query.limit <= 100:
            return json_reply(400, {"detail": "Limit must be between 1 and 100"})
        return json_reply(200, self._events[-query.limit :])

    def _trigger(self, request: Request) -> Reply:
        body = read_body(_Trigger, request)
        if isinstance(body, Reply):
            return body
        values = {**self._values(), "event_id": self._event(body)}
        return self._shape.reply(f"POST {_PREFIX}/esgt/trigger", values)

    def _event(self, salience: _Salience) -> str:
        """One more event, which had no effect; its id."""
        now = self._clock()
        event_id = f"esgt-{int(now * 1000) + len(self._events):016d}"
        self._events.append(
            {
                "event_id": event_id,
                "timestamp": naive(now),
                "success": False,
                "salience": {
                    "novelty": salience.novelty,
                    "relevance": salience.relevance,
                    "urgency": salience.urgency,
                },
                "coherence": None,
                "duration_ms": None,
                "nodes_participating": 0,
                "reason": None,
            }
        )
        return event_id

    def _shut_down(self, request: Request) -> Reply:
        """Looks at the body, then fails as all of safety does."""
        body = read_body(_Shutdown, request)
        refused = self._shape.refusal(f"POST {_PREFIX}/safety/emergency-shutdown")
        return body if isinstance(body, Reply) else refused


def _level(arousal: float) -> str:
    for most, name in _LEVELS:
        if arousal <= most:
            return name
    return "hyperalert"


def _refusing(status: int, text: str, kind: type[BaseModel] | None = None) -> Answer:
    refused = json_reply(status, {"detail": text})

    def answer(request: Request) -> Reply:
        read = None if kind is None else read_body(kind, request)
        return read if isinstance(read, Reply) else refused

    return answer
