"""What was pending at once can have come in any order."""

from __future__ import annotations

from typing import Any

Story = Any  # the writer of readings in conftest.py


def test_ten_at_once_while_half_open(story: Story) -> None:
    """One probe, nine rejected, whatever the order of their stamps."""
    story.opened()
    story.wait(1.0)
    begin_at = story.now
    probe = story.op("read_timeout_headers", takes=0.7)
    end = story.now
    for n in range(9):
        story.now = begin_at + 0.0001 * n
        story.op()
    story.now = end
    found = story.judge()
    assert found.of(probe).admission.probe == "yes"
    for op in range(probe + 1, probe + 10):
        assert found.of(op).admission.explained
    assert [episode.probes for episode in found.episodes] == [((probe, "failed"),)]


def test_two_probes_at_once_are_one_too_many(story: Story) -> None:
    """A half-open circuit lets one through."""
    story.opened()
    story.wait(1.0)
    begin_at = story.now
    first = story.op("read_timeout_headers", takes=0.7)
    story.now = begin_at + 0.0005
    second = story.op("read_timeout_headers", takes=0.6)
    found = story.judge()
    admissions = [found.of(op).admission for op in (first, second)]
    assert sorted(admission.explained for admission in admissions) == [False, True]
    wrong = next(admission for admission in admissions if not admission.explained)
    assert wrong.demand.start == "must_not"
    assert wrong.demand.why.startswith("breaker.half_open.probes: 1")


def test_late_results_are_dropped(story: Story) -> None:
    """An operation admitted before the trip keeps its attempts and counts nowhere."""
    for _ in range(4):
        story.op(*["status:503"] * 3)
    began = story.now
    slow = story.op("ok", takes=0.9)
    story.now = began + 0.01
    story.op(*["status:503"] * 3)
    story.now = began + 0.95
    refused = story.op()
    found = story.judge()
    assert found.of(slow).admission.explained
    assert found.of(refused).admission.demand.start == "must_not"


def test_a_success_at_once_with_a_failure_may_have_come_before_it(story: Story) -> None:
    """To a circuit without failures it is nothing, and after the failure it would be all."""
    story.op("status:503", endpoint="POST /c", idempotent=False)
    story.now = 0.0
    story.op("ok", endpoint="POST /c")
    for _ in range(4):
        story.op("status:503", endpoint="POST /c", idempotent=False)
    refused = story.op(endpoint="POST /c")
    admission = story.judge().of(refused).admission
    assert admission.demand.start == "may"
    assert admission.explained
