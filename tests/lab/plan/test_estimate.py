from collections.abc import Callable

import pytest

from faultlab.lab.contract import Contract
from faultlab.lab.plan import Operate, Plan, about, attempts_of

Planned = Callable[..., Plan]


@pytest.mark.parametrize(
    ("steps", "least", "most"),
    [
        ("  - inject: refused\n  - read: connection\n", 0.1, 0.4),
        ("  - inject: partition\n  - read: connection\n", 0.9, 1.5),
        ("  - inject: stall\n  - write: timeout\n", 0.7, 1.0),
        ("  - inject: stall\n  - read: timeout\n", 2.1, 2.6),
        ("  - inject: latency\n    delay: 500ms\n  - read: ok\n    times: 4\n", 2.0, 2.5),
        ("  - inject: latency\n    delay: 500ms\n  - read: ok\n    concurrency: 4\n", 0.5, 1.0),
        ("  - inject: stall\n  - read: cancelled\n    times: 3\n    cancel_after: 400ms\n", 1.2, 1.5),
        ("  - inject: stall\n  - read: contract\n    cancel_after: 2s\n", 0.1, 0.3),
        ("  - inject: throttle\n    rate: 300B/s\n  - read: ok\n    times: 3\n", 3.0, 3.5),
        ("  - inject: drip\n  - read: ok\n", 4.0, 4.5),
        ("  - inject: drip\n    size: 10B\n    direction: both\n  - write: ok\n", 4.0, 4.5),
        ("  - inject: drip\n  - write: deadline\n", 4.0, 4.5),
        ("  - inject: stall\n    at: response_body\n  - write: timeout\n", 0.7, 1.0),
        ("  - inject: stall\n    at: connect\n  - read: connection\n", 0.9, 1.5),
        ("  - inject: refused\n  - read: connection\n  - wait: 3s\n", 3.0, 3.5),
        ("  - inject: stall\n  - wait: breaker.reset_timeout\n  - read: timeout\n", 1.7, 2.0),
        ("  - inject: status\n    code: 503\n    headers: {Retry-After: 1}\n    first: 2\n  - read: contract\n", 2.0, 2.5),
    ],
)  # fmt: skip
def test_an_estimate_counts_silence_waits_and_rounds(
    planned: Planned, maximus: Contract, steps: str, least: float, most: float
) -> None:
    """`about` tells the reader whether to wait or to fetch a coffee."""
    assert least <= about(planned(steps), maximus) <= most


def test_the_limit_leaves_room_for_a_loaded_machine(planned: Planned, maximus: Contract) -> None:
    """A run is cut when it hangs, not when both cores are busy."""
    found = planned("  - inject: stall\n  - read: timeout\n")
    assert found.limit >= 15 + 3 * about(found, maximus)


def step_of(name: str, planned: Planned) -> Operate:
    """The control operation of this name."""
    found = planned(f"  - inject: refused\n  - {name}: contract\n")
    return next(found.operations())


@pytest.mark.parametrize(
    ("name", "observable", "attempts"),
    [
        ("read", "connect_refused", 3),
        ("write", "connect_refused", 3),
        ("read", "read_timeout_headers", 3),
        ("write", "read_timeout_headers", 1),
        ("read", "status:503", 3),
        ("write", "status:503", 1),
        ("read", "status:404", 1),
        ("read", "bad_json", 1),
    ],
)
def test_attempts_follow_the_contracts_rules(
    planned: Planned, maximus: Contract, name: str, observable: str, attempts: int
) -> None:
    """The counts that the stories assert."""
    assert attempts_of(step_of(name, planned), observable, maximus) == attempts


def test_a_client_without_retries_makes_one_attempt(planned: Planned, httpx: Contract) -> None:
    """Whatever it meets."""
    assert attempts_of(step_of("read", planned), "connect_refused", httpx) == 1
