"""The services that are little more than their health."""

from __future__ import annotations

import json

import pytest

from faultlab.lab.backends.maximus import EPOCH, maximus_routes
from faultlab.lab.backends.routes import Request


@pytest.mark.parametrize("name", ["maba", "nis"])
def test_it_tells_how_long_it_has_been_up(name: str) -> None:
    """By its clock, since it was made."""
    now = [EPOCH]
    routes = maximus_routes(name, lambda: now[0])
    now[0] += 90
    value = json.loads(routes.answer(Request("GET", "/health")).body)
    assert (value["uptime_seconds"], value["timestamp"]) == (90.0, "2025-11-14T12:01:30")
