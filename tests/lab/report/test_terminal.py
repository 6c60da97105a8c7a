"""What a run prints around its witnesses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from faultlab.lab.checks import ALL, Finding
from faultlab.lab.errors import SetupError
from faultlab.lab.history import (
    FaultArmed,
    FaultFired,
    ListenerMode,
    OpFailed,
    OpInvoked,
    SubjectOpened,
)
from faultlab.lab.plan import NotOffered, Skipped
from faultlab.lab.report.terminal import (
    Standing,
    accents,
    again,
    checks_line,
    header,
    heading,
    last_line,
    left_out,
    not_offered,
    progress_line,
    progress_table,
    row,
)

if TYPE_CHECKING:
    from .conftest import MakePlan, MakeResult

NAMES = ("down", "5xx", "partition")


def test_the_header_says_all_that_it_takes_to_repeat_a_run() -> None:
    """A red run that can't be repeated is an anecdote."""
    assert header(
        "0.1.0",
        subject="maximus",
        environment="embedded",
        tune="fast",
        seed=7,
        scenarios=6,
        seconds=8.2,
        jobs=6,
        folder=".faultlab/runs/20261123-104207",
    ) == (
        "faultlab 0.1.0   subject maximus   environment embedded   tune fast   seed 7",
        "6 scenarios, about 8 s side by side; run folder .faultlab/runs/20261123-104207",
    )


def test_a_long_subject_moves_the_rest_of_the_header_down() -> None:
    """80 columns, whatever a file is called."""
    lines = header(
        "0.1.0",
        subject="clients/orders_lab.py:orders_async",
        environment="embedded",
        tune="none",
        seed=123456,
        scenarios=1,
        seconds=2,
        jobs=6,
        folder="out",
    )
    assert lines == (
        "faultlab 0.1.0   subject clients/orders_lab.py:orders_async   environment embedded",
        "  tune none   seed 123456",
        "1 scenario, about 2 s; run folder out",
    )


def test_a_row_counts_operations_attempts_and_what_fired(result: MakeResult) -> None:
    """`fired` is the proof that something went wrong at all."""
    assert [heading(NAMES), *row(result(), NAMES)] == [
        "scenario    verdict   operations   attempts   fired             time",
        "5xx         pass               1          2   status 1          0.3 s",
    ]


def test_a_failed_row_stands_out_without_colour(result: MakeResult, retry_after: Finding) -> None:
    """Words carry the meaning: logs have no colour."""
    (line,) = row(result(retry_after, seconds=12.34), NAMES)
    assert line == "5xx         FAIL               1          2   status 1          12.3 s"


def test_further_kinds_are_counted_behind_the_first(result: MakeResult) -> None:
    """One column can't hold four kinds, and none may be silently left out."""
    recorded = [
        event
        for number, kind in enumerate(("lost_answer", "cut", "bad_body", "status"), 1)
        for event in (
            FaultArmed(t=number, service="core", fault=number, name=kind),
            FaultFired(t=number + 0.1, service="core", fault=number),
        )
    ]
    (line,) = row(result(recorded=recorded), NAMES)
    assert line == "5xx         pass               0          0   lost_answer 1 + 3 0.3 s"


def test_what_is_not_known_is_a_question_mark(result: MakeResult) -> None:
    """A zero would be a claim."""
    recorded = (
        SubjectOpened(t=0.0, connects="none: uvloop hides them"),
        ListenerMode(t=0.1, service="core", mode="refusing"),
        FaultArmed(t=0.1, service="core", fault=1, name="refused", listener="refusing"),
        OpInvoked(t=0.2, op=1, name="read", service="core"),
        OpFailed(t=0.3, op=1, errors=()),
    )
    unknown = Finding("C02", "exact-retries", "unknown", missing="refused connects")
    (line,) = row(result(unknown, recorded=recorded), NAMES)
    assert line == "5xx         unknown            1          ?   refused ?         0.3 s"


def test_a_story_without_a_history_knows_no_number(result: MakeResult) -> None:
    """What was not played has no counts."""
    (line,) = row(result(error=SetupError("no port")), NAMES)
    assert line == "5xx         ERROR              ?          ?   ?                 0.3 s"


def test_a_run_that_was_not_played_has_no_numbers(result: MakeResult) -> None:
    """`?` would send the reader to look for what went unseen."""
    unknown = Finding("C92", "baseline-passes", "unknown", missing="a baseline")
    (line,) = row(replace(result(unknown), armed=None), NAMES)
    assert line == "5xx         unknown            -          -   -                 0.3 s"


def test_steps_that_are_not_offered_are_seen(result: MakeResult) -> None:
    """They change no verdict, but a reader must know what was not tried."""
    skipped = [
        Skipped(phase=phase, text="read.elsewhere: ok", reason="orders has one service")
        for phase in ("control", "fault")
    ]
    assert row(result(skipped=skipped), NAMES)[1:] == (
        "            not offered: read.elsewhere (orders has one service)",
    )


def test_a_scenario_of_which_nothing_is_offered_has_no_verdict() -> None:
    """Not offered is neither a pass nor a failure."""
    step = Skipped(phase="fault", text="read: open", reason="the contract has no breaker")
    scenario = NotOffered(scenario="breaker", file="breaker.yaml", title="", skipped=(step, step))
    assert not_offered(scenario, NAMES) == (
        "breaker     not offered",
        "            read (the contract has no breaker)",
    )


def test_what_is_left_out_is_told_with_its_lines() -> None:
    """A reader of a file of her own goes there; an implied step stands nowhere."""
    reason = "the contract has no breaker"
    skipped = [
        Skipped(phase="fault", text="read: open", reason=reason, line=8),
        Skipped(phase="fault", text="read: open", reason=reason, line=12),
        Skipped(
            phase="fault", text="inject: stall", reason="no offered operation meets it", line=9
        ),
        Skipped(phase="fault", text="write: open", reason=reason, line=13),
        Skipped(phase="recovery", text="read: open", reason=reason),
    ]
    assert list(left_out(skipped, lambda text: text.partition(":")[0])) == [
        f"read, lines 8, 12; write, line 13 ({reason})",
        "inject, line 9 (no offered operation meets it)",
    ]


def test_long_names_widen_the_table_up_to_a_limit() -> None:
    """Names are files' names, and those can be any."""
    assert heading(["orders-twice-in-march"]).startswith("scenario               verdict")
    assert heading(["x" * 60]).index("verdict") == 24


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "faultlab run 5xx --seed 7"),
        (
            {"subject": "planted:ignores-retry-after"},
            "faultlab run 5xx --subject planted:ignores-retry-after --seed 7",
        ),
        (
            {"file": "my stories/5xx.yaml", "tune": "none"},
            "faultlab run 'my stories/5xx.yaml' --tune none --seed 7",
        ),
        ({"scenario": "orders", "file": "orders.yaml"}, "faultlab run orders.yaml --seed 7"),
        ({"environment": "docker"}, "faultlab run 5xx --env docker --seed 7"),
    ],
)
def test_the_command_that_repeats_a_story_can_be_pasted(
    plan: MakePlan, changes: dict[str, str], command: str
) -> None:
    """Nothing that was chosen may be left to a default, and a shell must read it as it is."""
    assert again(plan(**changes)) == command


def test_checks_that_judged_nothing_are_named(result: MakeResult) -> None:
    """A green run must say what it did not test."""
    assert checks_line([result()]) == (
        f"{len(ALL)} of {len(ALL)} checks exercised; every baseline passed",
    )
    unequal = [result(idle=["C45"], unpromised=["C24"]), result(idle=["C45", "C46"])]
    assert checks_line(unequal) == (
        f"{len(ALL) - 1} of {len(ALL)} checks exercised; not exercised: C45; every baseline passed",
    )
    assert checks_line([result(unpromised=["C20", "C24"])]) == (
        f"{len(ALL) - 2} of {len(ALL)} checks exercised; not promised: C20 C24; every baseline passed",
    )
    assert checks_line([]) == ()


def test_a_baseline_that_did_not_pass_is_named(result: MakeResult) -> None:
    """Its armed run proves nothing about the fault."""
    broken = Finding("C92", "baseline-passes", "fail", seen="without any fault it failed")
    assert checks_line([result(broken, name="slow"), result()])[0].endswith(
        "; no good baseline: slow"
    )


def test_the_last_line_is_a_summary() -> None:
    """`tail -1` is what scripts and hurried people read."""
    assert last_line(["pass"] * 6, 7.62) == f"{'PASS  6 pass':<70}7.6 s"
    assert last_line(["pass", "fail", "unknown"], 7.5) == (
        f"{'FAIL  1 fail, 1 unknown, 1 pass':<70}7.5 s"
    )
    assert last_line(["pass"], None, not_offered=2) == "PASS  1 pass, 2 not offered"
    assert last_line([], 0.1, not_offered=1).startswith("UNKNOWN  1 not offered")


RUNNING = [
    Standing("slow", "baseline, control: write x 1", 0, 22, 0.24),
    Standing("partition", "fault: read x 5", 12, 30, 3.04),
]


def test_a_log_hears_of_the_scenario_that_has_been_at_work_longest() -> None:
    """Patience needs a reason."""
    assert progress_line(RUNNING, 3, 6, 10.04) == (
        "partition   fault: read x 5   12 of 30 operations   3 of 6 ended   10.0 s"
    )


def test_a_terminal_shows_where_each_scenario_stands() -> None:
    """In the columns of the rows that stay."""
    names = ["slow", "partition"]
    shown = progress_table(RUNNING, names, ended=3, scenarios=6, seconds=10.04)
    assert shown == (
        "slow        baseline, control: write x 1               0 of 22  0.2 s",
        "partition   fault: read x 5                           12 of 30  3.0 s",
        f"{'3 of 6 ended, 1 waiting':<70}10.0 s",
    )
    assert heading(names).index("time") == shown[0].index("0.2 s")


@pytest.mark.parametrize(
    ("line", "coloured"),
    [
        ("PASS  6 pass                    7.6 s", [("PASS", "green")]),
        ("FAIL 5xx: C24 retry-after       5xx.yaml:10", [("FAIL", "bold red")]),
        ("5xx         FAIL               1          2   status 1", [("FAIL", "bold red")]),
        ("down        unknown           11          ?   refused ?", [("unknown", "yellow")]),
        ("  0.175     attempt 2    <- 0.042 s, not 1", [("<- 0.042 s, not 1", "bold red")]),
        ("read        pass is a word here", []),
        ("  seen       FAIL is a word here", []),
    ],
)
def test_only_verdicts_and_arrows_are_coloured(line: str, coloured: list[tuple[str, str]]) -> None:
    """Colour that is everywhere shows nothing."""
    assert [(line[start:end], style) for start, end, style in accents(line)] == coloured
