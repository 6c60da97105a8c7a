"""The forms of a report, and the JSON one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from faultlab.lab.report.document import Setting, document
from faultlab.lab.report.forms import FORMS, as_json

if TYPE_CHECKING:
    from faultlab.lab.checks import Finding

    from .conftest import MakeResult

SETTING = Setting("0.1.0", "maximus", "embedded", "fast", 7, "out")


def test_there_are_three_forms() -> None:
    """For programs, for CI servers, for the page of a job."""
    assert tuple(FORMS) == ("json", "junit", "markdown")


def test_json_says_its_version_and_everything(result: MakeResult, retry_after: Finding) -> None:
    """A program that reads it must see a change of its form, and needs nothing else."""
    made = document(SETTING, [result(retry_after, idle=("C44",))], seconds=0.3, exit_code=1)
    data = json.loads(as_json(made))
    assert (data["schema_version"], data["verdict"], data["exit_code"]) == (1, "fail", 1)
    assert data["setting"] == {
        "faultlab": "0.1.0",
        "subject": "maximus",
        "environment": "embedded",
        "tune": "fast",
        "seed": 7,
        "folder": "out",
    }
    assert data["checks"]["not_exercised"] == ["C44"]
    [story] = data["scenarios"]
    found = next(one for one in story["findings"] if one["check"] == "C24")
    assert found["field"] == "retry_after.beats_backoff: max"
    assert found["witness"][0]["target"] == "/health"
    assert story["fired"] == [{"kind": "status", "count": 1}]
    assert story["shown"][0][0].startswith("FAIL 5xx: C24 retry-after")
