"""What a client can promise, and how a field is asked for."""

from __future__ import annotations

import pytest

from faultlab.lab.contract import Contract, builtin, parse, resolve

MAXIMUS = builtin("maximus")


def test_breaker_fields_are_those_of_the_breaker_that_counts_the_fault() -> None:
    """The number of failures that a story needs depends on what its fault shows."""
    contract = parse(
        {
            "breaker": [
                {"scope": "service", "counts": ["connect"], "fail_max": 3, "reset_timeout": 10},
                {"scope": "endpoint", "counts": ["m5xx"], "fail_max": 7},
            ]
        },
        "mine",
    )
    assert resolve(contract, "breaker.fail_max", "connect_refused") == 3
    assert resolve(contract, "breaker.fail_max", "status:500") == 7
    assert resolve(contract, "breaker.reset_timeout", "status:500") is None
    assert resolve(contract, "breaker.fail_max", "status:404") == 3
    assert resolve(contract, "breaker.fail_max") == 3


@pytest.mark.parametrize("path", ["breaker.fail", "attempts", "timeouts.reed", "deadline", ""])
def test_a_number_that_no_contract_has_is_a_key_error(path: str) -> None:
    """The scenario's author is told, not given nothing."""
    with pytest.raises(KeyError):
        resolve(MAXIMUS, path)


def test_fields_left_out_are_left_open() -> None:
    """No promise, no judgement."""
    for path in (
        "attempts",
        "attempts.max",
        "retry_on",
        "backoff",
        "retry_after",
        "timeouts",
        "timeouts.read",
        "deadline",
        "errors",
        "carries",
        "resources",
        "resources.tasks_after",
        "carries.cause",
        "breaker",
        "breaker.fail_max",
    ):
        assert not Contract().promises(path), path
        assert MAXIMUS.promises(path), path


def test_none_is_written_as_none() -> None:
    """A file may say that it leaves something open."""
    contract = parse("deadline: none\nbackoff: none\ntimeouts: {read: none}\nattempts: none", "x")
    assert contract == Contract(name="x")
    assert parse("breaker: none", "x").breaker == ()


@pytest.mark.parametrize(
    ("backoff", "intervals"),
    [
        ({"base": 0.5, "max": 8, "jitter": "equal"}, [(0.25, 0.5), (0.5, 1.0), (1.0, 2.0)]),
        ({"base": 1, "jitter": "full"}, [(0, 1), (0, 2), (0, 4)]),
        ({"first": 0, "base": 0.5}, [(0, 0), (0.5, 0.5), (1, 1)]),
        ({"base": 1, "factor": 10, "max": 5}, [(1, 1), (5, 5), (5, 5)]),
    ],
)
def test_backoff_is_an_interval_for_each_retry(
    backoff: dict[str, object], intervals: list[tuple[float, float]]
) -> None:
    """Jitter spreads it, the cap ends its growth."""
    section = parse({"backoff": backoff}, "x").backoff
    assert section is not None
    assert [section.interval(retry) for retry in (1, 2, 3)] == intervals
    assert section.interval(10_000)[1] > 0  # no overflow


def test_the_last_response_is_returned_when_attempts_are_used_up() -> None:
    """Only then, and only if it was one."""
    contract = parse({"exhausted": "last_response", "errors": {"transport": "E"}}, "x")
    assert contract.returns("status:503", exhausted=True) is True
    assert contract.returns("status:503") is None
    assert contract.returns("connect_refused", exhausted=True) is False
