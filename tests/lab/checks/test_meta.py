"""Whether a run proves anything: the corners of the claims."""

from typing import Any

from faultlab.lab import history as h
from faultlab.lab.attempts import read
from faultlab.lab.checks.finding import Finding
from faultlab.lab.checks.meta import BASELINE, baseline_passes, no_baseline
from faultlab.lab.expect import not_ok


def test_a_fault_that_may_stay_unfired_is_not_asked(story: Any, found: Any) -> None:
    """In a test a fault can be armed to show that nothing meets it."""
    told = story().arm(0.1, "status", unfired="ok")
    assert found("C90", told).outcome == "not_exercised"


def test_an_armed_run_in_which_nothing_acted_is_unknown(story: Any, found: Any) -> None:
    """A story without a fault is a baseline under another name."""
    told = story("armed").call(1, 0.1, 200)
    assert found("C90", told).missing == "no fault acted in this run"
    told.arm(0.5, "status", unfired="ok")
    assert found("C90", told).outcome == "unknown"


def test_one_silent_fault_among_several_is_unknown(story: Any, found: Any) -> None:
    """Each of them was armed for a step that counts on it."""
    told = story("armed").arm(0.1, "status").on(h.FaultFired, 0.2, fault=1).arm(0.3, "cut", 2)
    finding = found("C90", told)
    assert (finding.outcome, finding.cases) == ("unknown", 2)
    assert finding.missing.startswith("cut on orders was in force")


def test_a_fault_that_did_not_fire_is_told_once(story: Any, found: Any) -> None:
    """Nor does it say that there is more like it."""
    finding = found("C90", story("armed").arm(0.1, "status").call(1, 0.2, 200))
    assert (finding.outcome, finding.cases) == ("unknown", 1)
    assert finding.missing.startswith("status on orders was in force")


def test_a_refused_connect_is_the_proof_of_its_fault(story: Any, found: Any) -> None:
    """No proxy saw it; the client's audit event and the listener's mode did."""
    told = story("armed").on(h.ListenerMode, 0.0, mode="open").arm(0.05, "refused")
    told.on(h.ListenerMode, 0.06, mode="refusing").begin(1, 0.1)
    told.on(h.ConnectAttempted, 0.11, op=1, attempt=1, port=8200, local=50001)
    assert found("C90", told.fail(1, 0.2, "Unreachable")).outcome == "pass"


def test_every_name_needs_a_success_before_its_faults(story: Any, found: Any) -> None:
    """A read that works proves nothing about the write."""
    told = story().enter("control").call(1, 0.1, 200).enter("fault", 1.0)
    told.call(2, 1.1, 503).call(3, 1.2, 503, "write")
    finding = found("C91", told)
    assert (finding.outcome, finding.operation) == ("unknown", 3)


def test_without_phases_what_went_before_the_first_fault_is_the_control(
    story: Any, found: Any
) -> None:
    """A test has no phases, but may begin with a call that works."""
    told = story().call(1, 0.1, 200).arm(0.5, "status").call(2, 0.6, 503)
    assert found("C91", told).outcome == "pass"
    late = story().arm(0.05, "status").call(1, 0.1, 200)
    assert found("C91", late).outcome == "unknown"


def test_strays_need_an_operation_to_be_missed_by(story: Any, found: Any) -> None:
    """A test that marks no operation counts on the wire alone."""
    told = story().start(None, None, 0.1).answer(0.2, 200)
    assert found("C97", told).outcome == "not_exercised"


def test_a_baseline_fails_with_its_checks() -> None:
    """A client that leaks without any fault leaks."""
    bad = Finding("C70", "no-connection-leak", "fail", seen="connection 1 stayed open", events=(4,))
    finding = BASELINE.settle(baseline_passes([bad]))
    assert finding.outcome == "fail"
    assert finding.seen == "without any fault C70 no-connection-leak: connection 1 stayed open"
    assert finding.events == (4,)


def test_a_baseline_is_as_unsure_as_its_checks() -> None:
    """What could not be seen without a fault can't be told from the fault's doing."""
    blind = Finding("C20", "backoff", "unknown", missing="refused connects")
    finding = BASELINE.settle(baseline_passes([blind, BASELINE.says("not_promised")]))
    assert (finding.outcome, finding.missing) == (
        "unknown",
        "the baseline's C20 backoff is unknown: refused connects",
    )
    assert BASELINE.settle(baseline_passes([])).outcome == "pass"


def broken(told: Any, contract: Any) -> Finding:
    """C92 over a baseline in which something did not end ok."""
    return BASELINE.settle(no_baseline(not_ok(read(told.history()), contract), contract))


def test_an_operation_that_did_not_end_ok_is_no_baseline(story: Any, contract: Any) -> None:
    """Whatever the fault phase then shows, it is not the fault's doing."""
    finding = broken(story().call(1, 0.1, 200).call(2, 0.2, 404).call(3, 0.3, 404), contract)
    assert (finding.outcome, finding.operation, finding.more) == ("unknown", 2, 1)
    assert finding.missing == (
        "a baseline: without any fault `read` ended as status:404 (shop.BadStatus)"
    )
    assert finding.to_know == "make `read` work without a fault first"


def test_an_operation_that_hangs_is_no_baseline(story: Any, contract: Any) -> None:
    """It never showed how it ends, nor did those after it begin."""
    finding = broken(story().begin(1, 0.1).on(h.OpUnknown, 0.2, op=1), contract)
    assert finding.missing.endswith("`read` was still running when the run was cut")
    told = story().begin(1, 0.1).on(h.OpHung, 0.2, op=1, awaits=("shop.py:14",))
    finding = broken(told, contract)
    assert finding.missing.endswith("`read` never ended: nothing was left to happen")


def test_a_fault_that_never_came_into_force_is_no_proof(story: Any, found: Any) -> None:
    """What it waited for did not happen; the run shows nothing about it."""
    told = story("armed").arm(0.1, "status").on(h.FaultFired, 0.2, fault=1)
    told.on(h.FaultAwaited, 0.3, fault=2, name="stall", awaits="a breaker is open")
    told.on(h.FaultCleared, 0.9, fault=2, name="stall")
    finding = found("C90", told)
    assert (finding.outcome, finding.missing) == (
        "unknown",
        "stall on orders never came into force: it waited until a breaker is open",
    )
