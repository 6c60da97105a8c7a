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


def test_one_sick_endpoint_leaves_the_others(story: Story) -> None:
    """Isolation is per endpoint for what came after the connect."""
    story.opened()
    other = story.op("ok", endpoint="GET /other")
    assert story.judge().of(other).admission.demand.start == "must"


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


def test_a_new_subject_starts_closed(story: Story) -> None:
    """Breakers belong to a client's life."""
    story.opened()
    story.renew()
    op = story.op("ok")
    assert story.judge().of(op).admission.demand.start == "must"


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
