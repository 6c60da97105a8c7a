"""How long an operation may take as a whole: the corners of the claims."""

from typing import Any

import pytest
from msgspec.structs import replace

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


def crowded(story: Any) -> Any:
    """A read that has the only connection until 9.0."""
    return story().begin(1, 0.0).start(1, 1, 0.001).answer(9.0, 200).ok(1, 9.001)


@pytest.mark.parametrize(
    ("waited", "outcome"),
    [
        (1.9, "not_exercised"),
        (2.0, "pass"),
        (2 + 0.9 * BASE, "pass"),
        (2 + 1.5 * BASE, "unknown"),
        (2 + 2.5 * BASE, "fail"),
    ],
)
@pytest.mark.parametrize("gets_one", [True, False])
def test_a_wait_for_a_connection_ends_in_time(
    story: Any, found: Any, waited: float, outcome: str, gets_one: bool
) -> None:
    """With a connection or without one."""
    told = crowded(story).begin(2, 0.1)
    if gets_one:
        told.meet(2, 1, 0.1001 + waited, 200, conn=2).ok(2, 4.0)
    else:
        told.fail(2, 0.1 + waited, "TimedOut")
    assert found("C30", told).outcome == outcome


def test_a_client_that_was_kept_waiting_had_less_of_its_time(story: Any, found: Any) -> None:
    """Under load the same client gets the same verdict."""
    told = crowded(story).begin(2, 0.1).fail(2, 2.3, "TimedOut", late=0.2)
    assert found("C30", told).outcome == "pass"


def test_a_connect_that_is_not_answered_is_no_wait_for_a_connection(story: Any, found: Any) -> None:
    """It has left the pool; another time-out is its own."""
    told = crowded(story).begin(2, 0.1)
    told.on(h.ConnectAttempted, 0.2, op=2, attempt=1, port=8200, local=50002)
    told.start(2, 1, 5.0, conn=2).answer(5.1, 200, conn=2).ok(2, 5.2)
    assert found("C30", told).outcome == "not_exercised"


def test_who_is_alone_waits_for_something_else(story: Any, found: Any) -> None:
    """For a token, or for itself."""
    told = story().begin(2, 0.1).meet(2, 1, 7.0, 200).ok(2, 7.1)
    assert found("C30", told).outcome == "not_exercised"


def test_a_further_attempt_waits_from_the_client_s_own_stamp(story: Any, found: Any) -> None:
    """Its backoff is no wait for a connection."""
    told = crowded(story).begin(2, 0.1).meet(2, 1, 0.2, 503, conn=2)
    told.on(h.AttemptBegun, 0.6, op=2, attempt=2).meet(2, 2, 5.6, 200, conn=2).ok(2, 5.7)
    finding = found("C30", told)
    assert finding.seen == "`read` waited for a connection for 5.000 s"
    assert finding.field == "timeouts.pool: 2"
    assert [remark for _, remark in finding.marks] == ["<- 5.000 s, not 2"]


def test_who_still_waits_as_the_run_ends_may_be_in_time(story: Any, found: Any) -> None:
    """Until he can't be any more."""
    told = crowded(story).begin(2, 7.0).on(h.OpUnknown, 9.02, op=2)
    assert found("C30", told).outcome == "not_exercised"
    told = crowded(story).begin(2, 3.0).on(h.OpUnknown, 9.02, op=2)
    assert found("C30", told).outcome == "fail"


def at_once(story: Any, *begun: float, took: float = 0.3, service_time: float = 0.3) -> Any:
    """Reads that are called at once, and come to the wire at these times."""
    told = story()
    for op, at in enumerate(begun, 1):
        told.begin(op, 0.001 * op).start(op, 1, at, conn=op).answer(at + service_time, 200, conn=op)
        told.ok(op, at + took)
    return told


@pytest.mark.parametrize(
    ("begun", "outcome"),
    [
        ((0.01, 0.011), "pass"),
        ((0.01, 0.2), "pass"),  # however late: it did not wait for the end of the other
        ((0.01, 0.312), "fail"),
        ((0.01, 0.312, 0.614), "fail"),
        ((0.01, 0.31 + 0.049 + BASE), "fail"),
        ((0.01, 0.5), "not_exercised"),  # for a reason of its own
        ((0.01, 0.011, 0.312, 0.313), "pass"),  # two connections
    ],
)
def test_who_waits_for_the_end_of_another_is_found(
    story: Any, found: Any, begun: tuple[float, ...], outcome: str
) -> None:
    """A lock held during the call, one connection, a loop that is blocked."""
    assert found("C52", at_once(story, *begun)).outcome == outcome


def test_the_witness_is_the_two_of_them(story: Any, found: Any) -> None:
    """Who waited, and for whom."""
    finding = found("C52", at_once(story, 0.01, 0.312))
    assert finding.seen == "`read` stayed off the wire for 0.310 s, until `read` was over"
    assert [remark for _, remark in finding.marks] == ["<- 0.002 s after the other"]


def test_a_quick_answer_keeps_nobody(story: Any, found: Any) -> None:
    """Who comes a moment later may have been late."""
    assert found("C52", at_once(story, 0.01, 0.07, service_time=0.05)).outcome == "not_exercised"


def test_one_of_several_that_had_no_connection_left_is_no_failure(story: Any, found: Any) -> None:
    """A pool has an end; how long one waits for it is another question."""
    told = at_once(story, 0.01, 0.012, 0.313)
    assert found("C52", told).outcome == "pass"


def test_a_long_call_beside_them_shows_that_it_is_no_lock(story: Any, found: Any) -> None:
    """Two connections, of which one is taken for long."""
    told = at_once(story, 0.11, 0.412).begin(9, 0.0).start(9, 1, 0.005, conn=9)
    told.answer(3.0, 200, conn=9).ok(9, 3.1)
    assert found("C52", told).outcome == "pass"


def test_a_client_that_was_not_running_kept_nobody_waiting(story: Any, found: Any) -> None:
    """Under load the same client gets the same verdict."""
    told = story().begin(1, 0.0).start(1, 1, 0.01).begin(2, 0.02)
    told.answer(0.31, 200).ok(1, 0.32).meet(2, 1, 0.33, 200, conn=2).ok(2, 0.34, late=0.3)
    assert found("C52", told).outcome == "not_exercised"


def test_a_connect_that_the_lab_was_late_to_accept_was_on_the_wire(story: Any, found: Any) -> None:
    """The client says when it went for it, however long the lab stood still."""
    told = at_once(story, 0.01, 0.312)
    told.on(h.ConnectAttempted, 0.02, op=2, attempt=1, port=8200, local=50002)
    assert found("C52", told).outcome == "pass"


def test_a_head_that_the_lab_may_have_read_late_tells_nothing(story: Any, found: Any) -> None:
    """On a connection that is there already, nobody but the lab says when it came."""
    told = story().begin(9, -0.2).meet(9, 1, -0.1, 200, conn=2).ok(9, -0.09)
    told.begin(1, 0.001).start(1, 1, 0.01, conn=1).begin(2, 0.002)
    told.answer(0.31, 200, conn=1).ok(1, 0.311).meet(2, 1, 0.312, 200, conn=2).ok(2, 0.4)
    assert found("C52", told).outcome == "fail"
    told.events = [
        replace(event, late=0.29)
        if isinstance(event, h.RequestStarted) and event.op == 2
        else event
        for event in told.events
    ]
    assert found("C52", told).outcome == "not_exercised"
    told.on(h.AttemptBegun, 0.3115, op=2, attempt=1)  # the client says that it came later
    assert found("C52", told).outcome == "fail"


def test_services_and_lives_are_apart(story: Any, found: Any, contract: Contract) -> None:
    """And it needs no promise."""
    told = at_once(story, 0.01, 0.312)
    assert found("C52", told, None).outcome == "fail"
    told.events = [
        h.SubjectOpened(t=0.0015, phase="") if isinstance(event, h.SubjectOpened) else event
        for event in told.events
    ] + [h.SubjectOpened(t=0.0)]
    assert found("C52", told, contract).outcome == "not_exercised"


AWAITS = ("shop.py:14, Orders.get, for a Future", "poll: shop.py:30, poll, in Queue.get")


def hung(told: Any, t: float, **fields: Any) -> Any:
    """Nothing is left to happen, and the time that is left passes."""
    return told.on(h.OpHung, t, op=1, awaits=AWAITS, **fields).add(h.RunEnded, 60.0)


def test_an_operation_that_nothing_can_end_is_a_failure_with_all_that_is_awaited(
    story: Any, found: Any
) -> None:
    """Without any promise: a caller that is never told anything can't go on."""
    told = hung(story().begin(1, 0.5), 0.5)
    finding = found("C34", told, None)
    assert finding.outcome == "fail"
    assert finding.seen == (
        "`read` never ends: nothing is left to happen, and it awaits "
        "shop.py:14, Orders.get, for a Future"
    )
    assert [remark for _, remark in finding.marks] == [f"<- awaits {line}" for line in AWAITS]


def test_one_that_was_cut_off_may_have_gone_on(story: Any, found: Any) -> None:
    """Outside a simulation nobody knows what was still to happen."""
    told = story().begin(1, 0.5).on(h.OpUnknown, 60.0, op=1)
    assert found("C34", told).outcome == "not_exercised"


def test_a_thread_that_began_before_may_wake_it(story: Any, found: Any) -> None:
    """The loop sees none; elsewhere the operation may end."""
    finding = found("C34", hung(story().begin(1, 0.5), 0.5, unless="a thread: worker"))
    assert finding.outcome == "unknown"
    assert finding.missing == "whether `read` is woken all the same, by a thread: worker"


@pytest.mark.parametrize(
    ("armed", "cleared", "outcome"),
    [(0.1, None, "fail"), (0.1, 0.2, "unknown"), (None, None, "unknown")],
)
def test_an_answer_that_no_fault_holds_back_is_owed_by_the_lab(
    story: Any, found: Any, armed: float | None, cleared: float | None, outcome: str
) -> None:
    """What the lab forgot is no failure of who waits for it; what a fault withholds is."""
    told = story()
    if armed is not None:
        told.arm(armed, "stall")
    if cleared is not None:
        told.on(h.FaultCleared, cleared, fault=1)
    told = hung(told.begin(1, 0.5).start(1, 1, 0.501), 0.6)
    assert found("C34", told).outcome == outcome


def test_the_time_that_passes_after_a_hang_counts_as_borne(story: Any, found: Any) -> None:
    """A silence that is never given up breaks the promise of a time-out as well."""
    told = hung(story().arm(0.1, "stall").begin(1, 0.5).start(1, 1, 0.501), 0.6)
    assert found("C26", told).outcome == "fail"
    assert found("C27", told).outcome == "fail"
