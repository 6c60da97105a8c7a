"""What results do to circuits."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from faultlab.lab.contract import builtin
from faultlab.lab.oracle.demand import AttemptBegan, AttemptEnded, Ended, Invoked
from faultlab.lab.oracle.state import Call
from faultlab.lab.oracle.votes import results_of
from faultlab.lab.tune import FAST, tuned

MAXIMUS = tuned(builtin("maximus"), FAST)

Story = Any  # the writer of readings in conftest.py


def test_a_neutral_probe_gives_its_permit_back(story: Story) -> None:
    """A refused connect says nothing of an endpoint: the next operation is its probe."""
    story.opened()
    story.wait(1.0)
    story.op("connect_refused")
    second = story.op("ok")
    found = story.judge()
    assert found.of(second).admission.demand.start == "must"
    assert found.of(second).admission.probe == "yes"


def test_where_late_results_count_a_success_may_close_an_open_circuit(story: Story) -> None:
    """No field says whether it does, so neither is a deviation."""
    counting = tuple(
        one.model_copy(update={"late_results": "count"}) for one in MAXIMUS.breaker or ()
    )
    for _ in range(4):
        story.op(*["status:503"] * 3)
    began = story.now
    story.op("ok", takes=0.9)
    story.now = began + 0.01
    story.op(*["status:503"] * 3)
    story.now = began + 0.95
    after = story.op()
    found = story.judge(MAXIMUS.model_copy(update={"breaker": counting}))
    assert found.of(after).admission.demand.start == "may"
    assert story.judge().of(after).admission.demand.start == "must_not"


def test_404_never_opens(story: Story) -> None:
    """The service answered."""
    for _ in range(6):
        story.op("status:404")
    admission = story.judge().of(6).admission
    assert admission.demand.start == "must"
    assert [standing.failures for standing in admission.standings] == [(0, 0), (0, 0)]


def test_refused_connects_open_the_service_and_leave_the_endpoint(story: Story) -> None:
    """Nothing was sent, so the endpoint is not to blame."""
    story.opened("connect_refused")
    other = story.op(endpoint="GET /other")
    elsewhere = story.op("ok", service="penelope")
    found = story.judge()
    assert [str(key) for key in found.of(other).admission.refusers] == ["service core"]
    assert found.of(elsewhere).admission.demand.start == "must"


def test_who_waits_while_a_breaker_opens_may_have_been_let_through_before(story: Story) -> None:
    """It ends without an attempt when its time for the pool is over, and breaks no promise."""
    for _ in range(4):
        story.op(*["status:503"] * 3)
    began = story.now
    story.op(*["status:503"] * 3)
    opened = story.now
    waits, rejected = (
        later(story, at=began, until=opened + 0.1, ends=ends) for ends in ("read_timeout", "open")
    )
    too_late = later(story, at=opened, until=opened + 0.2, ends="read_timeout")
    found = story.judge()
    assert found.of(waits).admission.demand.start == "may"
    assert found.of(rejected).admission.explained
    assert found.of(too_late).admission.demand.start == "must_not"


def later(story: Story, *, at: float, until: float, ends: str) -> int:
    """An operation without an attempt."""
    story.now = at
    op: int = story.op(ends=ends)
    story.operations[-1] = replace(story.operations[-1], ended=until)
    story.now = until
    return op


def call(*met: str, ends: tuple[str, ...] = (), ending: str = "failed", began: int = 0) -> Call:
    """An operation whose attempts met this, and that ended as one of these keys."""
    invoked = Invoked(0.0, 1, "core", "GET /a", idempotent=True, keyed=False, life=0, ran="yes")
    made = Call(invoked, keys=())
    for number in range(1, max(began, len(met)) + 1):
        made = made.seen(AttemptBegan(0.1 * number, 1, number))
    for number, observable in enumerate(met, 1):
        made = made.seen(AttemptEnded(0.1 * number, 1, number, observable, 0.1, 0.1))
    return made.seen(Ended(1.0, 1, ending, frozenset(ends)))


@pytest.mark.parametrize(
    ("made", "results"),
    [
        (call("status:503", "status:500"), {"status:500"}),
        (call("status:503", ending="cancelled"), {"cancelled"}),
        (call("status:503", began=2), {"unknown"}),
        (call("pending"), {"unknown"}),
        (call(), {"unknown"}),
        (call(ends=("pool_exhausted",)), {"pool_exhausted"}),
        (call("ok", ends=("local",)), {"ok", "local"}),
        (call("connect_refused", ends=("connection",)), {"connect_refused"}),
    ],
)
def test_a_result_is_what_the_last_attempt_met_or_anything(made: Call, results: set[str]) -> None:
    """What nobody saw may have been any vote."""
    assert results_of(made) == results
