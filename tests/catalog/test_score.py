"""The score of the planted bugs: all are found, and nothing is said against correct clients."""

from pathlib import Path

import pytest

from faultlab.lab.report.score import Score, table

pytestmark = [pytest.mark.story, pytest.mark.wire, pytest.mark.timeout(300)]

README = Path(__file__).parents[2] / "README.md"
BEGIN = "<!-- score: written by `make score` -->\n"
END = "<!-- end of score -->\n"


def test_every_planted_bug_is_found_by_its_check(score: Score) -> None:
    """A bug that lives on has a check that is blunt."""
    assert score.missed == ()


def test_nothing_fails_where_no_bug_is(score: Score) -> None:
    """A false alarm costs as much trust as a bug that was missed."""
    assert score.alarms == ()
    assert {client for client, _ in score.correct} == {"maximus", "sync", "httpx"}


def test_the_readme_shows_this_score(score: Score, request: pytest.FixtureRequest) -> None:
    """A number kept by hand would stay as it is when the next bug is planted."""
    text = README.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"the README has lost its marker {BEGIN}"
    assert end, f"the README has lost its marker {END}"
    shown = "\n".join(table(score))
    current = f"{before}{begin}\n```text\n{shown}\n```\n\n{end}{after}"
    if request.config.getoption("--write-readme"):
        README.write_text(current, "utf-8")
    else:
        assert text == current, "the README's score is stale: run `make score`"
