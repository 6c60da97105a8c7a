"""How long an operation may take as a whole: the corners of the claims."""

from typing import Any

import pytest

from faultlab.lab import history as h
from faultlab.lab.contract import Contract
from faultlab.lab.tolerance import BASE


def under_way(story: Any, until: float, lag: float = 0.0) -> Any:
    """A write that is answered with success `until` seconds after it began."""
    told = story().begin(1, 0.1, "write").start(1, 1, 0.2)
    return told.answer(until, 200).ok(1, 0.1 + until, late=lag)


@pytest.mark.parametrize(
    ("until", "outcome"),
    [
        (39.9, "not_exercised"),
        (40.0, "pass"),
        (40 + 0.9 * BASE, "pass"),
        (40 + 1.5 * BASE, "unknown"),
        (40 + 2.5 * BASE, "fail"),
    ],
)
def test_a_deadline_has_the_tolerance_of_its_operation(
    story: Any, found: Any, until: float, outcome: str
) -> None:
    """It is an upper bound; a success that came too late was too late."""
    assert found("C27", under_way(story, until)).outcome == outcome


def test_a_client_that_was_kept_waiting_may_end_later(story: Any, found: Any) -> None:
    """Under load the same client gets the same verdict."""
    assert found("C27", under_way(story, 40.3, lag=0.3)).outcome == "pass"


def test_a_wait_for_a_connection_counts(story: Any, found: Any) -> None:
    """The caller waits for all of it, and never mind in which queue."""
    finding = found("C27", story().begin(1, 0.1).fail(1, 55.1, "TimedOut"))
    assert finding.seen == "`read` ended after 55.000 s; it made no attempt"
    assert finding.field == "deadline.total: 40"
    assert [remark for _, remark in finding.marks] == ["<- 55.000 s, not 40"]


def test_sleeps_and_attempts_add_up(story: Any, found: Any) -> None:
    """Three attempts in time, each, and together too late."""
    told = story().begin(1, 0.1)
    for number, begun in ((1, 0.2), (2, 15.0), (3, 32.0)):
        told.start(1, number, begun, conn=number).close(begun + 10, conn=number)
    finding = found("C27", told.fail(1, 42.1, "TimedOut"))
    assert finding.seen == "`read` ended after 42.000 s; its last attempt met read_timeout_headers"


def test_an_operation_that_never_ends_is_late_once_its_time_is_over(story: Any, found: Any) -> None:
    """A client that hangs for ever must not be unknown."""
    hung = story().begin(1, 0.1).start(1, 1, 0.2)
    assert found("C27", hung.on(h.OpUnknown, 30.0, op=1)).outcome == "not_exercised"
    hung = story().begin(1, 0.1).start(1, 1, 0.2)
    finding = found("C27", hung.on(h.OpUnknown, 50.0, op=1))
    assert finding.seen.startswith("`read` was still under way after 49.900 s")


def retried_at(story: Any, begun: float) -> Any:
    """A read whose first attempt is answered at 39.9 s, and whose second begins then."""
    told = story().begin(1, 0.0).start(1, 1, 0.1).answer(39.9, 503)
    return told.meet(1, 2, begun, 200).ok(1, begun + 0.01)


def test_no_attempt_begins_past_a_deadline(story: Any, found: Any, contract: Contract) -> None:
    """Where nothing is cut, at least nothing is begun."""
    softer = contract.deadline.model_copy(update={"enforced": "before_sleep"})
    under = contract.model_copy(update={"deadline": softer})
    finding = found("C27", retried_at(story, 40.2), under)
    assert finding.seen == "attempt 2 of `read` began 40.200 s after the operation"
    assert [remark for _, remark in finding.marks] == ["<- past the deadline"]
    ended = story().begin(1, 0.0).start(1, 1, 0.1).answer(39.9, 503).fail(1, 39.91, "BadStatus")
    assert found("C27", ended, under).outcome == "pass"
    assert found("C27", under_way(story, 50.0), under).outcome == "not_exercised"


def test_an_attempt_that_hurries_to_be_in_time_is_not_to_begin(story: Any, found: Any) -> None:
    """Its wait would have passed the deadline, and was left out."""
    finding = found("C27", retried_at(story, 39.95))
    assert finding.seen == "attempt 2 of `read` began 39.950 s after the operation"
    assert finding.promised == "no attempt begins where the wait before it would pass the deadline"


def test_without_a_deadline_nothing_is_promised(story: Any, found: Any, contract: Contract) -> None:
    """An operation may then take for ever."""
    endless = contract.model_copy(update={"deadline": type(contract.deadline)()})
    assert found("C27", under_way(story, 80.0), endless).outcome == "not_promised"
