import json

import pytest

CALLS = [
    (lambda c: c.health(), 8100, "GET", "/health", None),
    (lambda c: c.penelope.health(), 8154, "GET", "/health", None),
    (lambda c: c.consciousness.get_state(), 8100, "GET", "/api/consciousness/state", None),
    (lambda c: c.consciousness.get_arousal(), 8100, "GET", "/api/consciousness/arousal", None),
    (lambda c: c.governance.get_pending(), 8100, "GET", "/api/v1/governance/pending", None),
    (lambda c: c.query("hi"), 8100, "POST", "/query", {"query": "hi"}),
    (
        lambda c: c.query("hi", context={"a": [1]}),
        8100,
        "POST",
        "/query",
        {"query": "hi", "context": {"a": [1]}},
    ),
    (
        lambda c: c.governance.create_session("op-1", "Operator One"),
        8100,
        "POST",
        "/api/v1/governance/session/create",
        {
            "operator_id": "op-1",
            "operator_name": "Operator One",
            "operator_role": "soc_operator",
        },
    ),
    (
        lambda c: c.governance.approve("dec-1", session_id="s-1", comment="ok"),
        8100,
        "POST",
        "/api/v1/governance/decision/dec-1/approve",
        {"session_id": "s-1", "comment": "ok"},
    ),
]


@pytest.mark.parametrize(("call", "port", "method", "path", "body"), CALLS)
def test_each_operation_sends_what_its_service_really_serves(stage, call, port, method, path, body):
    """The old client sent bodies and read fields that the services do not have."""
    client = stage.client()
    answer = stage.run(lambda: call(client))
    (request,) = stage.script.requests
    assert (request.url.port, request.method, request.url.path) == (port, method, path)
    assert (json.loads(request.content) if request.content else None) == body
    assert (
        answer.model_dump(mode="json").items()
        >= {
            name: value
            for name, value in stage.answers[port, path].items()
            if not isinstance(value, dict)
        }.items()
    )


@pytest.mark.parametrize("call", [call for call, _, method, _, _ in CALLS if method == "POST"])
def test_a_write_without_a_key_is_sent_once(stage, call):
    """None of them is idempotent, an approval least of all."""
    client = stage.client(503)
    assert stage.fail(lambda: call(client)).attempts == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.query("hi", idempotency_key="k"),
        lambda c: c.governance.create_session("op-1", "One", idempotency_key="k"),
        lambda c: c.governance.approve("dec-1", session_id="s", idempotency_key="k"),
    ],
)
def test_every_write_takes_an_idempotency_key(stage, call):
    """And is then attempted again."""
    client = stage.client(503)
    stage.run(lambda: call(client))
    assert [request.headers["Idempotency-Key"] for request in stage.script.requests] == ["k", "k"]


def test_a_decisions_name_stays_inside_its_segment(stage):
    """A slash or question mark in it must not reach another endpoint."""
    client = stage.client(404)
    error = stage.fail(lambda: client.governance.approve("a/../b?c", session_id="s"))
    (request,) = stage.script.requests
    assert request.url.raw_path == b"/api/v1/governance/decision/a%2F..%2Fb%3Fc/approve"
    assert error.endpoint == "POST /api/v1/governance/decision/{decision_id}/approve"


def test_penelope_has_a_health_and_circuits_of_her_own(stage):
    """Two services, two fates."""
    client = stage.client(404)

    async def scene():
        await stage.failing(client.health)
        return await client.penelope.health(), await client.penelope.health()

    first, second = stage.run(scene)
    assert first is second
    assert len(stage.script.requests) == 2
