"""What a bad contract is told, and what the contracts that come along promise."""

from __future__ import annotations

import httpx
import pytest

import maximus
from faultlab.lab.contract import (
    BUILTINS,
    NUMBERS,
    ContractError,
    Problem,
    builtin,
    lookup,
    members,
    parse,
    resolve,
)

MAXIMUS, HTTPX = builtin("maximus"), builtin("httpx")


def test_all_problems_are_told_at_once() -> None:
    """Each with its place, its value and what was expected."""
    with pytest.raises(ContractError) as caught:
        parse(
            {
                "attempts": {"maxx": 3},
                "timeouts": {"read": "soon"},
                "errors": {"conect": "E"},
                "retry_on": {"statuses": [999]},
                "breaker": [{"scope": "planet"}],
                "budget": {"kind": "tokens"},
            },
            "shop",
        )
    assert caught.value.problems == (
        Problem("attempts.maxx", "unknown field", "one of max; did you mean max?"),
        Problem("retry_on.statuses[0]", "999", "a status (200 to 599) or m2xx, m3xx, m4xx, m5xx"),
        Problem("timeouts.read", "'soon'", "a number"),
        Problem("errors.conect", "'conect'", "a contract key (did you mean connect?)"),
        Problem("breaker[0].scope", "'planet'", "'service', 'endpoint' or 'client'"),
        Problem("budget", "not judged by this version", "the field left out"),
    )
    assert str(caught.value).startswith("contract shop:\n  attempts.maxx: unknown field: expected")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("- attempts", "file"),
        ("attempts: {max: 3", "file"),
        ("attempts: {max: 0}", "attempts.max"),
        ("timeouts: {read: -1}", "timeouts.read"),
        ("timeouts: {read: .inf}", "timeouts.read"),
        ("backoff: {factor: 2}", "backoff.base"),
        ("exhausted: sometimes", "exhausted"),
        ("retry_on: {faults: {m5xx: always}}", "retry_on"),
        ("breaker: {scope: client, counts: [m5xx], success: [m5xx]}", "breaker[0]"),
        (
            "breaker: [{scope: client, layer: per_call}, {scope: client, layer: per_attempt}]",
            "contract",
        ),
    ],
)
def test_nonsense_is_refused_where_it_stands(text: str, path: str) -> None:
    """A contract that can't be kept or broken judges nothing."""
    with pytest.raises(ContractError) as caught:
        parse(text, "x")
    assert [problem.path for problem in caught.value.problems] == [path]


def test_classes_may_be_given_as_classes() -> None:
    """In Python a name that the editor can follow is better than text."""
    contract = parse({"errors": {"connect": httpx.ConnectError, "m4xx": [ValueError]}}, "x")
    assert contract.errors == {
        "connect": ("httpx.ConnectError",),
        "m4xx": ("builtins.ValueError",),
    }


def test_an_unknown_name_of_a_contract_names_the_known_ones() -> None:
    """The decorator's author is helped."""
    with pytest.raises(ContractError, match="httpx, maximus"):
        builtin("requests")


# --- the contracts that come along ---------------------------------------------------------------


def test_the_reference_client_is_held_to_its_published_promises() -> None:
    """The numbers that the reference client promises, and of its own policy."""
    policy = maximus.Policy()
    numbers = {path: resolve(MAXIMUS, path) for path in NUMBERS}
    assert numbers == {
        "attempts.max": policy.attempts,
        "backoff.first": None,
        "backoff.base": policy.backoff_base,
        "backoff.max": policy.backoff_cap,
        "retry_after.cap": policy.retry_after_cap,
        "timeouts.connect": policy.timeouts.connect,
        "timeouts.read": policy.timeouts.read,
        "timeouts.write": policy.timeouts.write,
        "timeouts.pool": policy.timeouts.pool,
        "deadline.total": policy.deadline,
        "breaker.fail_max": policy.breaker.fail_max,
        "breaker.reset_timeout": policy.breaker.reset_timeout,
    }


@pytest.mark.parametrize("name", BUILTINS)
def test_a_contract_that_comes_along_maps_every_wire_observable(name: str) -> None:
    """An unmapped key is `unknown`, which would spoil every story that shows it."""
    contract = builtin(name)
    for observable in (*members("transport"), *members("unusable"), "status:404", "status:503"):
        if name == "httpx" and observable in ("slow_drip",):
            continue  # httpx has no deadline: nothing ends it
        assert lookup(contract.classes, observable) is not None, observable
        assert not [b.scope for b in contract.breaker or () if b.vote(observable) is None], (
            observable
        )


@pytest.mark.parametrize(
    ("observable", "service", "endpoint"),
    [
        ("connect_refused", "counts", "neutral"),
        ("read_timeout_headers", "success", "counts"),
        ("status:503", "success", "counts"),
        ("status:429", "success", "success"),
        ("ok", "success", "success"),
        ("cancelled", "neutral", "neutral"),
        ("pool_exhausted", "neutral", "neutral"),
    ],
)
def test_the_two_breakers_count_apart(observable: str, service: str, endpoint: str) -> None:
    """One asks whether the service can be reached, the other whether the endpoint works."""
    assert MAXIMUS.breaker is not None
    assert [breaker.vote(observable) for breaker in MAXIMUS.breaker] == [service, endpoint]


def test_plain_httpx_promises_one_attempt_and_no_breaker() -> None:
    """So that `breaker.fail_max` operations are one, and no wait is one."""
    assert HTTPX.attempts.max == 1
    assert HTTPX.breaker == ()
    assert not HTTPX.promises("breaker")
    assert resolve(HTTPX, "breaker.fail_max") == 1
    assert resolve(HTTPX, "breaker.reset_timeout") == 0
    assert HTTPX.returns("status:503") is True
    assert HTTPX.returns("connect_refused") is False
    assert HTTPX.returns("slow_drip") is None
