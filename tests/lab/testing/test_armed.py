"""Faults in force, as a test holds them."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest

from faultlab.faults import Latency, Status
from faultlab.lab.errors import SetupError
from faultlab.lab.history import (
    AnyEvent,
    FaultCleared,
    FaultFired,
)
from faultlab.lab.testing import Lab
from faultlab.lab.testing.armed import last_of

if TYPE_CHECKING:
    from .conftest import Paper


def test_a_block_fails_when_its_fault_never_fired(lab: Lab) -> None:
    """A test that passes without its fault has tested nothing."""
    with (
        pytest.raises(AssertionError, match=r"`refused` on core \(test_armed.py:\d+\)"),
        lab.down("core"),
    ):
        pass


def test_a_block_s_own_error_is_never_masked(lab: Lab) -> None:
    """What went wrong in the block is why the fault never fired."""
    with pytest.raises(KeyError), lab.down("core"):
        raise KeyError
    assert lab.close() is not None  # nor is it told at the end


def test_a_place_lost_inside_a_block_does_not_mask_its_error(lab: Lab, paper: Paper) -> None:
    """Which of the two came first is for the reader to see."""
    down = lab.down("core")
    paper.gone = True
    with pytest.raises(KeyError), down:
        raise KeyError


def test_an_unfired_fault_may_be_meant(lab: Lab) -> None:
    """A client that answers from its cache calls nobody."""
    with lab.down("core", unfired="ok") as down:
        assert down.fired == 0
    assert down.cleared


def test_a_fault_without_a_block_is_judged_at_the_end(lab: Lab, paper: Paper) -> None:
    """It ends with the test, and the test fails there."""
    lab.status("core", 503)
    with pytest.raises(AssertionError, match=r"`status` on core .* never fired"):
        lab.close()
    assert paper.armed == {}
    assert paper.closed == 1


def test_clearing_twice_does_no_harm(lab: Lab, paper: Paper) -> None:
    """A block may be ended early by hand."""
    with lab.status("core", 503) as status:
        paper.add(FaultFired, service="core", fault=status.numbers[0])
        status.clear()
    assert sum(isinstance(event, FaultCleared) for event in lab.history) == 1
    assert repr(status) == "<Armed status on core (cleared)>"


def test_attempts_of_a_fault_are_those_on_its_service_while_in_force(
    lab: Lab, paper: Paper
) -> None:
    """A control call before it and a call elsewhere count only for the whole test."""
    lab.serve("orders", {"GET /orders/{id}": {}})
    paper.request("orders")
    with lab.status("orders", 503) as status:
        paper.request("orders")
        paper.request("core")
        paper.add(FaultFired, service="orders", fault=status.numbers[0])
    paper.request("orders")
    assert status.attempts == 1
    assert status.attempts.explain("==", 2) == [
        "1 attempt on orders != 2",
        "while status was in force, the first attempt included; wire below",
    ]
    assert (lab.attempts("orders"), lab.attempts("core"), lab.attempts()) == (3, 1, 4)


def test_each_of_several_faults_must_fire(lab: Lab, paper: Paper) -> None:
    """One that acted proves nothing of the other."""
    with (
        pytest.raises(AssertionError, match="`latency` on penelope"),
        lab.inject(
            Status(service="core", code=503), Latency(service="penelope", delay=0.5)
        ) as both,
    ):
        paper.add(FaultFired, service="core", fault=both.numbers[0])


def test_several_are_over_when_the_last_of_them_is() -> None:
    """In whatever order they end; a place that is lost is told to who waits."""
    one, other, event = Future[AnyEvent](), Future[AnyEvent](), FaultCleared(t=0.2, fault=2)
    both = last_of([one, other])
    other.set_result(FaultCleared(t=0.1, fault=1))
    assert not both.done()
    one.set_result(event)
    assert both.result(0) is event
    assert last_of([one]) is one
    lost = Future[AnyEvent]()
    lost.set_exception(SetupError("the run is over"))
    assert isinstance(last_of([one, lost]).exception(0), SetupError)
