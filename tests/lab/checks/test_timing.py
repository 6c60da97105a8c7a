"""When the next attempt begins, and how long silence is borne: the corners of the claims."""

from typing import Any

import pytest

from faultlab.lab import history as h
from faultlab.lab.tolerance import BASE


def retried(story: Any, gap: float, retry_after: str | None = None, late: float = 0.0) -> Any:
    """A read that meets a 503 and then works; its thread was kept waiting for `late` seconds."""
    told = story().begin(1, 0.1).meet(1, 1, 0.2, 503, retry_after=retry_after)
    again = 0.201 + gap
    return told.meet(1, 2, again, 200).ok(1, again + 0.01, late=late)


@pytest.mark.parametrize(
    ("gap", "outcome"),
    [
        (0.2485, "fail"),
        (0.2495, "pass"),
        (0.5, "pass"),
        (0.5 + 0.9 * BASE, "pass"),
        (0.5 + 1.5 * BASE, "unknown"),
        (0.5 + 2.5 * BASE, "fail"),
    ],
)
def test_lower_bounds_are_hard_and_upper_bounds_have_a_tolerance(
    story: Any, found: Any, gap: float, outcome: str
) -> None:
    """A sleep is never shorter than asked, but may be longer."""
    assert found("C20", retried(story, gap)).outcome == outcome


def test_a_client_that_was_kept_waiting_is_not_blamed(story: Any, found: Any) -> None:
    """Under load the same client gets the same verdict."""
    assert found("C20", retried(story, 0.6)).outcome == "fail"
    assert found("C20", retried(story, 0.6, late=0.2)).outcome == "pass"


def test_a_retry_after_is_judged_by_its_own_check(story: Any, found: Any) -> None:
    """One deviation is reported once."""
    told = retried(story, 0.3, retry_after="1")
    finding = found("C24", told)
    assert found("C20", told).outcome == "not_exercised"
    assert finding.seen == "a 503 asked for 1 s; the next attempt began 0.300 s later"
    assert finding.promised == "the next attempt waits max(Retry-After, backoff)"
    assert finding.field == "retry_after.beats_backoff: max"
    assert [remark for _, remark in finding.marks] == ["<- 0.300 s, not 1"]


def test_past_the_cap_nothing_is_retried(story: Any, found: Any) -> None:
    """The server asked for an hour; the caller must hear of it."""
    assert found("C24", retried(story, 0.4, retry_after="3600")).outcome == "fail"
    told = story().begin(1, 0.1).meet(1, 1, 0.2, 503, retry_after="3600")
    assert found("C24", told.fail(1, 0.3, "BadStatus")).outcome == "pass"


@pytest.mark.parametrize(("gap", "outcome"), [(0.0, "fail"), (0.4, "pass"), (1.5, "fail")])
@pytest.mark.parametrize("asked", ["soon", "-1", "1.5", "NaN", "1e9", "", "1, 2"])
def test_an_invalid_retry_after_is_as_if_absent(
    story: Any, found: Any, asked: str, gap: float, outcome: str
) -> None:
    """It is slept on as little as it is tried again at once, and told by one check."""
    told = retried(story, gap, retry_after=asked)
    finding = found("C25", told)
    assert finding.outcome == outcome
    assert [found(check, told).outcome for check in ("C20", "C24")] == ["not_exercised"] * 2
    if outcome == "fail":
        assert (
            finding.seen == f"a 503 asked for `{asked}`; the next attempt began {gap:.3f} s later"
        )
        assert finding.field == "retry_after.invalid: backoff"


def asked(story: Any, text: str, took: float, error: str = "BadStatus") -> Any:
    """A read that ends `took` seconds after a 503."""
    told = story().begin(1, 0.1).meet(1, 1, 0.2, 503, retry_after=text)
    return told.fail(1, 0.201 + took, error)


def test_an_hour_is_not_slept_on(story: Any, found: Any) -> None:
    """The caller is to hear of it at once, and no attempt shows how long he waited."""
    assert found("C25", asked(story, "3600", 0.04)).outcome == "pass"
    finding = found("C25", asked(story, "3600", 30.0))
    assert finding.seen == "a 503 asked for `3600`; the operation ended 30.000 s later"
    assert finding.field == "retry_after.cap: 30, over_cap: no_retry"
    assert found("C24", asked(story, "3600", 30.0)).outcome == "pass"


def test_one_that_sleeps_till_the_run_is_cut_was_seen_to(story: Any, found: Any) -> None:
    """A client that hangs for ever must not be unknown."""
    told = story().begin(1, 0.1).meet(1, 1, 0.2, 503, retry_after="3600")
    assert found("C25", told.on(h.OpUnknown, 0.25, op=1)).outcome == "not_exercised"
    told = story().begin(1, 0.1).meet(1, 1, 0.2, 503, retry_after="3600")
    finding = found("C25", told.on(h.OpUnknown, 9.0, op=1))
    assert finding.seen == "a 503 asked for `3600`; the operation was still under way 8.799 s later"


@pytest.mark.parametrize(
    ("text", "error"), [("soon", "builtins.ValueError"), ("soon", "BadStatus"), ("3600", "a.Bug")]
)
def test_a_header_is_no_reason_to_end(story: Any, found: Any, text: str, error: str) -> None:
    """Neither by a crash nor by giving up; past the cap, as the answer's own status."""
    finding = found("C25", asked(story, text, 0.01, error))
    assert finding.seen.startswith(f"a 503 asked for `{text}`; the operation ended as ")
    assert found("C25", asked(story, "3600", 0.01)).outcome == "pass"


def test_a_status_that_is_not_retried_may_ask_for_anything(story: Any, found: Any) -> None:
    """Nobody waits for it."""
    told = story().begin(1, 0.1).meet(1, 1, 0.2, 404, retry_after="soon")
    assert found("C25", told.fail(1, 0.21, "BadStatus")).outcome == "pass"


def test_an_answer_that_came_too_late_was_waited_for_too_long(story: Any, found: Any) -> None:
    """A client without a time-out succeeds, and is caught."""
    told = story().begin(1, 0.1).start(1, 1, 0.2).answer(14.2, 200).ok(1, 14.3)
    finding = found("C26", told)
    assert finding.outcome == "fail"
    assert finding.seen == "the silent answer of attempt 1 was borne for 14.000 s"
    assert finding.field == "timeouts.read: 10"


def test_a_silence_that_outlives_the_run_is_a_failure_if_it_was_long_enough(
    story: Any, found: Any
) -> None:
    """A client that hangs for ever must not be unknown."""
    hung = story().begin(1, 0.1).start(1, 1, 0.2)
    assert found("C26", hung.on(h.OpUnknown, 5.0, op=1)).outcome == "not_exercised"
    hung = story().begin(1, 0.1).start(1, 1, 0.2)
    assert found("C26", hung.on(h.OpUnknown, 30.0, op=1)).outcome == "fail"


@pytest.mark.parametrize("paces", [("to_client",), ("to_backend",)])
def test_an_answer_or_request_that_came_few_bytes_at_a_time_is_no_silence(
    story: Any, found: Any, paces: tuple[str, ...]
) -> None:
    """Bytes of the head came before the head was whole, or the client was still writing."""
    told = story().arm(0.05, "drip", paces=paces).begin(1, 0.1).start(1, 1, 0.2)
    told.on(h.FaultFired, 0.2, fault=1, on="bytes", conn=1, request=1)
    assert found("C26", told.answer(14.2, 200).ok(1, 14.3)).outcome == "not_exercised"


def test_who_was_still_writing_had_no_patience_to_lose(story: Any, found: Any) -> None:
    """A request at a fault's pace is sent for longer than an answer is waited for."""
    told = story().arm(0.05, "throttle", paces=("to_backend",)).begin(1, 0.1).start(1, 1, 0.2)
    told.on(h.FaultFired, 0.2, fault=1, on="bytes", conn=1, request=1)
    told.close(14.2).fail(1, 14.2, "Unreachable")
    assert found("C26", told).outcome == "not_exercised"


def test_where_not_one_byte_came_a_slow_answer_is_a_silence(story: Any, found: Any) -> None:
    """A piece that takes longer than the time-out is waited for like any answer."""
    told = story().arm(0.05, "drip", paces=("to_client",)).begin(1, 0.1).start(1, 1, 0.2)
    told.on(h.FaultFired, 0.2, fault=1, on="bytes", conn=1, request=1)
    told.close(14.2).fail(1, 14.2, "Unreachable")
    assert found("C26", told).outcome == "fail"


def connect(story: Any, waited: float, *, tagged: bool) -> Any:
    """A write whose only connect stays unanswered."""
    told = story().on(h.ListenerMode, 0.0, mode="open").on(h.ListenerMode, 0.05, mode="dark")
    told.begin(1, 0.1, "write")
    told.on(h.ConnectAttempted, 0.1, op=1, attempt=1, port=8200, local=50001)
    if tagged:
        told.on(h.AttemptBegun, 0.1, op=1, attempt=1)
        told.on(h.AttemptEnded, 0.1 + waited, op=1, attempt=1, error="ConnectTimeout")
    return told.fail(1, 0.1 + waited, "Unreachable")


def test_a_silent_connect_has_its_own_time_out(story: Any, found: Any) -> None:
    """Two seconds, not the ten of an answer."""
    assert found("C26", connect(story, 2.001, tagged=True)).outcome == "pass"
    finding = found("C26", connect(story, 3.0, tagged=True))
    assert (finding.outcome, finding.field) == ("fail", "timeouts.connect: 2")


def test_when_an_untagged_connect_was_given_up_is_not_guessed(story: Any, found: Any) -> None:
    """The next attempt's begin, or the operation's end, is all that is known of it."""
    assert found("C26", connect(story, 2.001, tagged=False)).outcome == "pass"
    assert found("C26", connect(story, 3.0, tagged=False)).outcome == "unknown"
