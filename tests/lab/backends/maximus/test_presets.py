"""The field's known defects, each as a client sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from faultlab.lab.backends.maximus import BUILTIN, EPOCH, PRESETS, maximus_routes, presets_of
from faultlab.lab.backends.maximus.presets import read_presets
from faultlab.lab.backends.routes import UNHANDLED, Request

AROUSAL = "/api/consciousness/arousal"


def asked(name: str, preset: str, target: str, body: object = None) -> tuple[int, Any]:
    """Status and value of an answer of a stub with one preset."""
    sent = b"" if body is None else json.dumps(body).encode()
    method = "GET" if body is None else "POST"
    reply = maximus_routes(name, presets=(preset,)).answer(Request(method, target, body=sent))
    return reply.status, json.loads(reply.body)


def test_health_fails_while_a_decision_waits() -> None:
    """And recovers with the queue empty, which is what made it hard to find."""
    routes = maximus_routes("core", presets=("health_fails_with_pending",))
    assert routes.answer(Request("GET", "/health")) is UNHANDLED
    operator = b'{"operator_id": "a", "operator_name": "a"}'
    made = routes.answer(Request("POST", "/api/v1/governance/session/create", body=operator))
    session = json.dumps({"session_id": json.loads(made.body)["session_id"]}).encode()
    for decision in ("dec-1", "dec-2", "dec-3"):
        target = f"/api/v1/governance/decision/{decision}/approve"
        assert routes.answer(Request("POST", target, body=session)).status == 200
    assert routes.answer(Request("GET", "/health")).status == 200


@pytest.mark.parametrize(
    ("name", "preset", "target", "status", "part"),
    [
        ("core", "degraded", "/health", 200, {"status": "degraded"}),
        ("penelope", "degraded", "/health", 200, {"status": "degraded"}),
        ("core", "no_arousal", AROUSAL, 200, {"error": "No arousal state available"}),
        (
            "core",
            "not_initialized",
            "/health",
            503,
            {"detail": "Service degraded: MAXIMUS AI not initialized"},
        ),
        (
            "core",
            "not_initialized",
            "/api/consciousness/state",
            500,
            {"detail": "Error retrieving state: 503: Consciousness system not initialized"},
        ),
        ("penelope", "sabbath", "/health", 200, {"sabbath_mode": True}),
        ("penelope", "sabbath", "/", 200, {"sabbath_mode": True}),
        ("maba", "healthy_lie", "/health", 200, {"status": "healthy"}),
        ("icarus", "another_answers", "/health", 200, {"service": "maximus-dlq-monitor"}),
    ],
)
def test_what_a_client_sees(
    name: str, preset: str, target: str, status: int, part: dict[str, Any]
) -> None:
    """The lie, the hidden 503, the wrong service."""
    seen, value = asked(name, preset, target)
    assert seen == status
    assert part.items() <= value.items()


def test_a_healthy_lie_has_ill_components() -> None:
    """The top says healthy; only who reads on sees the truth."""
    _, maba = asked("maba", "healthy_lie", "/health")
    assert {it["status"] for it in maba["components"].values()} == {"not_initialized"}
    _, nis = asked("nis", "healthy_lie", "/health")
    assert nis["components"]["narrative_engine"]["status"] == "unhealthy"


def test_zeros_come_from_an_available_source() -> None:
    """A measurement of nothing that looks like a quiet system."""
    status, value = asked("nis", "zeros", "/api/v1/metrics", {"time_range_minutes": 5})
    assert (status, {it["value"] for it in value["metrics"]}) == (200, {0})


def test_another_service_has_nothing_else() -> None:
    """Its health is all that was seen of it on this port."""
    assert asked("core", "another_answers", "/query", {"query": "hi"})[0] == 404


def test_an_uninitialized_service_reads_the_request_first() -> None:
    """A 422 comes before a 503, as FastAPI has it."""
    assert asked("core", "not_initialized", "/query", {})[0] == 422
    assert asked("core", "not_initialized", "/query", {"query": "hi"})[0] == 503


def test_presets_go_together_where_they_can() -> None:
    """Two defects of one day, in one stub."""
    routes = maximus_routes("penelope", lambda: EPOCH, presets=("degraded", "sabbath"))
    value = json.loads(routes.answer(Request("GET", "/health")).body)
    assert (value["status"], value["sabbath_mode"]) == ("degraded", True)
    assert [it.name for it in read_presets("core", ("no_arousal", "degraded", "degraded"))] == [
        "no_arousal",
        "degraded",
    ]


@pytest.mark.parametrize("name", BUILTIN)
def test_each_preset_can_be_had(name: str) -> None:
    """And changes an answer: a preset without an effect would be a promise that isn't kept."""
    for preset in presets_of(name):
        changed = preset.takes or ("GET /health",)
        plain, other = maximus_routes(name), maximus_routes(name, presets=(preset.name,))
        for endpoint in changed:
            method, _, path = endpoint.partition(" ")
            body = b"{}" if method == "POST" else b""
            if preset.name == "not_initialized" and method == "POST":
                continue  # a body that is valid differs for each; /query has a test of its own
            request = Request(method, path, body=body)
            assert plain.answer(request) != other.answer(request), (preset.name, endpoint)


def test_every_preset_belongs_to_a_service() -> None:
    """The listing is made of this table."""
    assert {name for preset in PRESETS for name in preset.services} <= {*BUILTIN}
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
