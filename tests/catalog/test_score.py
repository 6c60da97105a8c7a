"""The score of the planted bugs: all are found, and nothing is said against correct clients."""

from pathlib import Path

import pytest

from faultlab.lab.report.score import Score, line, table

from ..documents import GUIDE, README, SCORE, written_anew

pytestmark = [pytest.mark.story, pytest.mark.wire, pytest.mark.timeout(300)]


def test_every_planted_bug_is_found_by_its_check(score: Score) -> None:
    """A bug that lives on has a check that is blunt."""
    assert score.missed == ()


def test_nothing_fails_where_no_bug_is(score: Score) -> None:
    """A false alarm costs as much trust as a bug that was missed."""
    assert score.alarms == ()
    assert {client for client, _ in score.correct} == {"maximus", "sync", "httpx"}


@pytest.mark.parametrize("document", [README, GUIDE], ids=lambda it: it.name)
def test_the_score_that_is_shown_is_this_one(
    score: Score, document: Path, request: pytest.FixtureRequest
) -> None:
    """A number kept by hand would stay as it is when the next bug is planted."""
    shown = {
        README: [line(score)],
        GUIDE: ["```text", *table(score), "```"],
    }
    text = document.read_text("utf-8")
    current = written_anew(text, SCORE, "\n".join(shown[document]))
    if request.config.getoption("--write-score"):
        document.write_text(current, "utf-8")
    else:
        assert text == current, f"the score in {document.name} is stale: run `make score`"
