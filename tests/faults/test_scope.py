from typing import get_args

import pytest
from pydantic import ValidationError

from faultlab.faults import Latency, Stall, Status
from faultlab.faults.scope import REACHES, Reach, covers


@pytest.mark.parametrize(
    ("endpoint", "method", "target", "covered"),
    [
        (None, "GET", "/anything", True),
        ("GET /orders", "GET", "/orders", True),
        ("GET /orders", "GET", "/orders?page=2", True),
        ("GET /orders", "POST", "/orders", False),
        ("GET /orders", "GET", "/orders/7", False),
        ("GET /orders/{id}", "GET", "/orders/7", True),
        ("GET /orders/{id}", "GET", "/orders/7/lines", False),
        ("GET /orders/{id}", "GET", "/orders/", False),
        ("GET /a/*/b", "GET", "/a/x/b", True),
        ("GET /a/*/b", "GET", "/a/x/y/b", False),
        ("GET /a/*", "GET", "/a/x/y/b", True),
        ("GET /a.b", "GET", "/aXb", False),
        ("GET /*", "GET", "/", True),
    ],
)
def test_an_endpoint_covers(endpoint, method, target, covered) -> None:
    """The pattern language, as the docstring of Fault tells it."""
    assert covers(endpoint, method, target) is covered


@pytest.mark.parametrize("endpoint", ["orders", "/orders", "get /orders", "GET orders", "GET "])
def test_what_is_no_endpoint_is_refused_with_the_form_expected(endpoint) -> None:
    """A pattern that can match nothing would be a fault that never fires."""
    with pytest.raises(ValidationError, match="write one like `GET /orders/"):
        Stall(service="core", endpoint=endpoint)


@pytest.mark.parametrize("delay", [float("inf"), float("nan"), -0.1])
def test_a_duration_is_a_number_that_passes(delay: float) -> None:
    """It travels as JSON, which has no infinity; for ever is another kind."""
    with pytest.raises(ValidationError):
        Latency(service="core", delay=delay)


def test_what_can_not_be_sent_is_no_text() -> None:
    """A lone surrogate would break the fault on its way to the lab process."""
    with pytest.raises(ValidationError):
        Stall(service="core\ud800")
    with pytest.raises(ValidationError, match="is no text in UTF-8: surrogates not allowed"):
        Stall(service="core", endpoint="GET /\ud800")


def test_a_fault_is_scoped_by_endpoint_or_number() -> None:
    """Only then must the gate see requests."""
    assert not Stall(service="core").scoped
    assert Stall(service="core", first=1).scoped
    assert Stall(service="core", endpoint="GET /x").scoped


def test_a_fault_is_a_value() -> None:
    """Frozen, equal by content, closed to unknown parameters."""
    assert Stall(service="core") == Stall(service="core")
    with pytest.raises(ValidationError):
        Stall(service="core").service = "maba"
    with pytest.raises(ValidationError, match="Extra inputs"):
        Stall(service="core", speed=1)
    with pytest.raises(ValidationError):
        Stall(service="core", first=0)
    with pytest.raises(ValidationError):
        Stall(service="")


def test_its_text_is_what_a_file_has_without_the_defaults() -> None:
    """One line for a human reader of the history, who may paste it."""
    assert Stall(service="core").text() == ""
    assert Latency(service="core", delay=0.5, endpoint="GET /a").text() == (
        "delay: 500ms, endpoint: GET /a"
    )
    status = Status(service="core", code=503, headers=(("Retry-After", "1"),), first=2)
    assert status.text() == "code: 503, headers: {Retry-After: 1}, first: 2"


def test_every_reach_is_told_in_words() -> None:
    """Lists show what a kind acts on."""
    assert set(REACHES) == set(get_args(Reach))


def test_its_slot_is_what_a_later_fault_replaces() -> None:
    """Kind, service and endpoint."""
    assert Stall(service="core", first=2).slot() == ("stall", "core", None)
