"""Whether an operation had to be let through."""

from __future__ import annotations

from typing import Any

Story = Any  # the writer of readings in conftest.py


def test_an_attempt_while_open_is_no_longer_explained(story: Story) -> None:
    """A client without a breaker is found, and found at each operation."""
    story.opened()
    sixth = story.op(*["status:503"] * 3)
    seventh = story.op(*["status:503"] * 3)
    found = story.judge()
    for op in (sixth, seventh):
        assert found.of(op).admission.demand.start == "must_not"
        assert not found.of(op).admission.explained


def test_a_refusal_below_the_threshold_is_a_deviation(story: Story) -> None:
    """Opening early is a fault of its own."""
    for _ in range(4):
        story.op(*["status:503"] * 3)
    op = story.op()
    admission = story.judge().of(op).admission
    assert admission.demand.start == "must"
    assert not admission.explained
    assert admission.standings[1].failures == (4, 4)


def test_one_deviation_is_reported_once(story: Story) -> None:
    """After an early opening the oracle follows the client until both agree again."""
    for _ in range(4):
        story.op(*["status:503"] * 3)
    story.op()
    again = story.op()
    assert story.judge().of(again).admission.explained


def test_a_breaker_that_stays_open_is_told_to_let_through(story: Story) -> None:
    """Stuck open is as wrong as never open."""
    story.opened()
    story.wait(1.5)
    stuck = story.op()
    admission = story.judge().of(stuck).admission
    assert admission.demand.start == "must"
    assert not admission.explained
