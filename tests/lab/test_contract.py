"""What a client can promise, how keys are looked up, and what a bad contract is told."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import maximus
from faultlab.lab.contract import (
    BUILTINS,
    GROUPS,
    KEYS,
    NUMBERS,
    OUTCOME_GROUPS,
    Contract,
    ContractError,
    Problem,
    builtin,
    error_keys,
    groups_of,
    is_key,
    lookup,
    mapped_by,
    members,
    parse,
    resolve,
    right_error,
)
from faultlab.lab.history import Raised

MAXIMUS, HTTPX = builtin("maximus"), builtin("httpx")


def chain(*errors: type[BaseException]) -> tuple[Raised, ...]:
    """An exception chain as the subject's side records it."""
    return tuple(
        Raised(classes=tuple(f"{cls.__module__}.{cls.__qualname__}" for cls in error.__mro__))
        for error in errors
    )


# --- keys ----------------------------------------------------------------------------------------


def test_groups_are_nested() -> None:
    """Only so is `the more specific` one of any two groups that share an observable."""
    for one in GROUPS:
        for other in GROUPS:
            a, b = members(one), members(other)
            assert a <= b or b <= a or not a & b, (one, other)


def test_outcome_groups_do_not_overlap() -> None:
    """A scenario's outcome is one word."""
    connection, timeout, response = (members(group) for group in OUTCOME_GROUPS)
    assert not connection & timeout
    assert not timeout & response
    assert not connection & response


@pytest.mark.parametrize(
    ("observable", "groups"),
    [
        ("connect_timeout", ("connect", "connection", "transport")),
        ("read_timeout_body", ("read_timeout", "timeout", "transport")),
        ("bad_json", None),
        ("status:503", ("m5xx", "status")),
        ("open", ()),
        ("nonsense", ()),
    ],
)
def test_groups_of_an_observable_begin_with_the_most_specific(
    observable: str, groups: tuple[str, ...] | None
) -> None:
    """A connect time-out is a connection failure, no time-out (design section 8)."""
    assert groups is None or groups_of(observable) == groups


@given(st.sampled_from([key for key in KEYS if groups_of(key)]))
def test_the_more_specific_key_wins(observable: str) -> None:
    """Whatever the order in which a contract was written."""
    chain_of_keys = (observable, *groups_of(observable))
    mapping = {key: key for key in reversed(chain_of_keys)}
    for key in chain_of_keys:
        assert lookup(mapping, observable) == key
        assert mapped_by(mapping, observable) == key
        del mapping[key]
    assert lookup(mapping, observable) is None


def test_single_statuses_beat_their_class_and_that_beats_all() -> None:
    """`status:429` > `m4xx` > `status`."""
    mapping = {"status": 1, "m4xx": 2, "status:429": 3}
    assert [lookup(mapping, f"status:{code}") for code in (500, 404, 429)] == [1, 2, 3]


@pytest.mark.parametrize(
    "text", ["status:503", "status:200", "m2xx", "status", "transport", "open"]
)
def test_keys_are_known(text: str) -> None:
    """One table."""
    assert is_key(text)


@pytest.mark.parametrize("text", ["status:99", "status:600", "status:5033", "m1xx", "conect", ""])
def test_other_words_are_no_keys(text: str) -> None:
    """A typing error must not become a promise about nothing."""
    assert not is_key(text)


# --- the contracts that come along ---------------------------------------------------------------


def test_the_reference_client_is_held_to_its_published_promises() -> None:
    """The numbers of design section 9, and of the client's own policy."""
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


# --- fields --------------------------------------------------------------------------------------


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


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "keys"),
    [
        (maximus.MaximusTimeoutError, {*members("timeout")}),
        (maximus.MaximusDeadlineError, {"deadline", "slow_drip"}),
        (maximus.MaximusCircuitOpenError, {"open"}),
        (maximus.MaximusConnectionError, {*members("connection")}),
        (maximus.MaximusAPIError, {"status"}),
        (maximus.MaximusResponseError, {*members("unusable")}),
        (maximus.MaximusError, {"local"}),
        (ValueError, set()),
    ],
)
def test_the_most_specific_declared_class_decides(
    error: type[BaseException], keys: set[str]
) -> None:
    """A time-out is a connection error by inheritance, and still none in meaning."""
    assert error_keys(MAXIMUS, chain(error)) == keys


def test_a_class_written_with_a_dot_is_matched_whole() -> None:
    """A raw error of the layer below has the same last name."""
    assert error_keys(HTTPX, chain(httpx.ConnectError)) >= {"connect_refused", "dns"}
    foreign = (Raised(classes=("httpcore.ConnectError", "builtins.Exception")),)
    assert error_keys(HTTPX, foreign) == set()


def test_a_subclass_stands_for_its_declared_parent() -> None:
    """A client may refine what it declares."""
    raised = (Raised(classes=("shop.Gone", "shop.ShopError", "builtins.Exception")),)
    contract = parse({"errors": {"connect": "ShopError", "m4xx": "OtherError"}}, "shop")
    assert error_keys(contract, raised) == members("connect")


def test_a_wrapper_stands_for_what_it_wraps() -> None:
    """`exhausted: wrapper:CLASS` hides the last error behind one name."""
    contract = parse(
        {"exhausted": "wrapper:RetryError", "errors": {"connect": "httpx.ConnectError"}}, "x"
    )
    wrapped = (Raised(classes=("retry.RetryError",)), *chain(httpx.ConnectError))
    assert error_keys(contract, wrapped) == members("connect")
    assert "read_timeout_body" in error_keys(contract, wrapped[:1])


def test_the_right_error_is_the_one_declared_for_what_was_met() -> None:
    """None where the contract says nothing: that is unknown, never right."""
    assert right_error(MAXIMUS, chain(maximus.MaximusTimeoutError), "read_timeout_body") is True
    assert right_error(MAXIMUS, chain(maximus.MaximusTimeoutError), "connect_timeout") is False
    assert right_error(MAXIMUS, chain(maximus.MaximusAPIError), "status:503") is True
    assert right_error(Contract(), chain(ValueError), "status:503") is None


def test_open_raises_declares_the_class_of_an_open_breaker() -> None:
    """It need not be said twice."""
    contract = parse({"breaker": {"scope": "client", "open_raises": "Open"}}, "x")
    assert error_keys(contract, (Raised(classes=("x.Open",)),)) == {"open"}


def test_the_last_response_is_returned_when_attempts_are_used_up() -> None:
    """Only then, and only if it was one."""
    contract = parse({"exhausted": "last_response", "errors": {"transport": "E"}}, "x")
    assert contract.returns("status:503", exhausted=True) is True
    assert contract.returns("status:503") is None
    assert contract.returns("connect_refused", exhausted=True) is False


# --- reading -------------------------------------------------------------------------------------


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
