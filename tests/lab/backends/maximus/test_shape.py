"""Data files: what is filled in, and what a stub that holds none of it would do."""

from __future__ import annotations

import json

import pytest

from faultlab.lab.backends.maximus.shape import EPOCH, at, compact, naive, read_shape


def test_values_are_filled_in_at_any_depth() -> None:
    """Numbers stay numbers; a value that is missing is a mistake of ours."""
    shape = read_shape("placeholder")
    reply = shape.reply("GET /health", {"service": 7}, 203)
    assert (reply.status, json.loads(reply.body)) == (203, {"status": "healthy", "service": 7})
    with pytest.raises(KeyError):
        shape.reply("GET /health", {})


def test_a_table_is_one_s_own() -> None:
    """Who changes a row changes it for no one else."""
    shape = read_shape("penelope")
    shape.table("events")[0].clear()
    assert shape.table("events")[0]["event_id"] == "heal-001"


def test_what_never_works_says_so() -> None:
    """A refusal is a status and a text."""
    reply = read_shape("core").refusal("GET /api/consciousness/safety/status")
    assert (reply.status, json.loads(reply.body)) == (
        503,
        {"detail": "Consciousness system not initialized"},
    )


def test_times_as_the_services_write_them() -> None:
    """With a zone, without one, and as a part of an id."""
    assert at(EPOCH).isoformat() == "2025-11-14T12:00:00+00:00"
    assert naive(EPOCH + 0.5) == "2025-11-14T12:00:00.500000"
    assert (compact(EPOCH), compact(EPOCH, "%H")) == ("20251114_120000", "12")
