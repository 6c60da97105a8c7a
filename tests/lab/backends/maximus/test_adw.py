"""Core's workflows: what can be begun, and what comes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from faultlab.lab.backends.maximus import maximus_routes
from faultlab.lab.backends.routes import Request, Routes

PREFIX = "/api/adw"


def asked(routes: Routes, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and value of an answer."""
    sent = b"" if body is None else json.dumps(body).encode()
    reply = routes.answer(Request(method, f"{PREFIX}{path}", body=sent))
    return reply.status, json.loads(reply.body)


@pytest.mark.parametrize(
    ("kind", "body", "name"),
    [
        ("attack-surface", {"domain": "example.org"}, "attack_surface_20251114_120000"),
        ("credential-intel", {"email": "a@example.org"}, "credential_intel_20251114_120000"),
        ("target-profile", {"name": "Ann"}, "target_profile_20251114_120000"),
    ],
)
def test_a_workflow_that_was_begun_is_known(kind: str, body: object, name: str) -> None:
    """And unknown before; its report never comes."""
    routes = maximus_routes("core")
    assert asked(routes, "GET", f"/workflows/{name}/status")[0] == 404
    status, value = asked(routes, "POST", f"/workflows/{kind}", body)
    assert (status, value["workflow_id"]) == (200, name)
    assert asked(routes, "GET", f"/workflows/{name}/status")[0] == 200
    assert asked(routes, "GET", f"/workflows/{name}/report") == (
        409,
        {"detail": "Workflow not completed"},
    )


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("/offensive/campaign", {"objective": "o", "scope": []}, "Scope cannot be empty"),
        ("/workflows/credential-intel", {"phone": "1"}, "Must provide email or username"),
        ("/workflows/target-profile", {}, "Must provide username, email, or name"),
    ],
)
def test_what_is_valid_and_means_nothing_is_a_400(path: str, body: object, detail: str) -> None:
    """A refusal of the service's own, not of its framework."""
    assert asked(maximus_routes("core"), "POST", path, body) == (400, {"detail": detail})
