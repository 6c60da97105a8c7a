"""PENELOPE: filters that count and filters that don't."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.backends.maximus import EPOCH, maximus_routes
from faultlab.lab.backends.routes import Request

PREFIX = "/api/v1/penelope"


def got(path: str) -> Any:
    """The value of a 200."""
    reply = maximus_routes("penelope").answer(Request("GET", f"{PREFIX}{path}"))
    assert reply.status == 200
    return json.loads(reply.body)


@given(limit=st.integers(1, 6), offset=st.integers(0, 6))
def test_history_is_cut_in_pages(limit: int, offset: int) -> None:
    """The pages together are the whole, and each knows whether there is more."""
    whole = got("/healing/history")["events"]
    page = got(f"/healing/history?limit={limit}&offset={offset}")
    assert page["events"] == whole[offset : offset + limit]
    assert (page["total"], page["has_more"]) == (len(whole), offset + limit < len(whole))


@pytest.mark.parametrize("path", ["/healing/history?status=failed", "/patches?diagnosis_id=x"])
def test_a_filter_that_it_does_not_know_is_passed_over(path: str) -> None:
    """In silence, as the service does: the client's mistake shows in nothing but the count."""
    assert got(path)["total"] == 3


def test_a_filter_that_it_knows_counts() -> None:
    """By severity and by status."""
    assert [it["severity"] for it in got("/healing/history?severity=P1")["events"]] == ["P1"]
    assert [it["status"] for it in got("/patches?status_filter=failed")["patches"]] == ["failed"]
    assert got("/wisdom?anomaly_type=unheard_of")["total_found"] == 0
    assert got("/wisdom?anomaly_type=latency_spike&similarity_threshold=0.9")["total_found"] == 1


def test_two_diagnoses_of_one_second_have_one_id() -> None:
    """The service makes ids of seconds; a client that relies on them collides."""
    body = b'{"anomaly_id": "a", "anomaly_type": "t", "affected_service": "s"}'
    routes = maximus_routes("penelope", lambda: EPOCH)
    replies = [routes.answer(Request("POST", f"{PREFIX}/diagnose", body=body)) for _ in range(2)]
    assert [reply.status for reply in replies] == [201, 201]
    assert {json.loads(reply.body)["diagnosis_id"] for reply in replies} == {"diag-20251114120000"}
