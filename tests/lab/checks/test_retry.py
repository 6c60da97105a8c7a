"""Whether an operation is tried again, and how often: the corners of the claims."""

from typing import Any

import pytest
from msgspec.structs import replace

from faultlab.lab import history as h
from faultlab.lab.attempts import read
from faultlab.lab.checks.retry import once


def refused(story: Any, *times: float, connects: str = "audit") -> Any:
    """A read whose every connect is refused."""
    told = story()
    told.events = [h.SubjectOpened(t=0.0, connects=connects)]
    told.on(h.ListenerMode, 0.0, mode="open").arm(0.005, "refused")
    told.on(h.ListenerMode, 0.006, mode="refusing").begin(1, 0.01)
    for number, t in enumerate(times, 1):
        told.on(h.ConnectAttempted, t, op=1, attempt=number, port=8200, local=50000 + number)
    return told.fail(1, (times or (2.0,))[-1] + 0.001, "Unreachable")


def test_hidden_connects_leave_the_count_unknown(story: Any, found: Any) -> None:
    """A number that nobody saw is no three."""
    finding = found("C02", refused(story, connects="none: this subject runs on uvloop"))
    assert finding.outcome == "unknown"
    assert finding.missing == "connects that reach no proxy: this subject runs on uvloop"


def test_an_operation_that_a_cancel_cut_short_is_not_counted(story: Any, found: Any) -> None:
    """The caller stopped it, not the client."""
    told = story().begin(1, 0.1).meet(1, 1, 0.2, 503)
    told.on(h.OpCancelRequested, 0.3, op=1).on(h.OpCancelled, 0.301, op=1)
    assert found("C02", told).outcome == "not_exercised"
    assert found("C04", told).outcome == "not_exercised"


def test_a_failure_that_is_retryable_but_never_retried_breaks_the_set(
    story: Any, found: Any
) -> None:
    """Never retrying and retrying too seldom are two bugs."""
    finding = found("C04", story().call(1, 0.1, 503))
    assert (finding.outcome, finding.field) == ("fail", "retry_on.statuses: 503")
    twice = story().begin(1, 0.1).meet(1, 1, 0.2, 503).meet(1, 2, 0.6, 503)
    assert found("C04", twice.fail(1, 0.7, "BadStatus")).outcome == "pass"
    assert found("C02", twice).outcome == "fail"


@pytest.mark.parametrize(
    ("fields", "outcome"), [({"keyed": False}, "fail"), ({"idempotent": True}, "not_exercised")]
)
def test_only_unsafe_operations_are_guarded(
    story: Any, found: Any, fields: Any, outcome: str
) -> None:
    """A declaration by the subject beats the method."""
    told = story().begin(1, 0.1, "write", **fields).meet(1, 1, 0.2, 503).meet(1, 2, 0.6, 503)
    assert found("C05", told.fail(1, 0.7, "BadStatus")).outcome == outcome


def test_a_refused_write_may_be_repeated(story: Any, found: Any) -> None:
    """Nothing of it was sent."""
    told = refused(story, 0.011, 0.411, 1.211)
    told.events = [
        event if not isinstance(event, h.OpInvoked) else replace_op(event) for event in told.events
    ]
    assert found("C05", told).outcome == "not_exercised"
    assert found("C02", told).outcome == "pass"


def replace_op(event: h.OpInvoked) -> h.OpInvoked:
    """The same operation as one that is not idempotent."""
    return h.OpInvoked(
        t=event.t, op=event.op, service="orders", name="write", endpoint="POST /orders"
    )


def write_without_ledger(story: Any, sent: int) -> Any:
    """A write that reached a backend of which nothing is known."""
    told = story().begin(1, 0.1, "write")
    for number in range(1, sent + 1):
        told.start(1, number, 0.2 * number).answer(0.2 * number + 0.01, 503, source="backend")
    return told.fail(1, 2.0, "BadStatus")


def test_without_a_ledger_one_request_still_has_at_most_one_effect(story: Any, found: Any) -> None:
    """A real server keeps no ledger; that must not make every run unknown."""
    assert found("C06", write_without_ledger(story, 1)).outcome == "pass"
    assert found("C06", write_without_ledger(story, 2)).outcome == "unknown"


def test_a_late_copy_counts_as_an_effect(story: Any, found: Any) -> None:
    """What the backend did after the heal was done twice all the same."""
    told = story().begin(1, 0.1, "write").start(1, 1, 0.2)
    told.on(h.EffectApplied, 0.3, op=1, conn=1, request=1).fail(1, 1.0, "TimedOut")
    assert found("C06", told).outcome == "pass"
    assert found("C06", told.on(h.EffectApplied, 5.0, op=1)).outcome == "fail"


def test_success_without_effect_is_no_success(story: Any, found: Any) -> None:
    """The client was told that its order is stored."""
    told = (
        story().call(1, 0.1, 200, "write").on(h.RequestReceived, 0.1005, method="POST", target="/")
    )
    finding = found("C06", told)
    assert finding.outcome == "fail"
    assert finding.seen == "`write` was answered with success and had no effect"


def test_inferred_attempts_have_unknown_effects(story: Any) -> None:
    """Whose effect it was is a guess."""
    reading = read(story().call(1, 0.1, 503, "write").history())
    guessed = replace(reading.operations[0], certainty="inferred")
    cases = list(once(replace(reading, operations=(guessed,)), None))
    assert [case.outcome for case in cases] == ["unknown"]
