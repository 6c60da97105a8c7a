"""The services' operations, one method each: paths, bodies and answers as really served.

Nothing here sends, retries or waits; that is `send.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from .health import RecentHealth
from .models import (
    Approval,
    ArousalLevel,
    ConsciousnessState,
    PendingStatistics,
    PenelopeHealth,
    Session,
)
from .send import Call, Sender, Service

__all__ = ["Consciousness", "Governance", "Penelope"]


class Consciousness:
    """Core's state of consciousness."""

    def __init__(self, sender: Sender, core: Service) -> None:
        self._sender = sender
        self._core = core

    async def get_state(self) -> ConsciousnessState:
        """Return the whole state."""
        return await self._sender.send(
            Call(
                service=self._core,
                method="GET",
                template="/api/consciousness/state",
                answer=ConsciousnessState,
            )
        )

    async def get_arousal(self) -> ArousalLevel:
        """Return the level of arousal alone."""
        return await self._sender.send(
            Call(
                service=self._core,
                method="GET",
                template="/api/consciousness/arousal",
                answer=ArousalLevel,
            )
        )


class Governance:
    """Core's decisions that wait for a human, and the humans' sessions."""

    def __init__(self, sender: Sender, core: Service) -> None:
        self._sender = sender
        self._core = core

    async def get_pending(self) -> PendingStatistics:
        """Return how many decisions wait, by risk and age."""
        return await self._sender.send(
            Call(
                service=self._core,
                method="GET",
                template="/api/v1/governance/pending",
                answer=PendingStatistics,
            )
        )

    async def create_session(
        self,
        operator_id: str,
        operator_name: str,
        *,
        operator_role: str = "soc_operator",
        idempotency_key: str | None = None,
    ) -> Session:
        """Open a session for an operator; approvals need its `session_id`."""
        return await self._sender.send(
            Call(
                service=self._core,
                method="POST",
                template="/api/v1/governance/session/create",
                answer=Session,
                body={
                    "operator_id": operator_id,
                    "operator_name": operator_name,
                    "operator_role": operator_role,
                },
                idempotency_key=idempotency_key,
            )
        )

    async def approve(
        self,
        decision_id: str,
        *,
        session_id: str,
        reasoning: str | None = None,
        comment: str | None = None,
        idempotency_key: str | None = None,
    ) -> Approval:
        """Approve a waiting decision; the answer's `executed` says whether it was carried out."""
        body = {"session_id": session_id, "reasoning": reasoning, "comment": comment}
        return await self._sender.send(
            Call(
                service=self._core,
                method="POST",
                template="/api/v1/governance/decision/{decision_id}/approve",
                parameters={"decision_id": decision_id},
                answer=Approval,
                body={name: value for name, value in body.items() if value is not None},
                idempotency_key=idempotency_key,
            )
        )


class Penelope:
    """The PENELOPE service."""

    def __init__(
        self,
        sender: Sender,
        penelope: Service,
        *,
        health_max_age: float,
        clock: Callable[[], float],
    ) -> None:
        self._sender = sender
        self._penelope = penelope
        self._health = RecentHealth(self._ask_health, max_age=health_max_age, clock=clock)

    async def health(self) -> PenelopeHealth:
        """Return PENELOPE's health, at most `health_max_age` seconds old."""
        return await self._health.get()

    async def _ask_health(self) -> PenelopeHealth:
        return await self._sender.send(
            Call(service=self._penelope, method="GET", template="/health", answer=PenelopeHealth)
        )
