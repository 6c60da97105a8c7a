"""What is shown of a scenario that did not pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from faultlab.lab.checks import Finding
from faultlab.lab.checks.finding import STEP
from faultlab.lab.errors import SubjectError
from faultlab.lab.report.blocks import blocks, failures, reason
from faultlab.lab.report.lanes import WIDTH

if TYPE_CHECKING:
    from faultlab.lab.history import AnyEvent, History

    from .conftest import MakeResult


def shown(lines: tuple[str, ...]) -> str:
    """A block as one text."""
    return "\n".join(lines) + "\n"


FAIL = """\
FAIL 5xx: C24 retry-after                       5xx.yaml:10, `read: contract`
  promised   the next attempt waits max(Retry-After, backoff)
             contract maximus, retry_after.beats_backoff: max
  seen       a 503 asked for 1 s; the next attempt began 0.042 s later
  witness    operation 2, events 4, 6-8

  t (s)  subject         wire to core                       backend
  0.131  read begins
  0.132                  > GET /health         attempt 1
  0.133                  < 503 Retry-After: 1  status
  0.175                  > GET /health         attempt 2    <- 0.042 s, not 1
  0.177  read ok

  again      faultlab run 5xx --subject planted:ignores-retry-after --seed 7
  history    .faultlab/runs/20261123-104951/5xx/armed.jsonl
"""


def test_a_failure_shows_promise_number_witness_and_what_to_type(
    result: MakeResult, retry_after: Finding
) -> None:
    """Red without a reason is what makes people close the tab."""
    story = result(retry_after, subject="planted:ignores-retry-after")
    assert [shown(block) for block in blocks(story)] == [FAIL]


def test_each_failing_check_has_a_block_and_only_so_many_are_asked_for(
    result: MakeResult, retry_after: Finding
) -> None:
    """Three failures shown whole are read; thirty are scrolled past."""
    story = result(retry_after, retry_after, Finding("C20", "backoff", "unknown"))
    assert len(failures(story)) == len(blocks(story)) == 2
    assert len(blocks(story, whole=1)) == 1


def test_one_deviation_that_breaks_two_promises_shows_its_wire_once(
    result: MakeResult, retry_after: Finding
) -> None:
    """The same rows twice look like two causes."""
    other = msgspec.structs.replace(retry_after, check="C20", slug="backoff")
    first, second = blocks(result(retry_after, other))
    assert "  0.131  read begins" in first
    assert "  0.131  read begins" not in second
    assert "  witness    operation 2, events 4, 6-8, shown above" in second


def test_a_witness_of_many_events_names_the_first_ones_and_the_last(result: MakeResult) -> None:
    """A hundred numbers are read by nobody."""
    events = tuple(range(1, 41, 2))
    (block,) = blocks(result(Finding("C63", "no-swallow", "fail", seen="x", events=events)))
    assert "  witness    events 1, 3, 5, 7, 9, 11, 13, ... 39 (20 in all)" in block


def test_a_step_that_ended_otherwise_is_a_failure_too(result: MakeResult) -> None:
    """The file's own expectation is a promise like the contract's."""
    finding = Finding(
        STEP,
        "14",
        "fail",
        promised="it ends as status:503",
        seen="it ended ok",
        operation=3,
        more=2,
    )
    (block,) = blocks(result(finding))
    assert block[0] == f"{'FAIL 5xx: step':<45}5xx.yaml:14, `write: status:503`"
    assert "  seen       it ended ok; 2 more like it" in block


def test_a_failure_of_the_baseline_shows_the_baseline(
    result: MakeResult, retry_after: Finding
) -> None:
    """Its events are of another file, where the same numbers mean other things."""
    finding = Finding("C92", "baseline-passes", "fail", seen="it failed", operation=1, events=(3,))
    (block,) = blocks(result(finding))
    assert "  witness    operation 1, event 3, of the baseline" in block
    assert block[-1] == "  history    .faultlab/runs/20261123-104951/5xx/baseline.jsonl"


UNKNOWN = """\
UNKNOWN 5xx: C02 exact-retries, C20 backoff                       5xx.yaml:10
  missing    refused connects: they reach no proxy, and this subject runs on
             uvloop, which hides them from the interpreter's audit event
  known      6 operations failed as OrdersUnavailable, as promised
  to know    run it on asyncio's own loop
  history    .faultlab/runs/20261123-104951/5xx/armed.jsonl
"""


def test_findings_that_lack_the_same_evidence_share_a_block(result: MakeResult) -> None:
    """Two checks blind for one reason are one thing to mend."""
    missing = (
        "refused connects: they reach no proxy, and this subject runs on uvloop, which hides them "
        "from the interpreter's audit event"
    )
    known = "6 operations failed as OrdersUnavailable, as promised"
    findings = [
        Finding(
            check,
            slug,
            "unknown",
            missing=missing,
            known=known,
            operation=2,
            to_know="run it on asyncio's own loop",
        )
        for check, slug in (("C02", "exact-retries"), ("C20", "backoff"))
    ]
    assert [shown(block) for block in blocks(result(*findings))] == [UNKNOWN]


UNMET = """\
UNKNOWN 5xx: C24 retry-after, C45 half-open-permits               5xx.yaml:10
  missing    C24 is required by `read: contract`, but never was: a failed
             answer carried a Retry-After that the contract honours
  missing    C45 is required, but never was: operations began while a probe
             was in flight
  to know    see faultlab explain 5xx; mend the step, or what it requires
  history    .faultlab/runs/20261123-104951/5xx/armed.jsonl
"""


def test_a_required_check_that_did_not_arise_is_explained(result: MakeResult) -> None:
    """A pass without what the step requires would be an empty one."""
    assert [shown(block) for block in blocks(result(unmet=["C24", "C45"]))] == [UNMET]


WITHOUT = """\
UNKNOWN down: it does not work without the fault either (control, operation 1)
  read       ended as status:404, expected ok
  called     GET /v2/orders/7
  raised     NotFound: no order 7
  mend       make it work without a fault first: what it calls must be served
  history    .faultlab/runs/20261123-104951/down/armed.jsonl
"""


def test_a_workload_that_never_worked_is_told_as_such(
    result: MakeResult, refusal: tuple[AnyEvent, ...]
) -> None:
    """Her own mistake, the commonest of all: the stub doesn't know what the client calls."""
    unknown = Finding("C91", "workload-ran", "unknown", missing="`read` never succeeded")
    story = result(unknown, name="down", recorded=refusal)
    assert [shown(block) for block in blocks(story)] == [WITHOUT]


NO_BASELINE = """\
UNKNOWN down, slow: no baseline, `read` does not work without a fault
  read       ended as status:404, expected ok
  called     GET /v2/orders/7
  raised     NotFound: no order 7
  also       write
  so         nothing can be concluded about faults; none was armed
  mend       make it work without a fault first: what it calls must be served
  history    .faultlab/runs/20261123-104951/down/baseline.jsonl
"""


def test_a_broken_baseline_is_one_block_that_says_why_nothing_follows(
    result: MakeResult, broken: History
) -> None:
    """Not a failure of the client under faults: none was armed."""
    unknown = Finding("C92", "baseline-passes", "unknown", missing="a baseline")
    story = replace(result(unknown, name="down"), armed=None, baseline=broken)
    assert [shown(block) for block in blocks(story, also=["slow"])] == [NO_BASELINE]
    assert reason(story) == "read status:404 shop.NotFound"


def test_a_broken_baseline_beside_an_armed_run_is_judged_alone(
    result: MakeResult, retry_after: Finding, broken: History
) -> None:
    """A folder of an earlier version may hold both."""
    (block,) = blocks(replace(result(retry_after), baseline=broken))
    assert block[0].endswith("no baseline, `read` does not work without a fault")
    assert "about faults; the run with them is not judged" in " ".join(" ".join(block).split())


def test_a_story_that_was_judged_has_no_reason_why_not(result: MakeResult) -> None:
    """Its blocks are its own."""
    assert reason(result()) is None
    assert reason(result(error=SubjectError("gone"))) == "gone"


def test_an_error_is_shown_as_it_is_addressed(result: MakeResult) -> None:
    """It names place and mend already; a second wording would be a second meaning."""
    error = SubjectError(
        "orders_lab.py:orders: `read` came back ok from elsewhere",
        expected='a connect to 127.0.0.1:41733, which is urls["orders"]',
        seen="one to 127.0.0.1:8080",
    )
    assert [shown(block) for block in blocks(result(error=error))] == [
        """\
ERROR 5xx
  SubjectError: orders_lab.py:orders: `read` came back ok from elsewhere
  expected   a connect to 127.0.0.1:41733, which is urls["orders"]
  seen       one to 127.0.0.1:8080
"""
    ]


def test_a_check_that_crashed_is_no_fault_of_the_client(result: MakeResult) -> None:
    """The reader must not look for it in her own code."""
    crash = Finding("C20", "backoff", "error", seen="ZeroDivisionError: division by zero")
    (block,) = blocks(result(crash))
    assert block[0].startswith("ERROR 5xx: C20 backoff")
    assert "  C20        ZeroDivisionError: division by zero" in block


def test_a_pass_has_nothing_to_show(result: MakeResult) -> None:
    """Six passes are six rows."""
    assert blocks(result()) == ()


def test_a_long_witness_keeps_begin_and_end(result: MakeResult) -> None:
    """Forty rows can be read; the history holds the rest."""
    repeated = result().armed
    assert repeated is not None
    recorded = list(repeated.events) * 30
    finding = Finding("C40", "opens", "fail", seen="it never opened", events=tuple(range(1, 331)))
    (block,) = blocks(result(finding, recorded=recorded))
    assert len(block) == 52
    assert any("rows left out" in line for line in block)
    assert max(map(len, block)) <= WIDTH
