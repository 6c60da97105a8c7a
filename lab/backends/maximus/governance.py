"""Core's governance: decisions that wait for an operator, sessions, and what was decided.

As really served, so with what never works there: no decision can be shown, and none escalated.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue, RootModel

from ..routes import Answer, Frames, Reply, Request, json_reply
from .bodies import Fields, read_body, read_query
from .shape import Clock, Decision, Shape, at, naive
from .streams import SLA_SECONDS, Announcements, frame, streamed

__all__ = ["SESSION_SECONDS", "Governance"]

SESSION_SECONDS = 8 * 3600.0

_PREFIX = "/api/v1/governance"
_AUTOMATION = ("full", "supervised", "advisory", "manual")

_Action = Literal["approved", "rejected"]


class _NewSession(Fields):
    operator_id: str
    operator_name: str
    operator_role: str = "soc_operator"
    ip_address: str | None = None
    user_agent: str | None = None


class _Approval(Fields):
    session_id: str
    reasoning: str | None = None
    comment: str | None = None


class _Rejection(_Approval):
    reason: str


class _Escalation(_Approval):
    escalation_reason: str
    escalation_target: str | None = None


class _Stream(Fields):
    session_id: str


class _New(RootModel[dict[str, JsonValue]], defer_build=True):
    """Any object."""


@dataclass(frozen=True, slots=True)
class _Session:
    session_id: str
    operator_id: str
    expires: float


class Governance:
    """Its state: what waits, who is logged in, what each operator decided."""

    def __init__(self, shape: Shape, clock: Clock) -> None:
        self._shape = shape
        self._clock = clock
        now = clock()
        self._pending = {it.decision_id: (it, now) for it in shape.decisions}
        self._sessions: dict[str, _Session] = {}
        self._decided: Counter[tuple[str, _Action]] = Counter()
        self._enqueued = 0
        self._announcements = Announcements(clock, lambda: self._pending)

    def answers(self) -> dict[str, Answer]:
        """What it serves."""
        decision = f"{_PREFIX}/decision/{{decision_id}}"
        return {
            f"GET {_PREFIX}/health": self._health,
            f"GET {_PREFIX}/pending": self._statistics,
            f"GET {decision}": self._show,
            f"GET {decision}/watch": self._watch,
            f"POST {decision}/approve": self._approve,
            f"POST {decision}/reject": self._reject,
            f"POST {decision}/escalate": self._escalate,
            f"POST {_PREFIX}/session/create": self._create_session,
            f"GET {_PREFIX}/session/{{operator_id}}/stats": self._operator,
            f"GET {_PREFIX}/stream/{{operator_id}}": self._stream,
            f"POST {_PREFIX}/test/enqueue": self._enqueue,
        }

    @property
    def pending(self) -> int:
        """How many decisions wait."""
        return len(self._pending)

    def values(self) -> dict[str, JsonValue]:
        """What waits, by number, level and age."""
        now = self._clock()
        waited = [(it.risk_level, now - since) for it, since in self._pending.values()]
        levels = Counter(level for level, _ in waited)
        return {
            "total": len(waited),
            "late": sum(age > SLA_SECONDS[level] for level, age in waited),
            "oldest": int(max(age for _, age in waited)) if waited else None,
            **{level: levels[level] for level in SLA_SECONDS},
        }

    def _health(self, _request: Request) -> Reply:
        values = {
            **self.values(),
            "active": self._announcements.active,
            "connections": self._announcements.total,
            "streamed": self._announcements.streamed,
            "zoned": at(self._clock()).isoformat(),
        }
        return self._shape.reply(f"GET {_PREFIX}/health", values)

    def _statistics(self, _request: Request) -> Reply:
        return self._shape.reply(f"GET {_PREFIX}/pending", self.values())

    def _show(self, request: Request) -> Reply:
        wanted = request.parameter("decision_id")
        if wanted not in self._pending:
            return _no_decision(wanted)
        text = "'QueuedDecision' object has no attribute 'context'"
        return json_reply(500, {"detail": f"Failed to retrieve decision: {text}"})

    def _watch(self, request: Request) -> Reply:
        """One error, then the end: of a decision that waits nothing can be shown either."""
        wanted = request.parameter("decision_id")
        text = "Decision not found"
        if wanted in self._pending:
            text = "'QueuedDecision' object has no attribute 'status'"
        told = frame({"error": text, "decision_id": wanted}, "error")

        def frames() -> Frames:
            yield told, 0.0

        return streamed(frames)

    def _create_session(self, request: Request) -> Reply:
        body = read_body(_NewSession, request)
        if isinstance(body, Reply):
            return body
        name = f"faultlab:core:session:{len(self._sessions) + 1}"
        session = _Session(
            str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
            body.operator_id,
            self._clock() + SESSION_SECONDS,
        )
        self._sessions[session.session_id] = session
        return self._shape.reply(
            f"POST {_PREFIX}/session/create",
            {
                "session_id": session.session_id,
                "operator_id": session.operator_id,
                "expires_at": naive(session.expires),
            },
        )

    def _operator(self, request: Request) -> Reply:
        operator = request.parameter("operator_id")
        approved, rejected = (
            self._decided[operator, "approved"],
            self._decided[operator, "rejected"],
        )
        total = approved + rejected
        sessions = sum(it.operator_id == operator for it in self._sessions.values())
        return self._shape.reply(
            f"GET {_PREFIX}/session/{{operator_id}}/stats",
            {
                "operator_id": operator,
                "total_sessions": sessions,
                "total_decisions_reviewed": total,
                "total_approved": approved,
                "total_rejected": rejected,
                "total_escalated": 0,
                "approval_rate": approved / total if total else 0.0,
                "rejection_rate": rejected / total if total else 0.0,
                "escalation_rate": 0.0,
                "average_review_time": 0.0,
            },
        )

    def _stream(self, request: Request) -> Reply:
        query = read_query(_Stream, request)
        if isinstance(query, Reply):
            return query
        session = self._session(query.session_id)
        if isinstance(session, Reply):
            return Reply(401, session.body)
        if session.operator_id != request.parameter("operator_id"):
            return json_reply(403, {"detail": "Operator ID does not match session"})
        operator = session.operator_id
        return streamed(lambda: self._announcements.stream(operator, query.session_id))

    def _approve(self, request: Request) -> Reply:
        body = read_body(_Approval, request)
        return body if isinstance(body, Reply) else self._decide(request, body, "approved")

    def _reject(self, request: Request) -> Reply:
        body = read_body(_Rejection, request)
        return body if isinstance(body, Reply) else self._decide(request, body, "rejected")

    def _escalate(self, request: Request) -> Reply:
        """Never works, and leaves the decision where it is."""
        body = read_body(_Escalation, request)
        if isinstance(body, Reply):
            return body
        found = self._found(request, body)
        if isinstance(found, Reply):
            return found
        return json_reply(500, {"detail": "Escalation failed: Escalation manager not set"})

    def _decide(self, request: Request, body: _Approval, action: _Action) -> Reply:
        found = self._found(request, body)
        if isinstance(found, Reply):
            return found
        session, decision = found
        del self._pending[decision.decision_id]
        self._decided[session.operator_id, action] += 1
        self._announcements.resolved(decision, action, session.operator_id)
        executed = " and executed" if action == "approved" else ""
        verb = "approve" if action == "approved" else "reject"
        return self._shape.reply(
            f"POST {_PREFIX}/decision/{{decision_id}}/{verb}",
            {
                "decision_id": decision.decision_id,
                "message": f"Decision {decision.decision_id} {action}{executed}",
                "error": f"No executor registered for action type: {decision.action_type}",
            },
        )

    def _found(self, request: Request, body: _Approval) -> tuple[_Session, Decision] | Reply:
        """Who decides, and on what; the session is looked at first."""
        session = self._session(body.session_id)
        if isinstance(session, Reply):
            return session
        wanted = request.parameter("decision_id")
        if wanted not in self._pending:
            return _no_decision(wanted)
        return session, self._pending[wanted][0]

    def _session(self, session_id: str) -> _Session | Reply:
        session = self._sessions.get(session_id)
        if session is None or session.expires <= self._clock():
            return json_reply(404, {"detail": f"Invalid or expired session: {session_id}"})
        return session

    def _enqueue(self, request: Request) -> Reply:
        """Any object is taken. What is left out is the stub's own choice."""
        body = read_body(_New, request)
        if isinstance(body, Reply):
            return body
        given = body.root
        risk, automation = given.get("risk_level", "medium"), given.get("automation_level")
        for value, known, name in (
            (risk, tuple(SLA_SECONDS), "RiskLevel"),
            ("supervised" if automation is None else automation, _AUTOMATION, "AutomationLevel"),
        ):
            if value not in known:
                text = f"Enqueue failed: {value!r} is not a valid {name}"
                return json_reply(500, {"detail": text})
        self._enqueued += 1
        decision = _decision(given, f"enqueued-{self._enqueued}")
        self._pending[decision.decision_id] = (decision, self._clock())
        return self._shape.reply(
            f"POST {_PREFIX}/test/enqueue",
            {"decision_id": decision.decision_id, "risk_level": decision.risk_level},
        )


def _decision(given: Mapping[str, JsonValue], name: str) -> Decision:
    """What was enqueued; what is left out, or of another type, is the stub's own choice."""
    wanted = given.get("decision_id")
    context = _object(given.get("context"))
    parameters = _object(context.get("action_params"))
    return Decision(
        name if wanted is None else str(wanted),
        _text(given, "risk_level", "medium"),
        _text(context, "action_type"),
        automation_level=_text(given, "automation_level", "supervised"),
        target=_text(parameters, "target"),
        recommended=_text(parameters, "action"),
        reasoning=_text(context, "ai_reasoning", ""),
        confidence=_number(context, "confidence"),
        threat_score=_number(context, "threat_score"),
        threat_type=_text(context, "threat_type"),
    )


def _object(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _text(given: Mapping[str, JsonValue], name: str, otherwise: str = "unknown") -> str:
    value = given.get(name)
    return value if isinstance(value, str) else otherwise


def _number(given: Mapping[str, JsonValue], name: str) -> float:
    value = given.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _no_decision(decision_id: str) -> Reply:
    return json_reply(404, {"detail": f"Decision {decision_id} not found"})
