"""What is pure in a play; it plays in tests/wire/run/test_play.py."""

from __future__ import annotations

from importlib.metadata import version
from platform import python_version

from faultlab.lab.plan import Plan
from faultlab.lab.play import header

PLAN = Plan(
    scenario="down",
    file="down.yaml",
    title="Down",
    subject="orders",
    contract="httpx",
    environment="embedded",
    tune="fast",
    seed=7,
    services=("orders",),
    steps=(),
    limit=20.0,
)


def test_a_header_says_what_was_played() -> None:
    """A history without it can't be replayed, nor compared."""
    found = header(PLAN, "baseline")
    assert (found.scenario, found.seed, found.environment) == ("down", 7, "embedded")
    assert (found.tune, found.subject, found.run) == ("fast", "orders", "baseline")
    assert found.versions == {"faultlab": version("faultlab"), "python": python_version()}
    assert found.wall.endswith("+00:00")
