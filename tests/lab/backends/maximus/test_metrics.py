"""Zeros where metrics can't be had."""

from __future__ import annotations

from faultlab.lab.backends.maximus import maximus_routes
from faultlab.lab.backends.routes import Request


def test_zeros_take_a_range_of_minutes() -> None:
    """What is out of bounds is refused before anything is measured."""
    routes = maximus_routes("nis", presets=("zeros",))
    request = Request("POST", "/api/v1/metrics", body=b'{"time_range_minutes": 1441}')
    assert routes.answer(request).status == 422
