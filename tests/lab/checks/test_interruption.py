"""Who wants out gets out: the corners of the claim."""

from typing import Any

import pytest

from faultlab.lab import history as h

CANCELLED = "asyncio.exceptions.CancelledError"


def running(story: Any, since: float = 0.1) -> Any:
    """A story with a tagged attempt that nobody answers."""
    told = story().begin(1, since).on(h.AttemptBegun, since + 0.01, op=1, attempt=1)
    return told.start(1, 1, since + 0.011)


def left(told: Any, t: float, error: str) -> Any:
    """The exception that left its attempt, and the connection."""
    return told.on(h.AttemptEnded, t, op=1, attempt=1, error=error).close(t + 0.001)


def test_a_cancellation_that_came_too_late_is_none(story: Any, found: Any) -> None:
    """The operation had returned by then."""
    told = running(story).answer(0.2, 200).ok(1, 0.3).on(h.OpCancelRequested, 0.4, op=1)
    assert found("C67", told).outcome == "not_exercised"


def test_a_client_s_own_time_out_is_no_cancellation(story: Any, found: Any) -> None:
    """`asyncio.timeout` throws a CancelledError into an attempt, and may well try again."""
    told = left(running(story), 0.7, CANCELLED)
    told = told.on(h.AttemptBegun, 0.8, op=1, attempt=2).meet(1, 2, 0.801, 200, conn=2).ok(1, 0.9)
    assert found("C67", told).outcome == "not_exercised"


def test_within_the_tolerance_nobody_is_blamed(story: Any, found: Any) -> None:
    """A loaded machine is not the client's fault."""
    told = left(running(story), 0.31, CANCELLED).on(h.OpCancelRequested, 0.2, op=1)
    finding = found("C67", told.on(h.OpCancelled, 0.311, op=1))
    assert finding.outcome == "unknown"
    assert finding.missing == "0.111 s is within the tolerance of 0.050 s"


def test_an_error_in_place_of_the_cancellation_is_told_once(story: Any, found: Any) -> None:
    """Whether it is a declared one, or the right one, does not matter any more."""
    told = left(running(story), 0.21, CANCELLED).on(h.OpCancelRequested, 0.2, op=1)
    told = told.fail(1, 0.22, "json.JSONDecodeError")
    finding = found("C67", told)
    assert finding.seen == "`read` was cancelled and ended with json.JSONDecodeError 0.020 s later"
    assert finding.promised == "it ends by that within 0.050 s, and nothing is tried again"
    assert [found(check, told).outcome for check in ("C60", "C61")] == ["not_exercised"] * 2


def test_a_swallowed_cancellation_is_no_swallowed_error(story: Any, found: Any) -> None:
    """The same deed must not be counted twice."""
    told = left(running(story), 0.21, CANCELLED).on(h.OpCancelRequested, 0.2, op=1).ok(1, 0.22)
    assert found("C67", told).seen == "`read` was cancelled and ended ok 0.020 s later"
    assert found("C63", told).outcome == "not_exercised"


def test_a_background_task_that_goes_on_is_seen(story: Any, found: Any) -> None:
    """The caller is free, and the work that nobody wants is done all the same."""
    told = left(running(story), 0.21, CANCELLED).on(h.OpCancelRequested, 0.2, op=1)
    told.on(h.OpCancelled, 0.211, op=1).on(h.AttemptBegun, 0.5, op=1, attempt=2)
    finding = found("C67", told.meet(1, 2, 0.501, 200, conn=2))
    assert finding.seen == "`read` was cancelled, and attempt 2 began 0.300 s later"
    assert [remark for _, remark in finding.marks] == ["<- after it was cancelled"]


def test_a_head_that_arrives_late_was_sent_before(story: Any, found: Any) -> None:
    """Without the client's own stamp the wire can't tell when it was sent."""
    told = story().begin(1, 0.1).on(h.OpCancelRequested, 0.2, op=1).on(h.OpCancelled, 0.201, op=1)
    assert found("C67", told.start(1, 1, 0.5).close(0.501)).outcome == "pass"


@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "SystemExit", "GeneratorExit"])
def test_an_interrupt_passes_through(story: Any, found: Any, kind: str) -> None:
    """Ctrl-C is for the program, not for the retry loop."""
    raised = f"builtins.{kind}"
    told = left(running(story), 0.3, raised)
    through = told.fail(1, 0.301, raised)
    assert found("C67", through).outcome == "pass"
    told.events.pop()
    again = told.on(h.AttemptBegun, 0.5, op=1, attempt=2).meet(1, 2, 0.501, 200, conn=2).ok(1, 0.6)
    finding = found("C67", again)
    assert finding.seen == (f"`read` was interrupted by {kind}, and attempt 2 began 0.200 s later")


def test_an_interrupt_that_becomes_an_error_is_swallowed(story: Any, found: Any) -> None:
    """`except BaseException` has caught what was not meant for it."""
    told = left(running(story), 0.3, "builtins.KeyboardInterrupt").fail(1, 0.31, "Unreachable")
    finding = found("C67", told)
    assert finding.seen == (
        "`read` was interrupted by KeyboardInterrupt and ended with shop.Unreachable 0.010 s later"
    )
