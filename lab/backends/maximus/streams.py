"""Core's streams of events: how a frame looks, and who is told what of the decisions.

As really served: a monitor runs while an operator is connected, and announces each waiting
decision once; who connects later doesn't hear of those before. Counterpart: `governance.py`, whose
decisions they are.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..routes import Frames, Reply
from .shape import Clock, Decision, at

if TYPE_CHECKING:
    from pydantic import JsonValue

__all__ = ["SLA_SECONDS", "Announcements", "frame", "streamed"]

SLA_SECONDS = {"low": 1800.0, "medium": 900.0, "high": 600.0, "critical": 300.0}

_POLL = 1.0  # seconds between the monitor's looks
_HEARTBEAT = 30  # looks between heartbeats
_QUEUE = 100  # frames that wait for one operator; what comes then is dropped

Waiting = Mapping[str, tuple[Decision, float]]
"""The decisions that wait, by id, each with the time since which it does."""


def frame(
    data: Mapping[str, JsonValue], event: str | None = None, name: str | None = None
) -> bytes:
    """One event of a stream, `name` its id."""
    lines = [] if name is None else [f"id: {name}"]
    lines += [] if event is None else [f"event: {event}"]
    return "".join(f"{line}\n" for line in (*lines, f"data: {json.dumps(data)}", "")).encode()


def streamed(frames: Callable[[], Frames]) -> Reply:
    """A reply whose body is a stream of events."""
    return Reply(
        200,
        content_type="text/event-stream; charset=utf-8",
        headers=(("cache-control", "no-cache"), ("x-accel-buffering", "no")),
        frames=frames,
    )


class Announcements:
    """The monitor, and what waits for each operator that is connected."""

    def __init__(self, clock: Clock, waiting: Callable[[], Waiting]) -> None:
        self._clock = clock
        self._waiting = waiting
        self._seen: set[str] = set()
        self._queues: list[deque[bytes]] = []
        self.total = 0
        self.streamed = 0

    @property
    def active(self) -> int:
        """How many operators are connected."""
        return len(self._queues)

    def stream(self, operator: str, session: str) -> Frames:
        """What an operator is told, until the connection ends."""
        if not self._queues:
            self._seen.clear()  # the monitor starts anew
        queue: deque[bytes] = deque()
        self._queues.append(queue)
        self.total += 1
        try:
            said: dict[str, JsonValue] = {
                "message": "Connected to Governance SSE Stream",
                "operator_id": operator,
                "session_id": session,
            }
            yield frame(said, "connected", f"conn_{session}"), 0.0
            looks = 0
            while True:
                self._look()
                looks += 1
                if looks % _HEARTBEAT == 0:
                    queue.append(self._heartbeat())
                told = b"".join(queue)
                queue.clear()
                yield told, _POLL
        finally:
            self._queues.remove(queue)

    def resolved(self, decision: Decision, status: str, operator: str) -> None:
        """Tell all who are connected what came of a decision."""
        said: dict[str, JsonValue] = {
            "decision_id": decision.decision_id,
            "status": status,
            "resolved_by": operator,
            "resolved_at": at(self._clock()).isoformat(),
        }
        self._seen.discard(decision.decision_id)
        self._tell(frame(said, "decision_resolved", f"resolved_{decision.decision_id}"))

    def _look(self) -> None:
        for name, (decision, since) in self._waiting().items():
            if name not in self._seen:
                self._seen.add(name)
                self.streamed += 1
                said = _pending(decision, since)
                self._tell(frame(said, "decision_pending", f"dec_{name}"))

    def _tell(self, told: bytes) -> None:
        for queue in self._queues:
            if len(queue) < _QUEUE:
                queue.append(told)

    def _heartbeat(self) -> bytes:
        said: dict[str, JsonValue] = {"message": "heartbeat", "active_connections": self.active}
        return frame(said, "heartbeat", f"hb_{self._clock()}")


def _pending(decision: Decision, since: float) -> dict[str, JsonValue]:
    deadline = since + SLA_SECONDS[decision.risk_level]
    return {
        "decision_id": decision.decision_id,
        "action_type": decision.action_type,
        "target": decision.target,
        "risk_level": decision.risk_level,
        "status": "pending",
        "confidence": decision.confidence,
        "context": {},
        "reasoning": decision.reasoning,
        "recommended_action": decision.recommended,
        "threat_score": decision.threat_score,
        "threat_type": decision.threat_type,
        "created_at": at(since).isoformat(),
        "sla_deadline": at(deadline).isoformat(),
        "automation_level": decision.automation_level,
    }
