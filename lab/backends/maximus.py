"""The stubs of MAXIMUS, `core` and `penelope`: the endpoints that the reference client calls.

Shaped as the services really serve them, quick and healthy. State is in memory and one stub's own;
time comes from a clock that is a parameter, ids from a count. Counterpart: `maximus/models.py`,
which reads these answers and shares no code with them.
"""

from __future__ import annotations

import json
import math
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import TypeVar

import msgspec
from pydantic import BaseModel, JsonValue, ValidationError

from .routes import Answer, Reply, Request, Routes, json_reply

__all__ = ["BUILTIN", "EPOCH", "LATER", "maximus_routes"]

BUILTIN = ("core", "penelope")
LATER = ("maba", "nis", "icarus", "metis", "noesis", "sophia")

EPOCH = 1763121600.0
"""What the stubs' clock shows unless another is given: Friday, 2025-11-14 12:00 UTC.

It stands still, so that equal questions get equal bytes however fast they are asked.
"""

SESSION_SECONDS = 8 * 3600.0

_SLA_SECONDS = {"low": 1800.0, "medium": 900.0, "high": 600.0, "critical": 300.0}
_SUNDAY = 6

Clock = Callable[[], float]


def maximus_routes(name: str, clock: Clock | None = None) -> Routes:
    """The routes of a built-in stub, with state of its own.

    `clock` gives seconds since 1970. Raises ValueError for another name.
    """
    clock = _standing if clock is None else clock
    match name:
        case "core":
            return Routes(_Core(_shape(name), clock).answers())
        case "penelope":
            return Routes(_Penelope(_shape(name), clock).answers())
        case _:
            raise ValueError(
                f"{name!r} is no built-in stub; there are {', '.join(BUILTIN)};"
                f" {', '.join(LATER)} come with a later version"
            )


def _standing() -> float:
    return EPOCH


# --- what is served ------------------------------------------------------------------------------


class _Decision(msgspec.Struct, frozen=True):
    decision_id: str
    risk_level: str
    action_type: str


class _Shape(msgspec.Struct, frozen=True):
    """A service's data file: what waits at its start, and each reply with `$name` to be filled."""

    replies: dict[str, msgspec.Raw]
    decisions: tuple[_Decision, ...] = ()

    def reply(self, endpoint: str, values: Mapping[str, JsonValue]) -> Reply:
        """The reply of an endpoint. Raises KeyError for a value that it lacks."""
        return json_reply(200, _filled(json.loads(bytes(self.replies[endpoint])), values))


def _shape(name: str) -> _Shape:
    text = files(__package__).joinpath("data", f"{name}.json").read_bytes()
    return msgspec.json.decode(text, type=_Shape)


def _filled(value: JsonValue, values: Mapping[str, JsonValue]) -> JsonValue:
    match value:
        case dict():
            return {key: _filled(item, values) for key, item in value.items()}
        case list():
            return [_filled(item, values) for item in value]
        case str() if value.startswith("$"):
            return values[value[1:]]
        case _:
            return value


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _naive(seconds: float) -> str:
    """The time as Core writes it, without its zone."""
    return _time(seconds).replace(tzinfo=None).isoformat()


# --- bodies --------------------------------------------------------------------------------------


class _Query(BaseModel):
    query: str
    context: dict[str, JsonValue] | None = None


class _NewSession(BaseModel):
    operator_id: str
    operator_name: str
    operator_role: str = "soc_operator"
    ip_address: str | None = None
    user_agent: str | None = None


class _Approval(BaseModel):
    session_id: str
    reasoning: str | None = None
    comment: str | None = None


_Body = TypeVar("_Body", bound=BaseModel)


def _read(kind: type[_Body], body: bytes) -> _Body | Reply:
    """The body as a value, or the 422 that FastAPI answers."""
    if not body:
        return _invalid(
            {"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}
        )
    try:
        given = json.loads(body, parse_float=_finite, parse_constant=_finite)
    except json.JSONDecodeError as error:
        return _invalid(
            {
                "type": "json_invalid",
                "loc": ["body", error.pos],
                "msg": "JSON decode error",
                "input": {},
                "ctx": {"error": error.msg},
            }
        )
    except (ValueError, RecursionError):
        return json_reply(400, {"detail": "There was an error parsing the body"})
    try:
        return kind.model_validate(given, from_attributes=True)  # as FastAPI does
    except ValidationError as error:
        return _invalid(
            *(
                {
                    "type": it["type"],
                    "loc": ["body", *it["loc"]],
                    "msg": it["msg"],
                    "input": it["input"],
                }
                for it in error.errors(include_url=False, include_context=False)
            )
        )


def _finite(text: str) -> float:
    """A number that an answer can repeat: JSON has no infinity."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no JSON number")
    return number


def _invalid(*details: dict[str, JsonValue]) -> Reply:
    return json_reply(422, {"detail": list(details)})


# --- the services --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Session:
    session_id: str
    expires: float


class _Core:
    """Core's state: what waits for an operator, and the operators' sessions."""

    def __init__(self, shape: _Shape, clock: Clock) -> None:
        self._shape = shape
        self._clock = clock
        self._since = clock()
        self._pending = {decision.decision_id: decision for decision in shape.decisions}
        self._sessions: dict[str, _Session] = {}

    def answers(self) -> dict[str, Answer]:
        """What it serves."""
        return {
            "GET /health": self._plain("GET /health"),
            "POST /query": self._query,
            "GET /api/consciousness/state": self._plain("GET /api/consciousness/state"),
            "GET /api/consciousness/arousal": self._plain("GET /api/consciousness/arousal"),
            "GET /api/v1/governance/pending": self._plain("GET /api/v1/governance/pending"),
            "POST /api/v1/governance/session/create": self._create_session,
            "POST /api/v1/governance/decision/{decision_id}/approve": self._approve,
        }

    def _plain(self, endpoint: str) -> Answer:
        def answer(_request: Request) -> Reply:
            return self._shape.reply(endpoint, self._values())

        return answer

    def _values(self) -> dict[str, JsonValue]:
        now = self._clock()
        waited = now - self._since
        levels = Counter(decision.risk_level for decision in self._pending.values())
        return {
            "seconds": now,
            "time": _naive(now),
            "total": len(self._pending),
            "late": sum(waited > _SLA_SECONDS[it.risk_level] for it in self._pending.values()),
            "oldest": int(waited) if self._pending else None,
            **{level: levels[level] for level in _SLA_SECONDS},
        }

    def _query(self, request: Request) -> Reply:
        body = _read(_Query, request.body)
        if isinstance(body, Reply):
            return body
        answer = f"The stub was asked '{body.query}'."
        return self._shape.reply("POST /query", {**self._values(), "answer": answer})

    def _create_session(self, request: Request) -> Reply:
        body = _read(_NewSession, request.body)
        if isinstance(body, Reply):
            return body
        name = f"faultlab:core:session:{len(self._sessions) + 1}"
        session = _Session(
            str(uuid.uuid5(uuid.NAMESPACE_URL, name)), self._clock() + SESSION_SECONDS
        )
        self._sessions[session.session_id] = session
        return self._shape.reply(
            "POST /api/v1/governance/session/create",
            {
                "session_id": session.session_id,
                "operator_id": body.operator_id,
                "expires_at": _naive(session.expires),
            },
        )

    def _approve(self, request: Request) -> Reply:
        body = _read(_Approval, request.body)
        if isinstance(body, Reply):
            return body
        session = self._sessions.get(body.session_id)
        if session is None or session.expires <= self._clock():
            return json_reply(404, {"detail": f"Invalid or expired session: {body.session_id}"})
        decision_id = request.parameter("decision_id")
        decision = self._pending.pop(decision_id, None)
        if decision is None:
            return json_reply(404, {"detail": f"Decision {decision_id} not found"})
        return self._shape.reply(
            "POST /api/v1/governance/decision/{decision_id}/approve",
            {
                "decision_id": decision_id,
                "message": f"Decision {decision_id} approved and executed",
                "error": f"No executor registered for action type: {decision.action_type}",
            },
        )


class _Penelope:
    """PENELOPE, whose health is all that the client asks for."""

    def __init__(self, shape: _Shape, clock: Clock) -> None:
        self._shape = shape
        self._clock = clock

    def answers(self) -> dict[str, Answer]:
        """What it serves."""
        return {"GET /health": self._health}

    def _health(self, _request: Request) -> Reply:
        now = _time(self._clock())
        sunday = now.weekday() == _SUNDAY
        return self._shape.reply("GET /health", {"time": now.isoformat(), "sunday": sunday})
