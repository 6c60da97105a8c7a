"""Breakers, seen from outside: who had to be let through."""

from __future__ import annotations

from typing import Any

from faultlab.lab.contract import parse

Story = Any  # the writer of readings in conftest.py


def test_a_breaker_opens_after_its_threshold(story: Story) -> None:
    """The sixth operation must not reach the wire, the fifth must."""
    story.opened()
    op = story.op()
    found = story.judge()
    assert found.of(5).admission.demand.start == "must"
    admission = found.of(op).admission
    assert admission.demand.start == "must_not"
    assert admission.explained
    assert [str(key) for key in admission.refusers] == ["endpoint core GET /health"]
    assert found.of(op).ends_as == {"open"}
    assert (found.of(op).least, found.of(op).most) == (0, 0)
    (episode,) = found.episodes
    assert (episode.by, episode.rejected, episode.closed) == (5, (op,), None)
    assert dict(found.at_end)[episode.key] == {"open"}


def test_refused_connects_open_the_service_and_leave_the_endpoint(story: Story) -> None:
    """Nothing was sent, so the endpoint is not to blame."""
    story.opened("connect_refused")
    other = story.op(endpoint="GET /other")
    elsewhere = story.op("ok", service="penelope")
    found = story.judge()
    assert [str(key) for key in found.of(other).admission.refusers] == ["service core"]
    assert found.of(elsewhere).admission.demand.start == "must"


def test_one_sick_endpoint_leaves_the_others(story: Story) -> None:
    """Isolation is per endpoint for what came after the connect."""
    story.opened()
    other = story.op("ok", endpoint="GET /other")
    assert story.judge().of(other).admission.demand.start == "must"


def test_404_never_opens(story: Story) -> None:
    """The service answered."""
    for _ in range(6):
        story.op("status:404")
    admission = story.judge().of(6).admission
    assert admission.demand.start == "must"
    assert [standing.failures for standing in admission.standings] == [(0, 0), (0, 0)]


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


def test_after_the_reset_time_one_probe_of_one_attempt(story: Story) -> None:
    """The full period, then exactly one attempt."""
    story.opened()
    early = story.op()
    story.wait(1.0)
    probe = story.op("ok")
    after = story.op("ok")
    found = story.judge()
    assert found.of(early).admission.demand.start == "must_not"
    assert found.of(probe).admission.demand.start == "must"
    assert found.of(probe).admission.probe == "yes"
    assert found.of(probe).limit == (1, 1)
    assert found.of(after).admission.demand.start == "must"
    assert found.of(after).limit == (3, 3)
    (episode,) = found.episodes
    assert episode.probes == ((probe, "ok"),)
    assert episode.closed is not None


def test_a_probe_that_tries_again_is_told_so_by_its_own_field(story: Story) -> None:
    """A probe is one attempt."""
    story.opened()
    story.wait(1.0)
    probe = story.op("status:503", "status:503")
    boundary = story.judge().of(probe).boundaries[0]
    assert boundary.demand.start == "must_not"
    assert boundary.demand.why == "breaker.half_open.attempts: 1"


def test_a_failed_probe_reopens_for_the_full_time(story: Story) -> None:
    """The period starts at the probe's failure."""
    story.opened()
    story.wait(1.0)
    probe = story.op("status:503")
    story.wait(0.5)
    still = story.op()
    story.wait(0.6)
    second = story.op("ok")
    found = story.judge()
    assert found.of(still).admission.demand.start == "must_not"
    assert found.of(still).admission.standings[1].since == {"probe_failed"}
    assert found.of(second).admission.demand.start == "must"
    (episode,) = found.episodes
    assert episode.probes == ((probe, "failed"), (second, "ok"))


def test_a_breaker_that_stays_open_is_told_to_let_through(story: Story) -> None:
    """Stuck open is as wrong as never open."""
    story.opened()
    story.wait(1.5)
    stuck = story.op()
    admission = story.judge().of(stuck).admission
    assert admission.demand.start == "must"
    assert not admission.explained


def test_a_neutral_probe_gives_its_permit_back(story: Story) -> None:
    """A refused connect says nothing of an endpoint: the next operation is its probe."""
    story.opened()
    story.wait(1.0)
    story.op("connect_refused")
    second = story.op("ok")
    found = story.judge()
    assert found.of(second).admission.demand.start == "must"
    assert found.of(second).admission.probe == "yes"


def test_a_new_subject_starts_closed(story: Story) -> None:
    """Breakers belong to a client's life."""
    story.opened()
    story.renew()
    op = story.op("ok")
    assert story.judge().of(op).admission.demand.start == "must"


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


def test_a_breaker_that_counts_attempts_ends_an_operation_between_two_of_them(story: Story) -> None:
    """Where the contract counts attempts, two failures of one operation open the circuit."""
    contract = parse(
        {
            "attempts": {"max": 3},
            "retry_on": {"statuses": ["m5xx"], "methods": "any"},
            "errors": {"status": "MaximusAPIError", "open": "MaximusCircuitOpenError"},
            "breaker": {
                "scope": "service",
                "layer": "per_attempt",
                "counts": ["m5xx"],
                "fail_max": 2,
                "reset_timeout": 1,
                "late_results": "ignore",
            },
        },
        "x",
    )
    op = story.op("status:500", "status:500", ends="open")
    after = story.op()
    found = story.judge(contract)
    assert [b.demand.start for b in found.of(op).boundaries] == ["must", "must_not"]
    assert found.of(op).why.startswith("breaker.reset_timeout: 1")
    assert found.of(op).ends_as >= {"open"}
    assert found.of(after).admission.demand.start == "must_not"
