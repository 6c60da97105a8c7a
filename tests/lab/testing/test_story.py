"""What comes back of a run in a child: a verdict, or what it could not do."""

from __future__ import annotations

import pytest

from faultlab.lab.checks import Finding
from faultlab.lab.errors import LabError, SetupError, SubjectError, UsageError
from faultlab.lab.testing.story import answered
from faultlab.lab.verdict import Judgement

BROKEN = Judgement("fail", (Finding("C24", "retry-after", "fail", seen="0.042 s, not 1"),))
KEPT = Judgement("pass", (Finding("C01", "bounded-retries", "pass"),))


def test_the_worst_of_several_scenarios_is_the_verdict() -> None:
    """Of a folder; the findings of all of them, and what the command printed."""
    verdict = answered(1, "table\n\nFAIL  1 fail, 1 pass\n", "", [KEPT, BROKEN])
    assert verdict == "fail"
    assert verdict.findings == (*KEPT.findings, *BROKEN.findings)
    assert verdict.told == ("table", "", "FAIL  1 fail, 1 pass")
    assert answered(0, "", "some warning", [KEPT]) == "pass"


def test_what_was_not_offered_is_unknown() -> None:
    """Nothing was proved, and the command has said why."""
    verdict = answered(3, "not offered: read\n", "", [])
    assert (verdict, verdict.told) == ("unknown", ("not offered: read",))


@pytest.mark.parametrize(
    ("code", "complained", "error"),
    [
        (
            2,
            "slw: no such scenario; nearest: slow\nScenarioError: 1 problem, nothing was run (exit 2)\n",
            UsageError("slw: no such scenario; nearest: slow"),
        ),
        (
            2,
            "UsageError: x.py:order: the file defines no order\n  nearest    orders (exit 2)\n",
            UsageError("x.py:order: the file defines no order\n  nearest    orders"),
        ),
        (
            3,
            "x.py:7: SomeWarning: y\nSubjectError: x.py: raised: KeyError: 'x' (exit 3)\n",
            SubjectError("x.py: raised: KeyError: 'x'"),
        ),
        (3, "SetupError: no port is left (exit 3)\n", SetupError("no port is left")),
        (3, "ContractError: contract c:\n  x (exit 3)\n", SetupError("contract c:\n  x")),
        (-9, "", SetupError("faultlab run ended with code -9")),
    ],
)
def test_what_could_not_be_played_is_raised_as_it_is_addressed(
    code: int, complained: str, error: LabError
) -> None:
    """The test's author reads what the command line would have told."""
    with pytest.raises(type(error)) as caught:
        answered(code, "", complained, [])
    assert str(caught.value) == str(error)
