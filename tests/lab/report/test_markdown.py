"""Markdown: a job's summary says what the terminal says, and nothing in it marks anything up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faultlab.lab.checks import ALL, Finding
from faultlab.lab.errors import SetupError
from faultlab.lab.plan import Skipped
from faultlab.lab.report.document import Setting, document
from faultlab.lab.report.markdown import markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faultlab.lab.results import Result

    from .conftest import MakeResult

SETTING = Setting("0.1.0", "maximus", "embedded", "fast", 7, "out")


def lines(results: Sequence[Result], cut: str = "") -> list[str]:
    """The lines of these results' report."""
    made = document(SETTING, results, seconds=0.5, cut=cut, exit_code=0)
    return markdown(made).decode().splitlines()


def test_the_verdict_stands_first_and_last(result: MakeResult, retry_after: Finding) -> None:
    """The first line is what is read, the table says where to look."""
    told = lines([result(retry_after), result(name="down", idle=("C44",))])
    assert told[0] == "## faultlab: FAIL"
    assert told[2] == (
        "faultlab 0.1.0, subject maximus, environment embedded, tune fast, seed 7, run folder out"
    )
    assert told[6] == (
        "| 5xx: The backend answers with 5xx | **fail** | 1 | 2 | status 1 | 0.3 s |"
    )
    assert "FAIL 5xx: C24 retry-after                       5xx.yaml:10, `read: contract`" in told
    assert "  history    .faultlab/runs/20261123-104951/5xx/armed.jsonl" in told
    assert told[-1] == "**FAIL** 1 fail, 1 pass"


def test_what_was_not_exercised_is_named(result: MakeResult) -> None:
    """A green page must say what it does not show."""
    told = lines([result(idle=("C44",))])
    judged = f"{len(ALL) - 1} of {len(ALL)} checks exercised"
    assert f"{judged}; not exercised: C44; every baseline passed" in told


def test_what_is_not_known_is_no_number(result: MakeResult) -> None:
    """Zero would be a lie."""
    told = lines([result(error=SetupError("no port is left"))])
    assert "| 5xx: The backend answers with 5xx | **error** | ? | ? | - | 0.3 s |" in told


def test_nothing_from_a_file_marks_anything_up(result: MakeResult) -> None:
    """A title or a path that is Markdown or HTML must be read as it was written."""
    skipped = Skipped(phase="fault", text="a|b: ok", reason="<img src=x>\n# no `c`", line=3)
    told = lines([result(title="<b>|x|</b> [y](z) `c`", skipped=(skipped,))])
    assert told[6].startswith(r"| 5xx: \<b\>\|x\|\</b\> \[y\](z) \`c\` | pass | ")
    assert told[8] == r"- 5xx: not offered: a\|b: ok (5xx.yaml:3; \<img src=x\> \# no \`c\`)"


def test_no_line_of_a_block_closes_its_fence(result: MakeResult) -> None:
    """What a peer sent would else be rendered."""
    told = lines([result(Finding("C01", "bounded-retries", "fail", seen="a ```` b"))])
    assert "`````text" in told
    assert "`````" in told


def test_a_page_has_an_end(result: MakeResult) -> None:
    """CI servers refuse a page over their limit, and show none of it."""
    many = [result(Finding("C01", "bounded-retries", "fail", seen=str(n))) for n in range(30)]
    told = lines(many)
    assert told.count("```text") == 20
    assert "10 more: faultlab judge out" in told


def test_a_run_that_was_cut_says_so(result: MakeResult) -> None:
    """Its table is not the whole."""
    assert "**Not played to its end:** interrupted" in lines([result()], cut="interrupted")
