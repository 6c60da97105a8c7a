"""What a client that keeps its contract would do under a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faultlab.lab.contract import Contract, builtin
from faultlab.lab.plan import Offer, Plan, plan
from faultlab.lab.report.forecast import Forecast, forecast
from faultlab.lab.tune import FAST, tuned
from faultlab.scenarios import parse

if TYPE_CHECKING:
    from .conftest import MakePlan

MAXIMUS = tuned(builtin("maximus"), FAST)
OFFERS = (
    Offer(name="read", service="core", method="GET", path="/health", idempotent=True),
    Offer(name="write", service="core", method="POST", path="/query", idempotent=False),
)
FIVE = "  - read: connection\n    times: 5\n"


def planned(fault: str, contract: Contract = MAXIMUS) -> Plan:
    """A plan whose fault phase is this."""
    made = plan(
        parse(f"scenario: A\ncontrol:\n  - read: ok\nfault:\n{fault}".encode(), "a.yaml"),
        contract,
        OFFERS,
        seed=7,
        environment="embedded",
        tune="fast",
        subject="maximus",
        slugs={},
    )
    assert isinstance(made, Plan)
    return made


def expected(fault: str, contract: Contract = MAXIMUS) -> list[tuple[int, str]]:
    """Attempts and outcome of each operation of the fault phase."""
    made = planned(fault, contract)
    found = forecast(made, contract)
    ids = [op for step in made.operations() if step.phase == "fault" for op in step.ids]
    return [(found[op].attempts, found[op].outcome) for op in ids]


@pytest.mark.parametrize(
    ("fault", "ends"),
    [
        ("  - inject: refused\n  - write: connection\n", [(3, "connection")]),
        ("  - inject: killed\n  - write: connection\n", [(3, "connection")]),
        ("  - inject: frozen\n  - write: timeout\n", [(1, "timeout")]),
        ("  - inject: killed\n    after: request\n  - write: connection\n", [(1, "connection")]),
        (
            "  - inject: killed\n    lasts: 1s\n  - read: connection\n  - wait: 1s\n  - read: ok\n",
            [(3, "connection"), (1, "ok")],
        ),
        (
            "  - inject: stopped\n    restart: 1s\n  - read: contract\n  - wait: 1s\n  - read: ok\n",
            [(3, "connection"), (1, "ok")],
        ),
        ("  - inject: partition\n  - write: timeout\n", [(1, "timeout")]),
        ("  - inject: partition\n  - read: connection\n", [(3, "connection")]),
        ("  - inject: partition\n    live: keep\n  - read: ok\n", [(1, "ok")]),
        ("  - inject: stall\n    at: connect\n  - read: contract\n", [(1, "ok")]),
        (
            "  - inject: stall\n    at: connect\n  - connections: fresh\n  - read: contract\n",
            [(3, "connection")],
        ),
        (
            "  - inject: stall\n    at: connect\n  - subject: new\n  - read: contract\n",
            [(3, "connection")],
        ),
        ("  - inject: stall\n    at: response_body\n  - write: contract\n", [(1, "timeout")]),
        ("  - inject: throttle\n    rate: 20kB/s\n  - read: contract\n", [(1, "ok")]),
        ("  - inject: throttle\n    rate: 20B/s\n  - read: contract\n", [(1, "deadline")]),
        ("  - inject: throttle\n    rate: 1B/s\n  - read: contract\n", [(3, "timeout")]),
        ("  - inject: drip\n    size: 20B\n  - read: contract\n", [(1, "ok")]),
        ("  - inject: drip\n  - read: contract\n", [(1, "deadline")]),
        (
            "  - inject: throttle\n    rate: 50B/s\n    direction: both\n  - write: contract\n",
            [(1, "timeout")],
        ),
        ("  - inject: drip\n  - read: ok\n", [(1, "ok")]),
        ("  - inject: drip\n  - write: deadline\n", [(1, "deadline")]),
        ("  - inject: drip\n    interval: 30s\n  - write: contract\n", [(1, "timeout")]),
        (
            "  - inject: stale\n  - read: contract\n  - write: contract\n",
            [(2, "ok"), (1, "connection")],
        ),
        ("  - inject: stale\n    idle: 1s\n  - read: contract\n", [(1, "ok")]),
        ("  - inject: stale\n    idle: 1s\n  - wait: 1s\n  - read: contract\n", [(2, "ok")]),
        ("  - inject: duplicate\n  - write: ok\n", [(1, "ok")]),
        ("  - inject: capacity\n    workers: 1\n  - read: ok\n", [(1, "ok")]),
        ("  - inject: capacity\n    workers: 1\n  - write: status:503\n", [(1, "status:503")]),
        ("  - inject: stale\n    at: idle\n  - read: ok\n", [(1, "ok")]),
        ("  - inject: latency\n    delay: 500ms\n  - read: ok\n", [(1, "ok")]),
        (
            "  - inject: latency\n    delay: 2 x timeouts.read\n  - read: timeout\n",
            [(3, "timeout")],
        ),
        ("  - inject: status\n    sequence: [500, 404]\n  - read: contract\n", [(2, "status:404")]),
        ("  - inject: status\n    code: 503\n    first: 2\n  - read: contract\n", [(3, "ok")]),
        ("  - inject: bad_body\n    body: invalid_json\n  - read: response\n", [(1, "response")]),
        (
            f"  - inject: refused\n{FIVE}  - read: open\n",
            [*[(3, "connection")] * 5, (0, "open")],
        ),
        (
            f"  - inject: refused\n{FIVE}  - subject: new\n  - read: connection\n",
            [(3, "connection")] * 6,
        ),
    ],
)
def test_the_contract_decides_attempts_and_end(fault: str, ends: list[tuple[int, str]]) -> None:
    """A wrong contract must show before anything is played."""
    assert expected(fault) == ends


def test_without_a_deadline_a_drip_ends_well() -> None:
    """Slow is not broken: nothing that this client promised ends it."""
    fault = "  - inject: drip\n  - read: contract\n  - write: contract\n"
    assert expected(fault, builtin("httpx")) == [(1, "ok")] * 2


def test_one_of_several_at_once_is_the_probe() -> None:
    """The breaker's story depends on it: the others are rejected while it is held."""
    fault = (
        "  - inject: status\n    code: 503\n  - read: status:503\n    times: 5\n  - clear: all\n"
        "  - inject: stall\n  - wait: breaker.reset_timeout\n"
        "  - read: [timeout, open]\n    concurrency: 10\n"
    )
    assert sorted(expected(fault)[5:]) == [*[(0, "open")] * 9, (1, "timeout")]


def test_the_server_s_wait_beats_the_client_s_own(plan: MakePlan) -> None:
    """A story with Retry-After takes seconds, and its author must see why."""
    found = forecast(plan(), MAXIMUS)
    assert [round(low, 3) for low, _ in found[2].waits] == [1.0, 1.0]
    assert found[3] == Forecast(1, (), "ok")  # `first: 2` was used up by operation 2
    assert found[1] == found[4] == Forecast(1, (), "ok")


def test_what_the_contract_leaves_open_is_said() -> None:
    """A number that nobody promised would be taken for a promise."""
    found = forecast(planned("  - inject: refused\n  - read: connection\n"), Contract())
    assert found[2].attempts == 1
    assert found[2].more


@pytest.mark.parametrize(
    ("scope", "attempts"),
    [
        ("attempt: 1", [2, 2, 2, 2]),
        ("attempt: [1, 2]", [3, 3, 3, 3]),
        ("operation: 2", [1, 3, 1, 1]),
        ("every_nth: 2", [1, 2, 2, 2]),
        ("first: 3", [3, 1, 1, 1]),
        ("after: request", [1, 3, 3, 3]),
        ("after: 50m", [1, 1, 1, 1]),
    ],
)
def test_scopes_and_schedules_are_thought_of(scope: str, attempts: list[int]) -> None:
    """By the same functions that decide on the wire."""
    fault = f"  - inject: status\n    code: 503\n    {scope}\n  - read: [ok, status:503]\n    times: 4\n"
    assert [number for number, _ in expected(fault)] == attempts


def test_a_fraction_is_forecast_by_the_run_s_own_draws() -> None:
    """Chance is keyed by the seed, so that a plan knows it."""
    fault = "  - inject: status\n    code: 503\n    fraction: 0.5\n  - read: [ok, status:503]\n    times: 9\n"
    found = [number for number, _ in expected(fault)]
    assert found == [number for number, _ in expected(fault)]
    assert len(set(found)) > 1


def test_what_waits_for_an_open_breaker_comes_when_it_opens() -> None:
    """The sixth operation is refused, and what comes after the reset time meets the other fault."""
    fault = (
        "  - inject: status\n    code: 503\n    first: 15\n"
        "  - inject: stall\n    after: open\n"
        "  - read: status:503\n    times: 5\n  - read: open\n"
        "  - wait: breaker.reset_timeout\n  - read: timeout\n"
    )
    assert expected(fault) == [(3, "status:503")] * 5 + [(0, "open"), (1, "timeout")]


def test_a_cancelled_operation_counts_nowhere_and_gives_its_permit_back() -> None:
    """So its author sees that neither the threshold nor the probe is used up."""
    fault = "  - inject: stall\n  - read: cancelled\n    times: 5\n    cancel_after: 100ms\n"
    trip = "  - inject: status\n    code: 503\n  - read: status:503\n    times: 5\n  - clear: all\n"
    assert expected(fault) == [(1, "cancelled")] * 5
    assert expected(f"{fault}  - clear: all\n  - read: ok\n")[5:] == [(1, "ok")]
    probes = f"{trip}  - wait: breaker.reset_timeout\n{fault}  - read: [timeout, open]\n"
    assert expected(probes)[5:] == [*[(1, "cancelled")] * 5, (1, "timeout")]


def test_a_cancellation_ends_a_wait_too() -> None:
    """No further attempt follows it."""
    fault = "  - inject: refused\n  - read: cancelled\n    cancel_after: 30ms\n"
    assert expected(fault) == [(2, "cancelled")]


def test_operations_at_once_have_all_begun_before_one_has_failed() -> None:
    """The breaker that they open rejects none of them."""
    fault = (
        "  - inject: status\n    code: 503\n"
        "  - write: status:503\n    concurrency: 10\n  - write: open\n"
    )
    assert expected(fault) == [*[(1, "status:503")] * 10, (0, "open")]
