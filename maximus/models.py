"""The services' answers as typed values, and the reading of a body into one of them.

Fields are those that the services really send. Unknown ones are tolerated, missing ones and wrong
types are not: a 200 from another service, or with an error inside, must not pass for an answer.
Times are text as the service wrote it, with or without a zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from .failure import AnswerError

__all__ = [
    "Answer",
    "Approval",
    "ArousalLevel",
    "Component",
    "ConsciousnessState",
    "CoreComponents",
    "CoreHealth",
    "PendingStatistics",
    "PenelopeHealth",
    "QueryResponse",
    "Session",
    "TigMetrics",
    "read_answer",
]

AnswerT = TypeVar("AnswerT", bound="Answer")


class Answer(BaseModel):
    """What all answers share: frozen, strict about types, tolerant of unknown fields."""

    # Without hiding, the text of a validation error would repeat the service's body.
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


class Component(Answer):
    """One part of Core, by its own word."""

    status: str


class CoreComponents(Answer):
    """The parts that Core reports; `maximus_ai` is what tells Core from other services."""

    maximus_ai: Component
    consciousness: Component | None = None
    tig_fabric: Component | None = None
    esgt_coordinator: Component | None = None
    prefrontal_cortex: Component | None = None
    tom_engine: Component | None = None
    decision_queue: Component | None = None


class CoreHealth(Answer):
    """GET /health of Core. `status` is "healthy" or "degraded"; `timestamp` seconds since 1970."""

    status: str
    message: str
    timestamp: float
    components: CoreComponents


class PenelopeHealth(Answer):
    """GET /health of PENELOPE. `status` is "healthy" or "degraded"."""

    status: str
    components: Mapping[str, str]
    virtues_status: Mapping[str, str]
    sabbath_mode: bool
    timestamp: str


class QueryResponse(Answer):
    """POST /query: the answer and how it was reached."""

    final_response: str
    confidence_score: float
    processing_time_seconds: float
    timestamp: str
    raw_reasoning_output: Mapping[str, JsonValue]
    tool_execution_results: tuple[JsonValue, ...]
    reflection_notes: str


class TigMetrics(Answer):
    """The figures of the TIG fabric inside a consciousness state."""

    node_count: int
    edge_count: int
    density: float
    avg_clustering_coefficient: float
    avg_path_length: float
    algebraic_connectivity: float
    effective_connectivity_index: float
    has_feed_forward_bottlenecks: bool
    bottleneck_locations: tuple[JsonValue, ...]
    min_path_redundancy: int
    avg_latency_us: float
    max_latency_us: float
    total_bandwidth_gbps: float
    last_update: float


class ConsciousnessState(Answer):
    """GET /api/consciousness/state."""

    timestamp: str
    esgt_active: bool
    arousal_level: float
    arousal_classification: str
    tig_metrics: TigMetrics
    recent_events_count: int
    system_health: str


class ArousalLevel(Answer):
    """GET /api/consciousness/arousal."""

    arousal: float
    level: str
    baseline: float
    need_contribution: float
    temporal_contribution: float
    timestamp: str


class PendingStatistics(Answer):
    """GET /api/v1/governance/pending: how many decisions wait, not which."""

    total_pending: int
    by_risk_level: Mapping[str, int]
    oldest_pending_seconds: int | None
    sla_violations: int


class Session(Answer):
    """POST /api/v1/governance/session/create: an operator's session, eight hours long."""

    session_id: str = Field(repr=False)  # who knows it can approve
    operator_id: str
    expires_at: str
    message: str = ""


class Approval(Answer):
    """POST .../decision/{decision_id}/approve.

    `executed` is the truth; `message` speaks of execution even where `error` says it failed.
    """

    decision_id: str
    action: str
    status: str
    message: str
    executed: bool | None = None
    result: Mapping[str, JsonValue] | None = None
    error: str | None = None


def read_answer(answer: type[AnswerT], content_type: str, body: bytes) -> AnswerT:
    """Read a body into the answer that belongs to the endpoint, or raise AnswerError."""
    if not body:
        raise AnswerError("the body is empty")
    essence = content_type.partition(";")[0].strip().lower()
    if essence != "application/json" and not essence.endswith("+json"):
        raise AnswerError("the content type is not JSON")
    try:
        return answer.model_validate_json(body)
    except ValidationError as error:
        raise AnswerError(_complaint(answer, error)) from error


def _complaint(answer: type[Answer], error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return "the body is not valid JSON"
    field = ".".join(str(part) for part in first["loc"])
    if not field:
        return f"wrong type or service: the body is no {answer.__name__}"
    problem = "is missing" if first["type"] == "missing" else f"is wrong ({first['type']})"
    return f"wrong type or service: field {field} of {answer.__name__} {problem}"
