"""The life of a breaker, told from which operations reached the wire: the corners of the claims."""

from typing import Any

from faultlab.lab import history as h


def tripped(story: Any, name: str = "write") -> Any:
    """Two operations that fail in a way that counts: the threshold of the golden contract."""
    return story().call(1, 0.1, 503, name).call(2, 1.1, 503, name)


def test_one_of_ten_at_once_is_the_probe(story: Any, found: Any) -> None:
    """Whoever comes first may go; nobody can tell from outside who that should be."""
    told = tripped(story)
    for op in range(3, 13):
        told.begin(op, 40.0 + op / 1000, "write")
    told.start(7, 1, 40.02)
    for op in {*range(3, 13)} - {7}:
        told.fail(op, 40.02 + op / 1000, "Rejected")
    told.answer(41.0, 503).fail(7, 41.001, "BadStatus")
    assert found("C45", told).outcome == "pass"
    assert found("C44", told).outcome != "fail"


def test_two_of_ten_at_once_are_one_too_many(story: Any, found: Any) -> None:
    """The half-open flood of three well-known libraries."""
    told = tripped(story)
    for op in range(3, 13):
        told.begin(op, 40.0 + op / 1000, "write")
    told.start(7, 1, 40.02).start(8, 1, 40.021, conn=2)
    for op in {*range(3, 13)} - {7, 8}:
        told.fail(op, 40.03 + op / 1000, "Rejected")
    told.answer(41.0, 503).answer(41.0, 503, conn=2)
    told.fail(7, 41.001, "BadStatus").fail(8, 41.002, "BadStatus")
    finding = found("C45", told)
    assert finding.outcome == "fail"
    assert finding.field.startswith("breaker.half_open.probes: 1")


def test_a_probe_has_one_attempt(story: Any, found: Any) -> None:
    """A dependency that is just recovering is asked once."""
    told = tripped(story, "read").begin(3, 40.0)
    told.meet(3, 1, 40.01, 503).meet(3, 2, 40.4, 503).fail(3, 40.5, "BadStatus")
    finding = found("C45", told)
    assert (finding.outcome, finding.field) == ("fail", "breaker.half_open.attempts: 1")
    assert found("C01", told).outcome != "fail"


def test_a_failed_probe_reopens_for_the_full_time(story: Any, found: Any) -> None:
    """Twenty-nine seconds later it is still open, thirty-one later it is tried again."""
    told = tripped(story).call(3, 40.0, 503, "write").call(4, 69.0, 0, "write")
    told.call(5, 71.0, 200, "write").call(6, 72.0, 200, "write")
    assert [found(check, told).outcome for check in ("C40", "C44", "C46")] == [
        "not_exercised",
        "pass",
        "pass",
    ]


def test_a_rejection_after_a_successful_probe_is_wrong(story: Any, found: Any) -> None:
    """The circuit is closed, and nobody failed since."""
    told = tripped(story).call(3, 40.0, 200, "write").call(4, 41.0, 0, "write")
    finding = found("C46", told)
    assert finding.outcome == "fail"
    assert finding.field == "breaker.half_open.success_threshold: 1"
    assert found("C41", told).outcome != "fail"


def test_successes_of_another_endpoint_reset_nothing(story: Any, found: Any) -> None:
    """503, a success elsewhere, 503: the circuit of the endpoint is open."""
    told = story().call(1, 0.1, 503, "write").call(2, 0.5, 200, "read").call(3, 1.1, 503, "write")
    assert found("C40", told.call(4, 2.0, 0, "write")).outcome == "pass"


def test_mixed_failures_do_not_add_up(story: Any, found: Any) -> None:
    """A 404 resets the count; an implementation that only skips it opens too early."""
    told = story()
    for op, status in enumerate((503, 404, 503), 1):
        told.call(op, op * 1.0, status, "write")
    assert found("C42", told.call(4, 5.0, 404, "write")).outcome == "pass"
    told.events = told.events[:-5]
    assert found("C42", told.call(4, 5.0, 0, "write")).outcome == "fail"


def test_a_new_subject_starts_closed(story: Any, found: Any) -> None:
    """Its breakers died with the one before."""
    told = tripped(story).add(h.SubjectClosed, 2.0).add(h.SubjectOpened, 2.1)
    told.call(3, 2.2, 200, "write")
    assert found("C40", told).outcome == "not_exercised"


def test_hidden_connects_leave_a_rejection_unproved(story: Any, found: Any) -> None:
    """An operation that should have been rejected may have knocked at a closed door."""
    told = tripped(story).arm(1.5, "refused").on(h.ListenerMode, 1.5, mode="refusing")
    told.events[0] = h.SubjectOpened(t=0.0, connects="none: this is uvloop")
    told.begin(3, 2.0, "write").fail(3, 2.1, "Unreachable")
    assert found("C40", told).outcome == "unknown"


def test_a_rejected_operation_opens_no_connection(story: Any, found: Any) -> None:
    """It would cost the sick service what the breaker is there to spare it."""
    told = tripped(story).call(3, 2.0, 0, "write")
    told.on(h.ConnOpened, 2.0005, conn=9, port=50009)
    finding = found("C49", told)
    assert finding.seen == "`write` was rejected and opened a connection"


def test_without_a_breaker_nothing_is_promised(story: Any, found: Any, contract: Any) -> None:
    """httpx has none."""
    told = tripped(story)
    plain = contract.model_copy(update={"breaker": ()})
    assert {found(check, told, plain).outcome for check in ("C40", "C41", "C49")} == {
        "not_promised"
    }


def cancelled(told: Any, op: int, t: float, conn: int) -> Any:
    """One operation that its caller gives up after 0.2 s."""
    told.begin(op, t).start(op, 1, t + 0.01, conn=conn).on(h.OpCancelRequested, t + 0.2, op=op)
    return told.on(h.OpCancelled, t + 0.201, op=op).close(t + 0.202, conn=conn)


def test_cancellations_that_were_counted_are_named(story: Any, found: Any) -> None:
    """The caller's patience says nothing about the service."""
    told = cancelled(cancelled(story(), 1, 0.1, 1), 2, 1.0, 2)
    assert found("C42", told.call(3, 2.0, 200)).outcome == "pass"
    told.events = [event for event in told.events if event.t < 2.0]
    finding = found("C42", told.call(3, 2.0, 0))
    assert finding.seen == "`read` was rejected after failures that do not count (cancelled)"
    assert {1, 2, 3} == {event.op for event in told.history() if event.index in finding.events}


def test_an_operation_cancelled_between_attempts_is_cancelled(story: Any, found: Any) -> None:
    """It counts by that, and not by the failure that its last attempt has met."""
    told = story().call(1, 0.1, 500).begin(2, 1.0).meet(2, 1, 1.01, 503)
    told.on(h.OpCancelRequested, 1.1, op=2).on(h.OpCancelled, 1.101, op=2)
    assert found("C42", told.call(3, 2.0, 0)).outcome == "fail"


def test_a_cancelled_probe_gives_its_permit_back(story: Any, found: Any) -> None:
    """Else a breaker stays half-open for ever, and nobody knows why."""
    told = story().call(1, 0.1, 500).call(2, 1.0, 500)
    told = cancelled(told, 3, 32.0, 2)
    assert found("C46", told.call(4, 33.0, 200, "read")).outcome == "pass"
    told.events = [event for event in told.events if event.t < 33.0]
    finding = found("C46", told.call(4, 33.0, 0))
    assert finding.seen == "`read` was rejected after a probe that had no result"
    assert finding.field == "breaker.half_open.probes: 1"
    assert found("C44", told).outcome == "pass"  # the probe itself had been let through


def test_who_was_let_through_after_cancellations_has_not_counted_them(
    story: Any, found: Any
) -> None:
    """A breaker that is one failure early must not be taken for one that counts the wrong ones."""
    told = cancelled(cancelled(story(), 1, 0.1, 1), 2, 1.0, 2).call(3, 2.0, 500)
    told.call(4, 3.0, 0)
    assert [found(check, told).outcome for check in ("C41", "C42")] == ["fail", "pass"]


def test_one_kind_that_counts_is_told_from_another_that_does_not(story: Any, found: Any) -> None:
    """Cancellations have not opened it, rejected requests have."""
    told = cancelled(cancelled(story(), 1, 0.1, 1), 2, 1.0, 2).call(3, 2.0, 404).call(4, 3.0, 404)
    finding = found("C42", told.call(5, 4.0, 0))
    assert finding.seen == "`read` was rejected after failures that do not count (status:404)"
