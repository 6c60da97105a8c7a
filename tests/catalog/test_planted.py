"""The teeth: each planted client fails its story by its bug, and works where nothing is broken."""

from collections.abc import Mapping

import pytest

from faultlab.fixtures.planted import BUGS
from faultlab.fixtures.planted.bug import Described
from faultlab.fixtures.sync.planted import BUGS as SYNC_BUGS
from faultlab.lab.checks import Finding
from faultlab.lab.report.summary import summary
from faultlab.lab.results import Result
from faultlab.lab.verdict import Judgement

pytestmark = [pytest.mark.story, pytest.mark.wire, pytest.mark.timeout(300)]

ALL_BUGS: dict[str, Described] = {**BUGS, **SYNC_BUGS}

# planted client -> what its witness must tell: the contract's field, and the deed
WITNESS = {
    "retries-4xx": ("retry_on.statuses", "met status:404, and attempt 2 began"),
    "retries-post-on-503": ("retry_on.methods", "was sent, met status:503, and was sent again"),
    "resends-lost-post": ("", "one call of `write` had 2 effects"),
    "one-attempt-more": ("attempts.max: 3", "made 4 attempts, not 3"),
    "one-attempt-fewer": ("attempts.max: 3", "made 2 attempts, not 3"),
    "ignores-retry-after": ("retry_after.beats_backoff: max", "a 503 asked for 1 s; the next"),
    "no-backoff": ("backoff: base 0.05, factor 2", "the next attempt began"),
    "no-read-timeout": ("timeouts.read: 0.7", "the silent"),
    "no-deadline": ("deadline.total: 4", "`write` ended after "),
    "deadline-per-attempt": ("deadline.total: 4", "attempt 3 of `read` began 6."),
    "sleeps-as-asked": ("retry_after.cap: 30", "asked for `3600`; the operation ended "),
    "trips-on-retry-after": (
        "retry_after.invalid: backoff",
        "a 503 asked for `soon`; the operation ended as maximus.errors.MaximusError",
    ),
    "constant-backoff": ("backoff.factor: 2", "the median wait of"),
    "no-jitter": ("backoff.jitter: equal", "waits before attempt"),
    "no-pool-timeout": ("timeouts.pool: 0.7", "`write` waited for a connection for "),
    "locks-breaker": ("", "stayed off the wire for 0."),
    "opens-late": ("breaker.reset_timeout", "made 3 attempts while the breaker of"),
    "opens-early": ("breaker.fail_max: 5", "was rejected before the threshold"),
    "never-opens": ("breaker.reset_timeout", "made 3 attempts while the breaker of"),
    "counts-4xx": ("breaker.fail_max: 5", "was rejected after failures that do not count"),
    "counts-attempts": ("breaker.layer: per_call", "after 2 operations had failed, in 6 attempts"),
    "counts-cancelled": ("breaker.fail_max: 5", "failures that do not count (cancelled)"),
    "keeps-cancelled-permit": ("breaker.half_open.probes: 1", "after a probe that had no result"),
    "closes-late": ("breaker.late_results: ignore", "`write` was let through after the result"),
    "retries-cancelled": ("", "`read` was cancelled, and attempt"),
    "swallows-cancellation": ("", "`read` was cancelled and ended ok"),
    "surfaces-stale": ("retry_on.faults.reset: idempotent", "and was not tried again"),
    "floods-half-open": ("breaker.half_open.probes: 1", "made 1 attempt while the breaker of"),
    "shares-breaker": ("breaker.scope: endpoint", "was rejected while only the breaker of"),
    "leaks-httpx-errors": ("errors", "let httpx.RemoteProtocolError escape"),
    "loses-cause": (
        "carries.cause: transport",
        "ended as maximus.errors.MaximusConnectionError with no cause",
    ),
    "tells-its-key": ("", "raised tells `x-api-key`"),
    "stumbles": ("", "met status:"),
    "returns-text": ("", "returned builtins.str for an answer that was wrong_content_type"),
    "leaks-tasks": (
        "resources.tasks_after: 0",
        "still running after close: _tell_when_slow at resources.py",
    ),
    "leaks-threads": ("resources.threads_after: 0", "threads still running after close: reporter"),
    "swallows-errors": ("", "met connect_refused, and it ended ok"),
    "leaks-connections": ("", "was still open"),
    "sync-retries-post": ("retry_on.methods", "was sent, met status:503, and was sent again"),
    "sync-gives-up-on-lost": ("retry_on.faults.body", "met truncated_length, and none followed"),
    "sync-one-attempt-more": ("attempts.max: 3", "made 4 attempts, not 3"),
    "sync-grows-on": ("backoff: base 0.05, factor 2", "the next attempt began 0."),
    "sync-counts-together": ("attempts.max: 3", "made 2 attempts, not 3"),
    "sync-leaks-connections": ("", "was still open"),
    "sync-waits-for-all": ("timeouts.read: 0.7", "was borne for 1."),
    "sync-counts-4xx": ("breaker.fail_max: 5", "was rejected after failures that do not count"),
    "sync-floods-half-open": ("breaker.half_open.probes: 1", "made 1 attempt while the breaker of"),
    "sync-keeps-permits": ("breaker.reset_timeout", "was rejected after the reset time was over"),
    "sync-holds-lock": ("", "was rejected after 0."),
    "sync-mislabels-silence": (
        "errors.read_timeout",
        "ended as faultlab.fixtures.sync.errors.Shop",
    ),
    "sync-leaks-json-errors": ("errors", "let json.decoder.JSONDecodeError escape"),
    "sync-swallows-errors": ("", "met connect_refused, and it ended ok"),
}


@pytest.mark.parametrize("name", WITNESS)
def test_a_planted_client_fails_by_its_bug(planted: Mapping[str, Result], name: str) -> None:
    """A check that lets its bug pass is decoration; one that fails by accident is worse."""
    bug, result = ALL_BUGS[name], planted[name]
    judgement = result.judgement
    assert result.error is None
    assert judgement is not None
    assert failed(judgement.baseline) == []
    assert [it.outcome for it in judgement.findings if it.check == "C92"] == ["pass"]

    found = the(judgement, bug.check)
    field, deed = WITNESS[name]
    assert found.outcome == "fail", failed(judgement.findings)
    assert field in found.field
    assert deed in found.seen
    assert found.events
    assert found.marks


@pytest.mark.parametrize("name", ["retries-4xx", "sync-mislabels-silence"])
def test_the_report_names_story_check_and_subject(planted: Mapping[str, Result], name: str) -> None:
    """Whoever reads it must be able to play it again."""
    bug, result = ALL_BUGS[name], planted[name]
    text = "\n".join(summary([result], folder="run", seconds=None))
    assert f"FAIL {bug.story}: {bug.check}" in text
    assert f"--subject planted:{name} --seed 7" in text


def test_each_planted_client_has_a_witness_to_look_for() -> None:
    """Whoever adds a bug says what must be seen of it."""
    assert WITNESS.keys() == ALL_BUGS.keys()


def failed(findings: tuple[Finding, ...]) -> list[str]:
    """What says `fail`, to be read in a message."""
    return [f"{it.check}: {it.seen}" for it in findings if it.outcome == "fail"]


def the(judgement: Judgement, check: str) -> Finding:
    """The one finding of a check."""
    (found,) = [it for it in judgement.findings if it.check == check]
    return found
