from faultlab.lab.checks import Finding, Outcome
from faultlab.lab.report.score import Score, Trial, found, line, lines, table
from faultlab.lab.verdict import Judgement


def judgement(baseline: Outcome = "pass", **outcomes: Outcome) -> Judgement:
    """Findings of the armed run by check, and one of the baseline."""
    findings = (Finding(check, "", outcome, seen="it") for check, outcome in outcomes.items())
    return Judgement("fail", tuple(findings), (Finding("C63", "", baseline, seen="it"),))


FOUND = judgement(C02="fail", C92="pass")
MISSED = judgement(C02="pass", C92="pass")


def trial(
    bug: str, family: str, judgement: Judgement | None = FOUND, *, client: str = "maximus"
) -> Trial:
    """A bug that C02 should find in `down`."""
    return Trial(
        bug=bug, client=client, family=family, story="down", check="C02", judgement=judgement
    )


def test_a_bug_is_found_by_its_own_check() -> None:
    """Another check that fails may have another reason."""
    assert found(FOUND, "C02")
    assert not found(FOUND, "C04")
    assert not found(MISSED, "C02")
    assert not found(judgement(C02="unknown", C92="pass"), "C02")


def test_what_fails_without_the_fault_has_not_shown_the_bug() -> None:
    """The client was broken in another way, or never worked."""
    assert not found(judgement("fail", C02="fail", C92="pass"), "C02")
    assert not found(judgement(C02="fail", C92="unknown"), "C02")
    assert not found(judgement(C02="fail"), "C02")
    assert not trial("broke-off", "IF", None).found


def test_the_table_counts_by_family_by_story_and_client() -> None:
    """What is missed must be seen in its row, and by its name."""
    score = Score(
        [
            trial("late", "errors"),
            trial("again", "WHEN"),
            trial("sync-again", "WHEN", MISSED, client="sync"),
            trial("post", "IF"),
            trial("shared", "HOW"),
        ],
        {("maximus", "down"): MISSED, ("httpx", "down"): judgement(C02="unknown")},
    )
    assert list(table(score)) == [
        "family           all   maximus      sync",
        "IF               1/1       1/1       0/0",
        "WHEN             1/2       1/1       0/1",
        "HOW              1/1       1/1       0/0",
        "errors           1/1       1/1       0/0",
        "",
        "story            all   maximus      sync",
        "down             4/5       4/4       0/1",
        "",
        "all              4/5       4/4       0/1",
        "weighted 83 % (IF 36, WHEN 33, HOW 31)",  # 36 + 33 / 2 + 31
        "false alarms 0 in 2 stories on correct clients (maximus, httpx) and 5 baselines",
    ]
    assert list(lines(score))[len(list(table(score))) :] == [
        "unknown 5.0 % of 20 findings",  # 1; each of 7 plays has one of its baseline
        "MISSED sync-again: C02 in down",
    ]
    assert line(score) == (
        "4 of 5 planted bugs found; "
        "false alarms 0 in 2 stories on correct clients (maximus, httpx) and 5 baselines"
    )


def test_a_failure_without_a_bug_is_a_false_alarm() -> None:
    """On a correct client, with the fault or without it, and in any baseline."""
    score = Score(
        [trial("late", "IF", judgement("fail", C02="pass"))],
        {
            ("maximus", "down"): judgement(C20="fail", C92="pass"),
            ("sync", "slow"): judgement("fail", C92="fail"),
        },
    )
    assert score.alarms == (
        "maximus in down: C20 it",
        "sync in slow: C92 it",
        "sync in slow: C63 it",
        "late's baseline: C63 it",
    )
    assert "false alarms 4 in 2 stories on correct clients (maximus, sync) and 1 baselines" in (
        list(table(score))
    )
    assert list(lines(score))[-1] == "FALSE ALARM late's baseline: C63 it"


def test_what_was_not_exercised_is_no_finding_of_the_share() -> None:
    """A check that had nothing to judge is neither known nor unknown."""
    score = Score([], {("maximus", "down"): judgement(C02="unknown", C20="not_exercised")})
    assert "unknown 50.0 % of 2 findings" in list(lines(score))


def test_nothing_played_is_no_score() -> None:
    """Zero of zero must not look like all of all."""
    assert "weighted 0 % (IF 36, WHEN 33, HOW 31)" in list(table(Score([], {})))
