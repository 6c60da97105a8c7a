"""What an exception stands for under a contract."""

from __future__ import annotations

import httpx
import pytest

import maximus
from faultlab.lab.contract import Contract, builtin, error_keys, members, parse, right_error
from faultlab.lab.history import Raised

MAXIMUS, HTTPX = builtin("maximus"), builtin("httpx")


def chain(*errors: type[BaseException]) -> tuple[Raised, ...]:
    """An exception chain as the subject's side records it."""
    return tuple(
        Raised(classes=tuple(f"{cls.__module__}.{cls.__qualname__}" for cls in error.__mro__))
        for error in errors
    )


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


def test_a_command_s_errors_are_its_exit_codes() -> None:
    """Two keys may share one code; a signal is none."""
    curl = parse({"errors": {"connect_refused": 7, "timeout": 28, "connect_timeout": 28}}, "curl")
    assert error_keys(curl, (Raised(classes=("exit 7",)),)) == {"connect_refused"}
    keys = error_keys(curl, (Raised(classes=("exit 28",)),))
    assert keys == {*members("timeout"), "connect_timeout"}
    assert error_keys(curl, (Raised(classes=("exit 2",)),)) == set()
    assert error_keys(curl, (Raised(classes=("signal SIGKILL",)),)) == set()


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
