"""A run as one value: everything that is known, and nothing secret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faultlab.lab.errors import SubjectError
from faultlab.lab.plan import NotOffered, Skipped
from faultlab.lab.report.document import Setting, document, judged_again
from faultlab.lab.report.forms import FORMS

if TYPE_CHECKING:
    from faultlab.lab.checks import Finding

    from .conftest import MakePlan, MakeResult

SETTING = Setting("0.1.0", "maximus", "embedded", "fast", 7, "out")
ABSENT = NotOffered(
    scenario="breaker",
    file="breaker.yaml",
    title="The breaker opens",
    skipped=(Skipped(phase="fault", text="read: open", reason="there is no breaker", line=9),),
)


def test_a_finding_comes_with_its_place_and_its_witness(
    result: MakeResult, retry_after: Finding
) -> None:
    """A program must not have to read the history to say what went wrong."""
    made = document(SETTING, [result(retry_after)], seconds=0.3, exit_code=1)
    [story] = made.scenarios
    found = next(one for one in story.findings if one.check == "C24")
    assert (made.verdict, story.verdict, found.outcome) == ("fail", "fail", "fail")
    assert (story.file, found.line, found.step, found.phase) == (
        "5xx.yaml",
        10,
        "read: contract",
        "fault",
    )
    assert found.seen == "a 503 asked for 1 s; the next attempt began 0.042 s later"
    assert found.history == ".faultlab/runs/20261123-104951/5xx/armed.jsonl"
    assert [(event["index"], event["where"], event["kind"]) for event in found.witness] == [
        (4, "wire", "request.started"),
        (6, "wire", "response.head"),
        (7, "wire", "response.complete"),
        (8, "wire", "request.started"),
    ]
    assert story.again == "faultlab run 5xx --seed 7"


def test_scenarios_stand_in_the_order_of_the_plan(result: MakeResult, plan: MakePlan) -> None:
    """Which one ended first is chance."""
    results = [result(name="slow"), result(name="down")]
    planned = [plan("down"), ABSENT, plan("slow")]
    made = document(SETTING, results, planned=planned, seconds=1.0, exit_code=0)
    assert [(one.name, one.state) for one in made.scenarios] == [
        ("down", "judged"),
        ("breaker", "not offered"),
        ("slow", "judged"),
    ]
    assert made.verdict == "pass"
    assert made.scenarios[1].reason == "there is no breaker"


def test_a_run_that_was_cut_is_no_pass(result: MakeResult, plan: MakePlan) -> None:
    """What had ended may have passed; the rest proves nothing."""
    planned = [plan("down"), plan("slow")]
    made = document(
        SETTING,
        [result(name="down")],
        planned=planned,
        seconds=1.0,
        cut="interrupted",
        exit_code=130,
    )
    assert made.verdict == "unknown"
    assert [(one.state, one.verdict, one.reason) for one in made.scenarios] == [
        ("judged", "pass", ""),
        ("not played", None, "interrupted"),
    ]


def test_a_story_that_cannot_be_read_is_an_error(result: MakeResult) -> None:
    """A folder judged again must not get better by a file that was lost."""
    unread = [("half", "half: this story was not played to its end")]
    made = document(SETTING, [result()], unread=unread, seconds=None, exit_code=3)
    assert (made.verdict, made.scenarios[1].state) == ("error", "not played")


def test_the_setting_of_a_run_folder_is_that_of_its_plans(result: MakeResult) -> None:
    """They are all that is left of the command line."""
    results = [result(), result(name="down")]
    assert judged_again("0.1.0", results, folder="out") == SETTING


@pytest.mark.parametrize("form", FORMS)
def test_no_form_holds_a_secret(form: str, result: MakeResult) -> None:
    """Reports leave the machine: a CI server keeps them for everyone to see."""
    error = SubjectError(
        "orders: it raised Oops: api_key=hunter2", at="Authorization: Bearer hunter2"
    )
    told = result(error=error, subject="cmd:curl -H 'Authorization: hunter2' {core}")
    setting = Setting("0.1.0", "cmd:curl {core}?token=hunter2", "embedded", "fast", 7, "out")
    made = document(setting, [told], seconds=0.1, exit_code=3)
    data = FORMS[form](made)
    assert b"hunter2" not in data
    assert b"redacted" in data


def test_a_path_that_is_no_utf8_is_written_all_the_same(result: MakeResult) -> None:
    """A folder's odd name must not cost the report."""
    folder = Path(b"out\xff".decode("utf-8", "surrogateescape"))
    setting = Setting("0.1.0", "maximus", "embedded", "fast", 7, str(folder))
    made = document(setting, [result()], seconds=0.1, exit_code=0)
    assert made.setting.folder == "out?"
