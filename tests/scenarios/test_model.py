import pytest
from pydantic import ValidationError

from faultlab.faults import Latency, Status
from faultlab.scenarios.model import (
    FIELDS,
    LAB_STEPS,
    PLUS_KEYS,
    ROLES,
    InjectStep,
    OperationStep,
    Quantity,
    Scenario,
    SubjectStep,
)


def test_no_operation_can_be_named_like_a_key_of_the_lab() -> None:
    """A role that were also a key would make a step ambiguous."""
    assert not {*ROLES} & {*LAB_STEPS, *PLUS_KEYS}


def test_contract_fields_measure_seconds_or_counts() -> None:
    """A wait of five failures has no meaning."""
    assert [name for name, unit in FIELDS.items() if unit == "count"] == [
        "attempts.max",
        "breaker.fail_max",
    ]


def test_an_inject_becomes_a_fault_once_its_quantities_are_numbers() -> None:
    """The plan knows the contract, the file does not."""
    step = InjectStep("latency", 3, (("delay", Quantity(2, "timeouts.read")),))
    fault = step.fault("orders", None, lambda quantity: quantity.amount * 0.7)
    assert fault == Latency(service="orders", delay=1.4)


def test_the_scope_of_an_inject_reaches_the_fault() -> None:
    """First n and endpoint are the fault's, not the step's."""
    step = InjectStep("status", 3, (("code", 503),), scope=(("first", Quantity(2)),))
    fault = step.fault("orders", "GET /orders/*", lambda quantity: quantity.amount)
    assert fault == Status(service="orders", endpoint="GET /orders/*", first=2, code=503)


def test_an_impossible_fault_is_refused_by_its_model() -> None:
    """One place says what a fault may be."""
    with pytest.raises(ValidationError):
        InjectStep("cut", 3).fault("orders", None, lambda quantity: quantity.amount)


def test_operations_are_named_once_in_order_of_time() -> None:
    """Implied phases call them in this order."""
    steps = (
        OperationStep("write", ("ok",), 3),
        SubjectStep(4),
        OperationStep("read", ("ok",), 5),
        OperationStep("write", ("ok",), 6),
    )
    assert Scenario("a", "a.yaml", "A", steps).operations() == ("write", "read")


def test_a_quantity_reads_as_it_was_written() -> None:
    """Printed plans name the field, not only its number."""
    assert Quantity(2, "timeouts.read").text() == "2 x timeouts.read"
    assert Quantity(1, "breaker.fail_max").text() == "breaker.fail_max"
