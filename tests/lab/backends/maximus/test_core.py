"""Core and PENELOPE, as the client of the field sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from faultlab.lab.backends.maximus import EPOCH, maximus_routes
from faultlab.lab.backends.routes import Reply, Request, Routes

PENDING = "/api/v1/governance/pending"
CREATE = "/api/v1/governance/session/create"
OPERATOR = {"operator_id": "op-1", "operator_name": "Operator One"}


def asked(routes: Routes, method: str, target: str, body: object = None) -> tuple[int, Any]:
    """Status and value of an answer."""
    sent = b"" if body is None else json.dumps(body).encode()
    reply = routes.answer(Request(method, target, body=sent))
    return reply.status, json.loads(reply.body)


def approve(routes: Routes, decision: str, session: str) -> tuple[int, Any]:
    """The answer to an approval."""
    target = f"/api/v1/governance/decision/{decision}/approve"
    return asked(routes, "POST", target, {"session_id": session})


def session(routes: Routes) -> str:
    """The id of a new session."""
    status, value = asked(routes, "POST", CREATE, OPERATOR)
    assert status == 200
    return str(value["session_id"])


def shape(value: object) -> object:
    """The value with every leaf replaced by its type's name."""
    match value:
        case dict():
            return {key: shape(item) for key, item in value.items()}
        case list():
            return [shape(item) for item in value]
        case _:
            return type(value).__name__


# --- answers -------------------------------------------------------------------------------------


def test_core_is_healthy_while_decisions_wait() -> None:
    """The field's defect at this place is a preset of its own; the plain stub must not have it."""
    status, value = asked(maximus_routes("core"), "GET", "/health")
    assert (status, value["status"], value["timestamp"]) == (200, "healthy", EPOCH)
    assert value["components"]["decision_queue"] == {
        "status": "healthy",
        "pending_decisions": 3,
        "sla_violations": 0,
    }
    assert shape(value["components"]["tom_engine"]) == {
        "status": "str",
        "total_agents": "int",
        "memory_cache_size": "int",
        "contradictions": "int",
        "redis_cache": {"enabled": "bool", "hit_rate": "NoneType"},
    }


def test_query_has_the_service_s_field_names() -> None:
    """The field's client once read `answer`, which no service sends."""
    status, value = asked(maximus_routes("core"), "POST", "/query", {"query": "hi", "context": {}})
    assert (status, value["final_response"]) == (200, "The stub was asked 'hi'.")
    assert shape(value) == {
        "final_response": "str",
        "confidence_score": "float",
        "processing_time_seconds": "float",
        "timestamp": "str",
        "raw_reasoning_output": {"response": "str", "tool_calls": []},
        "tool_execution_results": [],
        "reflection_notes": "str",
    }


def test_state_and_arousal_agree() -> None:
    """Two endpoints of one system speak of one level."""
    routes = maximus_routes("core")
    _, state = asked(routes, "GET", "/api/consciousness/state")
    _, arousal = asked(routes, "GET", "/api/consciousness/arousal")
    assert (state["arousal_level"], state["arousal_classification"]) == (0.6, "relaxed")
    assert arousal == {
        "arousal": 0.6,
        "level": "relaxed",
        "baseline": 0.6,
        "need_contribution": 0.0,
        "temporal_contribution": 0.0,
        "timestamp": "2025-11-14T12:00:00",
    }
    assert state["tig_metrics"]["last_update"] == EPOCH


def test_pending_is_statistics() -> None:
    """The service counts the decisions, it doesn't list them."""
    assert asked(maximus_routes("core"), "GET", PENDING) == (
        200,
        {
            "total_pending": 3,
            "by_risk_level": {"low": 1, "medium": 1, "high": 1, "critical": 0},
            "oldest_pending_seconds": 0,
            "sla_violations": 0,
        },
    )


def test_penelope_keeps_its_sabbath() -> None:
    """The flag follows the day in UTC; a client must take both."""
    _, friday = asked(maximus_routes("penelope"), "GET", "/health")
    _, sunday = asked(maximus_routes("penelope", lambda: EPOCH + 2 * 86400.0), "GET", "/health")
    assert (friday["sabbath_mode"], sunday["sabbath_mode"]) == (False, True)
    assert friday["timestamp"] == "2025-11-14T12:00:00+00:00"
    assert friday["virtues_status"] == {"sophia": "ok", "praotes": "ok", "tapeinophrosyne": "ok"}


# --- state ---------------------------------------------------------------------------------------


def test_an_approval_takes_the_decision_off_the_queue() -> None:
    """Approved, said to be executed, and not executed: that is what the service answers."""
    routes = maximus_routes("core")
    assert approve(routes, "dec-1", session(routes)) == (
        200,
        {
            "decision_id": "dec-1",
            "action": "approved",
            "status": "approved",
            "message": "Decision dec-1 approved and executed",
            "executed": False,
            "result": {},
            "error": "No executor registered for action type: block_ip",
        },
    )
    _, pending = asked(routes, "GET", PENDING)
    assert (pending["total_pending"], pending["by_risk_level"]["high"]) == (2, 0)


def test_an_approval_needs_a_session() -> None:
    """The session is looked at before the decision is."""
    routes = maximus_routes("core")
    assert approve(routes, "nope", "bad") == (404, {"detail": "Invalid or expired session: bad"})
    assert asked(routes, "GET", PENDING)[1]["total_pending"] == 3


def test_a_decision_is_approved_once() -> None:
    """A retried approval whose first answer was lost finds nothing to approve."""
    routes = maximus_routes("core")
    known = session(routes)
    approve(routes, "dec-2", known)
    assert approve(routes, "dec-2", known) == (404, {"detail": "Decision dec-2 not found"})


def test_time_passes_by_the_clock_given() -> None:
    """Sessions end after eight hours, and a high risk may wait ten minutes."""
    now = [EPOCH]
    routes = maximus_routes("core", lambda: now[0])
    known = session(routes)
    now[0] += 601
    _, pending = asked(routes, "GET", PENDING)
    assert (pending["oldest_pending_seconds"], pending["sla_violations"]) == (601, 1)
    now[0] = EPOCH + 8 * 3600
    assert approve(routes, "dec-1", known)[0] == 404


def test_nothing_waits_when_all_is_approved() -> None:
    """Null, not zero, is the age of what isn't there."""
    routes = maximus_routes("core")
    known = session(routes)
    for decision in ("dec-1", "dec-2", "dec-3"):
        assert approve(routes, decision, known)[0] == 200
    assert asked(routes, "GET", PENDING)[1]["oldest_pending_seconds"] is None


def test_each_stub_has_its_own_state() -> None:
    """Tests side by side must not see each other's decisions."""
    one, other = maximus_routes("core"), maximus_routes("core")
    approve(one, "dec-1", session(one))
    assert asked(other, "GET", PENDING)[1]["total_pending"] == 3


def test_the_same_questions_get_the_same_bytes() -> None:
    """Ids and times come from counts and a clock, so that runs can be compared."""

    def played() -> list[Reply]:
        routes = maximus_routes("core")
        operator = json.dumps(OPERATOR).encode()
        return [
            routes.answer(Request(method, target, body=body))
            for method, target, body in (
                ("GET", "/health", b""),
                ("POST", CREATE, operator),
                ("POST", CREATE, operator),
                ("GET", "/api/consciousness/state", b""),
            )
        ]

    assert played() == played()
    assert played()[1] != played()[2]


def test_a_session_says_when_it_ends() -> None:
    """Without a zone, as the service writes it."""
    _, value = asked(maximus_routes("core"), "POST", CREATE, OPERATOR)
    assert value == {
        "session_id": "0bfdb146-f6b0-576d-8ff6-9ce1d1d7e55b",
        "operator_id": "op-1",
        "expires_at": "2025-11-14T20:00:00",
        "message": "Session created successfully",
    }


# --- bad requests --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "body", "missing"),
    [
        ("/query", {}, ["query"]),
        (CREATE, {"operator_role": "x"}, ["operator_id", "operator_name"]),
        ("/api/v1/governance/decision/dec-1/approve", {"reason": "ok"}, ["session_id"]),
    ],
)
def test_a_missing_field_is_named(target: str, body: dict[str, str], missing: list[str]) -> None:
    """422 in FastAPI's shape; every missing field at once."""
    assert asked(maximus_routes("core"), "POST", target, body) == (
        422,
        {
            "detail": [
                {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": body}
                for name in missing
            ]
        },
    )


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", {"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}),
        (
            b'{"query": 7}',
            {
                "type": "string_type",
                "loc": ["body", "query"],
                "msg": "Input should be a valid string",
                "input": 7,
            },
        ),
        (
            b"[1]",
            {
                "type": "model_attributes_type",
                "loc": ["body"],
                "msg": "Input should be a valid dictionary or object to extract fields from",
                "input": [1],
            },
        ),
        (
            b"{x",
            {
                "type": "json_invalid",
                "loc": ["body", 1],
                "msg": "JSON decode error",
                "input": {},
                "ctx": {"error": "Expecting property name enclosed in double quotes"},
            },
        ),
    ],
)
def test_a_wrong_body_is_explained(body: bytes, detail: dict[str, object]) -> None:
    """As FastAPI words it, so that a client's error texts can be tested."""
    reply = maximus_routes("core").answer(Request("POST", "/query", body=body))
    assert (reply.status, json.loads(reply.body)) == (422, {"detail": [detail]})


@pytest.mark.parametrize("body", [b"\xff\xfe{", b'{"query": NaN}', b'{"query": 1e999}'])
def test_what_is_no_json_at_all_is_refused(body: bytes) -> None:
    """No body may break the stub."""
    reply = maximus_routes("core").answer(Request("POST", "/query", body=body))
    assert reply == Reply(400, b'{"detail":"There was an error parsing the body"}')


@pytest.mark.parametrize("name", ["core", "penelope"])
def test_unknown_path_and_wrong_method(name: str) -> None:
    """FastAPI's words for both."""
    routes = maximus_routes(name)
    assert asked(routes, "GET", "/nowhere") == (404, {"detail": "Not Found"})
    assert asked(routes, "POST", "/health") == (405, {"detail": "Method Not Allowed"})
