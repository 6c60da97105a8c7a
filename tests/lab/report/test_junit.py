"""JUnit XML: what a CI server makes of it is what the verdict says."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from faultlab.lab.checks import Finding
from faultlab.lab.errors import SetupError
from faultlab.lab.plan import NotOffered
from faultlab.lab.report.document import Setting, document
from faultlab.lab.report.junit import junit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faultlab.lab.plan import Plan
    from faultlab.lab.results import Result

    from .conftest import MakePlan, MakeResult

SETTING = Setting("0.1.0", "maximus", "embedded", "fast", 7, "out")
ABSENT = NotOffered(scenario="breaker", file="breaker.yaml", title="", skipped=())
UNKNOWN = Finding("C02", "exact-retries", "unknown", missing="refused connects")
OUTCOMES = ("failure", "error", "skipped")


def read(
    results: Sequence[Result], planned: Sequence[Plan | NotOffered] = (), cut: str = ""
) -> tuple[ET.Element, dict[str, str]]:
    """The suite, and each case's outcome by name."""
    made = document(SETTING, results, planned=planned, seconds=0.5, cut=cut, exit_code=0)
    root = ET.fromstring(junit(made))
    assert root.tag == "testsuites"
    [suite] = root
    outcomes: dict[str, str] = {}
    for case in suite.iter("testcase"):
        children = [child.tag for child in case if child.tag in OUTCOMES]
        assert len(children) <= 1
        outcomes[case.attrib["name"]] = children[0] if children else "pass"
    told = list(outcomes.values())
    assert suite.attrib["tests"] == root.attrib["tests"] == str(len(told))
    assert suite.attrib["failures"] == root.attrib["failures"] == str(told.count("failure"))
    assert suite.attrib["errors"] == root.attrib["errors"] == str(told.count("error"))
    assert suite.attrib["skipped"] == str(told.count("skipped"))
    assert (made.verdict == "pass") == ({"failure", "error"}.isdisjoint(told))
    return suite, outcomes


def test_each_verdict_has_its_element(result: MakeResult, retry_after: Finding) -> None:
    """Whatever is not proved must be red: unknown is no pass, and no skip either."""
    results = [
        result(name="down"),
        result(retry_after),
        result(UNKNOWN, name="slow"),
        result(name="partial", error=SetupError("no port is left")),
    ]
    suite, outcomes = read(results)
    assert outcomes == {"down": "pass", "5xx": "failure", "slow": "error", "partial": "error"}
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.attrib["message"] == (
        "C24 retry-after: a 503 asked for 1 s; the next attempt began 0.042 s later"
    )
    assert failure.text is not None
    assert "<- 0.042 s, not 1" in failure.text
    errors = [(one.attrib["type"], one.attrib["message"]) for one in suite.iter("error")]
    assert errors == [
        ("unknown", "C02 exact-retries: refused connects"),
        ("error", "SetupError: no port is left"),
    ]


def test_several_failures_are_one_element(result: MakeResult, retry_after: Finding) -> None:
    """Readers take the first and drop the others."""
    other = Finding("C01", "bounded-retries", "fail", seen="nine attempts")
    suite, _ = read([result(retry_after, other)])
    [failure] = suite.iter("failure")
    assert "C24 retry-after" in failure.attrib["message"]
    assert "C01 bounded-retries: nine attempts" in failure.attrib["message"]


def test_what_is_not_offered_is_skipped_beside_others(result: MakeResult, plan: MakePlan) -> None:
    """It enters no verdict, and is seen."""
    _, outcomes = read([result(name="down")], [plan("down"), ABSENT])
    assert outcomes == {"down": "pass", "breaker": "skipped"}


def test_nothing_offered_is_red() -> None:
    """A suite of skips alone is green everywhere."""
    _, outcomes = read([], [ABSENT])
    assert outcomes == {"breaker": "error"}


@pytest.mark.parametrize("ended", [["down"], ["down", "slow"]])
def test_a_run_that_was_cut_is_red(
    ended: Sequence[str], result: MakeResult, plan: MakePlan
) -> None:
    """What had ended by Ctrl-C may all have passed."""
    results = [result(name=name) for name in ended]
    _, outcomes = read(results, [plan("down"), plan("slow")], cut="interrupted")
    assert "error" in outcomes.values()


def test_what_xml_cannot_say_is_replaced(result: MakeResult) -> None:
    """One byte of a peer's must not make the file unreadable."""
    finding = Finding("C01", "bounded-retries", "fail", seen="a\x00b\x1b[2J\ufffe <&\"'> ]]>\nc")
    suite, _ = read([result(finding)])
    [failure] = suite.iter("failure")
    assert failure.attrib["message"] == "C01 bounded-retries: a?b?[2J? <&\"'> ]]> c"


def test_all_that_it_takes_to_repeat_it_stands_in_it(result: MakeResult) -> None:
    """The file is often all that is left of a job."""
    suite, _ = read([result(idle=("C44",))])
    properties = {one.attrib["name"]: one.attrib["value"] for one in suite.iter("property")}
    assert properties["seed"] == "7"
    assert properties["run folder"] == "out"
    assert properties["checks not exercised"] == "C44"
    said = suite.findtext("testcase/system-out")
    assert said is not None
    assert "again: faultlab run 5xx --seed 7" in said.splitlines()
    assert "fired: status 1" in said.splitlines()
