"""After an attempt: whether another one, when, and why."""

from __future__ import annotations

from typing import Any

import pytest

from faultlab.lab.contract import Contract, parse

Story = Any  # the writer of readings in conftest.py


def test_a_lasting_retryable_failure_uses_all_attempts(story: Story) -> None:
    """Three on the wire is the promise that everything else hangs on."""
    op = story.op("status:503", "status:503", "status:503")
    demand = story.judge().of(op)
    assert (demand.least, demand.most, demand.limit) == (3, 3, (3, 3))
    assert [b.demand.start for b in demand.boundaries] == ["must", "must", "must_not"]
    assert demand.boundaries[2].persists
    assert demand.why == "attempts.max: 3"
    assert demand.ends_as == {"status:503"}


def test_a_missing_attempt_is_demanded(story: Story) -> None:
    """An operation that gives up early has broken the count."""
    op = story.op("status:503", "status:503")
    demand = story.judge().of(op)
    assert (demand.least, demand.most) == (3, 3)
    assert demand.boundaries[1].demand.start == "must"
    assert not demand.boundaries[1].followed


def test_an_attempt_too_many_is_forbidden_by_the_count(story: Story) -> None:
    """Off by one shows on this side too."""
    op = story.op(*["status:503"] * 4)
    demand = story.judge().of(op)
    assert (demand.least, demand.most) == (3, 3)
    assert demand.boundaries[2].followed


@pytest.mark.parametrize(
    ("fate", "idempotent", "keyed", "start", "why"),
    [
        ("connect_refused", False, False, "must", "retry_on.faults.connect: always"),
        ("eof_before_response", True, False, "must", "retry_on.faults.eof: idempotent_or_key"),
        ("eof_before_response", False, False, "must_not", "retry_on.faults.eof: idempotent_or_key"),
        ("eof_before_response", False, True, "must", "retry_on.faults.eof: idempotent_or_key"),
        ("status:503", False, False, "must_not", "retry_on.methods: idempotent_or_key"),
        ("status:404", True, False, "must_not", "retry_on.statuses: not 404"),
        ("bad_json", True, False, "must_not", "retry_on.faults.unusable: never"),
        ("ok", True, False, "must_not", "the attempt succeeded"),
        ("unknown", True, False, "may", "what attempt met is unknown"),
    ],
)
def test_what_is_retried(
    story: Story, fate: str, idempotent: bool, keyed: bool, start: str, why: str
) -> None:
    """Whether to try again depends on what was met, on the method, and on a key."""
    op = story.op(fate, idempotent=idempotent, keyed=keyed)
    boundary = story.judge().of(op).boundaries[0]
    assert boundary.demand.start == start
    if start != "must":
        assert boundary.demand.why == why


def test_an_unmapped_observable_leaves_it_open_and_names_the_key(story: Story) -> None:
    """A contract that says nothing is not broken by either."""
    contract = parse({"attempts": {"max": 3}, "retry_on": {"faults": {"connect": "always"}}}, "x")
    op = story.op("bad_json", "bad_json")
    demand = story.judge(contract).of(op)
    assert demand.boundaries[0].demand.start == "may"
    assert demand.boundaries[0].demand.why == "retry_on.faults: bad_json is not mapped"
    assert (demand.least, demand.most) == (1, 3)


def test_without_a_contract_nothing_is_demanded(story: Story) -> None:
    """Every field may be left out."""
    op = story.op("status:503", "status:503")
    demand = story.judge(Contract()).of(op)
    assert demand.admission.demand.start == "may"
    assert {b.demand.start for b in demand.boundaries} == {"may"}
    assert demand.most is None


def test_waits_are_bounded_by_backoff_and_jitter(story: Story) -> None:
    """Equal jitter: the second wait lies between 50 and 100 ms under the fast tune."""
    op = story.op("status:503", "status:503", "status:503", gaps=(0.03, 0.2))
    first, second, _ = story.judge().of(op).boundaries
    assert first.wait == (0.025, 0.05)
    assert first.in_time == "yes"
    assert second.wait == (0.05, 0.1)
    assert second.gap == pytest.approx(0.2)
    assert second.in_time == "no"


def test_an_early_attempt_is_seen(story: Story) -> None:
    """Lower bounds are hard but for the clock's resolution."""
    op = story.op("status:503", "status:503", gaps=(0.02,))
    assert story.judge().of(op).boundaries[0].in_time == "no"


@pytest.mark.parametrize(
    ("value", "wait", "start"),
    [
        ("1", (1.0, 1.0), "must"),
        ("0", (0.025, 0.05), "must"),
        ("soon", (0.025, 0.05), "must"),
        ("31", (31.0, None), "must_not"),
        ("30", (30.0, 30.0), "must_not"),  # past the deadline of 4 s
    ],
)
def test_retry_after_moves_the_wait(
    story: Story, value: str, wait: tuple[float, float | None], start: str
) -> None:
    """The longer of it and the backoff, unless it is over the cap or past the deadline."""
    op = story.op("status:503", retry_after=value)
    boundary = story.judge().of(op).boundaries[0]
    assert boundary.wait == wait
    assert boundary.demand.start == start


@pytest.mark.parametrize(
    ("value", "odd"),
    [("1", False), ("31", True), ("soon", True), ("-1", True), ("1.5", True), ("", True)],
)
def test_a_retry_after_that_can_t_be_followed_is_odd(story: Story, value: str, odd: bool) -> None:
    """Not valid, or over the cap."""
    op = story.op("status:503", retry_after=value)
    assert story.judge().of(op).boundaries[0].odd is odd


@pytest.mark.parametrize(
    ("date", "asked", "start"),
    [
        ("Mon, 30 Nov 2026 12:00:02 GMT", True, "must"),
        ("Monday, 30-Nov-26 12:00:02 GMT", True, "must"),
        ("Mon Nov 30 12:00:02 2026", True, "must"),
        ("Mon, 30 Nov 2026 11:00:00 GMT", True, "must"),  # past
        ("Mon, 30 Nov 2026 12:00:02 -0000", False, "may"),
        ("Mon, 30 Nov 2026 12:00:02", False, "may"),
        ("Mon, 30 Nov 2026 13:00:02 +0100", False, "may"),
        ("Mon, 31 Feb 2026 12:00:02 GMT", False, "must"),
        ("Mon, 30 Nov 2026 12:00:02 +99999999999999999999", False, "must"),
    ],
)
def test_a_date_in_no_form_of_the_grammar_may_be_taken_for_none(
    story: Story, date: str, asked: bool, start: str
) -> None:
    """RFC 9110 section 5.6.7 knows three forms, all in GMT; parsers take more."""
    story.wall = "2026-11-30T12:00:00+00:00"
    op = story.op("status:503", retry_after=date)
    found = story.judge().of(op).boundaries[0]
    assert (found.asked is not None, found.demand.start) == (asked, start)
    if start == "may":  # the longest that either of the two lets it wait
        assert found.wait[0] == 0.025
        assert found.wait[1] == pytest.approx(3.0, abs=0.1)


def test_a_date_is_held_against_the_wall_clock_as_it_was_set(story: Story) -> None:
    """A client knows no other; what came before it was asked by the clock as it was."""
    story.wall = "2026-11-30T12:00:00+00:00"
    date = "Mon, 30 Nov 2026 12:00:02 GMT"
    before = story.op("status:503", retry_after=date)
    story.set_wall(-3600.0)
    behind = story.op("status:503", retry_after=date)
    story.set_wall(+3600.0)
    again = story.op("status:503", retry_after=date)
    asked = [story.judge().of(op).boundaries[0].asked for op in (before, behind, again)]
    assert asked[0] is not None
    assert asked[2] is not None
    assert max(asked[0], asked[2]) <= 2.0
    assert story.judge().of(behind).boundaries[0].odd, "an hour is over the cap"


def test_a_wait_past_the_deadline_is_not_begun(story: Story) -> None:
    """The operation ends with the last attempt's error instead."""
    op = story.op("read_timeout_headers", takes=3.99)
    boundary = story.judge().of(op).boundaries[0]
    assert boundary.demand.start == "must_not"
    assert boundary.demand.why == "deadline.total: 4.0"
    assert not boundary.persists
