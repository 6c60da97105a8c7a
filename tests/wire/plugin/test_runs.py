"""`lab.run` in a stranger's session: a scenario in a child, its verdict, and what is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Stranger

pytest_plugins = ["pytester"]
pytestmark = [pytest.mark.wire, pytest.mark.slow, pytest.mark.timeout(180)]

SUBJECT = """
import httpx
from faultlab import op, subject

@subject(services={"orders": {"GET /orders/{id}": {"id": 7}}}, contract=CONTRACT)
def orders(urls):
    with httpx.Client(base_url=urls["orders"], timeout=2, trust_env=False) as http:
        yield {"read": op("GET /orders/{id}", http.get, "/orders/7")}
"""
THREE = {"attempts": {"max": 3}, "retry_on": {"faults": {"connect": "always"}}}
SCENARIO = """
scenario: Nobody is there
fault:
  - inject: refused
  - read: connection
"""


def test_a_scenario_is_played_with_a_subject_of_one_s_own(stranger: Stranger) -> None:
    """A pass leaves nothing; a failure explains itself, and keeps its run folder."""
    stranger.writes(
        orders_lab=SUBJECT.replace("CONTRACT", '"httpx"'),
        broken_lab=SUBJECT.replace("CONTRACT", repr(THREE)),
        test_orders="""
        import pytest

        def test_pass(lab):
            assert lab.run("gone.yaml", "orders_lab.py:orders") == "pass"

        @pytest.mark.faultlab(seed=7)
        @pytest.mark.asyncio
        async def test_fail(lab):
            assert lab.run("gone.yaml", "broken_lab.py:orders") == "pass"
        """,
    )
    stranger.path.joinpath("gone.yaml").write_text(SCENARIO)
    result = stranger.run("-p", "no:randomly")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.re_match_lines(
        [
            r"E       (AssertionError: )?assert fail: C02 exact-retries, .* != 'pass'$",
            r"E         promised   3 attempts, the first included$",
            r"faultlab .*   subject broken_lab\.py:orders   environment embedded",
            r"FAIL gone: C02 exact-retries +gone\.yaml:\d+.*",
            r"  again      faultlab run gone\.yaml --subject broken_lab\.py:orders .*--seed 7$",
            r"  history    \.faultlab/failed/test_orders\.py--test_fail/run-1/gone/armed\.jsonl$",
        ]
    )
    kept = stranger.path / ".faultlab/failed"
    assert {one.name for one in kept.iterdir()} == {
        "test_orders.py--test_fail.jsonl",
        "test_orders.py--test_fail",
    }
    assert (kept / "test_orders.py--test_fail/run-1/gone/armed.jsonl").is_file()
    assert stranger.folders() == stranger.lab_processes() == []


def test_what_can_t_be_played_is_an_error_at_the_call(stranger: Stranger) -> None:
    """As the command line tells it."""
    stranger.writes(test_orders="def test_name(lab): lab.run('dwn')")
    result = stranger.run()
    result.stdout.fnmatch_lines(
        [
            ">*lab.run('dwn')",
            "E*UsageError: dwn: no such scenario, file or folder; nearest: down",
        ]
    )
