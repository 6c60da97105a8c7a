"""How long the stubs take when they are told to."""

from __future__ import annotations

import pytest

from faultlab.lab.backends.maximus import BUILTIN, PACES, maximus_routes
from faultlab.lab.backends.routes import Request

QUERY = Request("POST", "/query", body=b'{"query": "hi"}')
HEALTH = Request("GET", "/health")


def test_a_stub_answers_at_once_unless_told_otherwise() -> None:
    """A pace that came unasked would falsify every time that is measured through a stub."""
    assert maximus_routes("core").answer(QUERY).after == 0.0


@pytest.mark.parametrize(
    ("pace", "request_", "least", "most"),
    [
        ("measured", HEALTH, 0.002, 0.006),
        ("measured", QUERY, 1.2, 1.8),
        ("loaded", HEALTH, 0.534, 0.570),
        ("loaded", QUERY, 1.734, 2.370),
    ],
)
def test_within_what_was_measured(pace: str, request_: Request, least: float, most: float) -> None:
    """Every answer, refusals included."""
    routes = maximus_routes("core", pace=pace)
    drawn = [routes.answer(request_).after for _ in range(20)]
    assert least <= min(drawn) < max(drawn) <= most
    assert routes.answer(Request("POST", "/query")).after > 0


def test_the_seed_decides() -> None:
    """The same seed gives the same times, whatever else was asked between."""

    def drawn(seed: int, between: int) -> list[float]:
        routes = maximus_routes("core", pace="measured", seed=seed)
        times = []
        for _ in range(3):
            for _ in range(between):
                routes.answer(QUERY)
            times.append(routes.answer(HEALTH).after)
        return times

    assert drawn(1, 0) == drawn(1, 5) != drawn(2, 0)


@pytest.mark.parametrize("name", BUILTIN)
@pytest.mark.parametrize("pace", PACES)
def test_every_service_has_every_pace(name: str, pace: str) -> None:
    """Those that were never measured are as PENELOPE."""
    assert maximus_routes(name, pace=pace).answer(HEALTH).after > 0
