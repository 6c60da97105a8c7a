"""From findings to a verdict."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab import history as h
from faultlab.lab.attempts import read
from faultlab.lab.checks import STEP, Finding, Verdict
from faultlab.lab.contract import parse
from faultlab.lab.verdict import decode, encode, exit_code, judge, worst

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
CONTRACT = parse((GOLDEN / "contract.yaml").read_text("utf-8"), "golden")
VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "unknown", "error")

some = st.lists(st.sampled_from(VERDICTS))


def golden(name: str) -> h.History:
    """One of the golden histories of the pair."""
    return h.load(GOLDEN / "C92" / f"{name}.jsonl")


def test_the_worst_wins_in_the_order_of_the_design() -> None:
    """A client that fails must not hide behind a crash of ours."""
    assert worst(["pass", "unknown", "error", "fail"]) == "fail"
    assert worst(["pass", "unknown", "error"]) == "error"
    assert worst(["pass", "unknown"]) == "unknown"
    assert worst(["pass"]) == "pass"


def test_nothing_proves_nothing() -> None:
    """A pass needs proof."""
    assert worst([]) == "unknown"


@given(some, some)
def test_merging_verdicts_knows_no_order_and_no_repetition(
    left: list[Verdict], right: list[Verdict]
) -> None:
    """Scenarios end in any order, and are judged again."""
    assert worst(left + right) == worst(right + left) == worst(left + right + left)
    if left and right:
        assert worst([worst(left), worst(right)]) == worst(left + right)


@pytest.mark.parametrize(
    ("verdict", "code"), [("pass", 0), ("fail", 1), ("unknown", 3), ("error", 3)]
)
def test_exit_codes(verdict: Verdict, code: int) -> None:
    """Continuous integration reads nothing else."""
    assert exit_code(verdict) == code


def test_a_run_with_its_baseline_passes() -> None:
    """The pair of a well-behaved client."""
    found = judge(CONTRACT, golden("pass"), golden("pass.baseline"))
    assert (found.verdict, found.unmet, found.shown) == ("pass", (), ())
    assert {"C90", "C91", "C92", "C97"} <= set(found.exercised)


def test_a_promise_broken_without_a_fault_fails_a_run_that_is_fine() -> None:
    """It is a failure of its own, and the fault had no part in it."""
    found = judge(CONTRACT, golden("fail"), golden("fail.baseline"))
    assert [finding.check for finding in found.shown] == ["C92"]
    assert found.verdict == "fail"


def test_without_a_working_baseline_nothing_else_is_said() -> None:
    """Whatever the run with faults shows may be no doing of theirs."""
    step = Finding(STEP, STEP, "fail", promised="`read: ok`", seen="it ended as connection")
    bad = h.load(GOLDEN / "C24" / "fail.jsonl")
    found = judge(
        CONTRACT, bad, golden("unknown.baseline"), frozenset(("C24",)), step_findings=(step,)
    )
    assert [(one.check, one.outcome) for one in found.findings] == [("C92", "unknown")]
    assert (found.verdict, found.exercised, found.unmet) == ("unknown", ("C92",), ())
    assert found == judge(CONTRACT, None, golden("unknown.baseline"))


@pytest.mark.parametrize("judged", [True, False])
def test_a_baseline_that_never_ends_is_a_failure(*, judged: bool) -> None:
    """To hang is one without a fault, too; a doubt whether it does leaves no baseline, and no more."""
    name = "fail" if judged else "unknown"
    hung = h.load(GOLDEN / "C34" / f"{name}.jsonl")
    for armed in (None, golden("pass")):
        found = judge(CONTRACT, armed, hung)
        assert [(one.check, one.outcome) for one in found.findings] == [("C92", name)]
        assert found.verdict == name
    if judged:
        assert found.findings[0].seen.startswith("without any fault C34 ends: `read` never ends")
        assert found.findings[0].marks[0][1].startswith("<- awaits shop.py")


def test_a_baseline_that_works_is_no_run() -> None:
    """Nothing was shown of faults; who calls this has lost a history."""
    with pytest.raises(ValueError, match="nothing to judge"):
        judge(CONTRACT, None, golden("pass.baseline"))


def test_only_a_required_check_must_be_exercised() -> None:
    """Most checks have nothing to judge in most stories."""
    assert judge(CONTRACT, golden("pass")).verdict == "pass"
    found = judge(CONTRACT, golden("pass"), required=frozenset(("retry-after", "C60")))
    assert (found.verdict, found.unmet) == ("unknown", ("C24",))


def test_the_pair_is_never_required_of_a_single_file() -> None:
    """`faultlab judge` of one history is a judgement, too."""
    assert judge(CONTRACT, golden("pass"), required=frozenset(("C92",))).verdict == "pass"


def test_a_required_check_must_exist() -> None:
    """A typing error must not make a requirement vanish."""
    with pytest.raises(KeyError):
        judge(CONTRACT, golden("pass"), required=frozenset(("retry-afetr",)))


def test_the_findings_of_steps_count() -> None:
    """A step that came out otherwise is a failure, whatever the checks say."""
    step = Finding(STEP, STEP, "fail", promised="`read: ok`", seen="it ended as connection")
    found = judge(CONTRACT, golden("pass"), step_findings=(step,))
    assert (found.verdict, found.findings[-1]) == ("fail", step)


def test_a_failure_counts_whether_required_or_not() -> None:
    """Nobody may leave a check out to pass."""
    history = h.load(GOLDEN / "C24" / "fail.jsonl")
    assert judge(CONTRACT, history).verdict == "fail"


def test_an_armed_run_whose_fault_never_fired_cannot_pass() -> None:
    """The field's easiest lie."""
    assert judge(CONTRACT, h.load(GOLDEN / "C90" / "unknown.jsonl")).verdict == "unknown"


@pytest.mark.parametrize(
    "path", sorted(GOLDEN.rglob("*.jsonl")), ids=lambda p: f"{p.parent.name}-{p.stem}"
)
def test_a_history_judged_twice_gives_the_same_and_survives_its_file(path: Path) -> None:
    """Old runs are judged again; a reading may be handed in as well."""
    history = h.load(path)
    found = judge(CONTRACT, history)
    assert found == judge(CONTRACT, read(history))
    assert decode(encode(found)) == found
