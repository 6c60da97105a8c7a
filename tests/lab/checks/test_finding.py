"""How a check folds what it found."""

from faultlab.lab.checks.finding import CheckInfo

INFO = CheckInfo("C24", "retry-after", "it waits", "it was asked to", "retry_after")


def test_the_worst_case_is_shown_and_the_others_counted() -> None:
    """A reader needs one witness, and to know that there are more."""
    first, second = INFO.failed("first"), INFO.failed("second")
    finding = INFO.settle([INFO.passed(), INFO.unknown("evidence"), first, second])
    assert (finding.outcome, finding.seen, finding.cases, finding.more) == ("fail", "first", 4, 1)


def test_missing_evidence_is_worse_than_a_pass() -> None:
    """Nine cases that held don't make up for one that nobody saw."""
    finding = INFO.settle([INFO.passed(), INFO.unknown("the wire")])
    assert (finding.outcome, finding.missing) == ("unknown", "the wire")


def test_no_case_is_no_pass() -> None:
    """A check that had nothing to judge proves nothing."""
    assert INFO.settle([]).outcome == "not_exercised"


def test_a_witness_is_in_order_and_names_each_event_once() -> None:
    """Events that were never numbered (0) can't be looked up."""
    assert INFO.failed("it did not", events=(7, 3, 7, 0)).events == (3, 7)


def test_a_failure_promises_the_claim_unless_told() -> None:
    """Every failure says what was promised."""
    assert INFO.failed("it did not").promised == "it waits"
    assert INFO.failed("it did not", promised="one second").promised == "one second"
