"""Playing, judging and explaining stories: what is printed, where, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result as Ended

from faultlab.lab.plan import Plan
from faultlab.lab.results import Result

STORY = """\
scenario: It answers with a status
control:
  - read: ok
fault:
  - inject: status
    code: 404
  - read: status:404
recovery:
  - read: ok
"""
Call = Callable[..., Ended]
MakePlan = Callable[..., Plan]
MakeResult = Callable[..., Result]


# --- her mistakes --------------------------------------------------------------------------------


def test_all_problems_of_all_files_are_told_at_once(call: Call, tmp_path: Path) -> None:
    """One run, one list; nothing is played with half of the files."""
    (tmp_path / "a.yaml").write_text("scenario: A\nfault:\n  - inject: down\n  - read: ok\n")
    ended = call("run", str(tmp_path / "a.yaml"), "nowhere")
    assert ended.exit_code == 2
    assert ended.stdout == ""
    first, *_, last = ended.stderr.splitlines()
    assert first.startswith(f"{tmp_path}/a.yaml:3: fault[1].inject: `down`")
    assert "nowhere: no such scenario" in ended.stderr
    assert last.startswith("ScenarioError: 2 problems, nothing was run (exit 2)")


def test_two_scenarios_of_one_name_are_refused(call: Call, tmp_path: Path) -> None:
    """They would write into one folder."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.yaml").write_text(STORY)
    ended = call("run", str(tmp_path / "a"), str(tmp_path / "b"))
    assert ended.exit_code == 2
    assert f"`one` is also the name of {tmp_path}/a/one.yaml" in ended.stderr


def test_a_subject_that_does_not_exist_is_the_command_line_s_fault(
    call: Call, tmp_path: Path
) -> None:
    """Exit 3 would send the reader to look for a broken machine."""
    out = tmp_path / "out"
    ended = call("run", "--subject", "planted:nobody", "--out", str(out))
    assert ended.exit_code == 2
    assert ended.stderr.startswith("UsageError: planted:nobody: ")
    assert ended.stderr.endswith(" (exit 2)\n")
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--tune", "slow"], ["--seed", "x"], ["--sed", "1"]])
def test_a_wrong_option_is_exit_2(call: Call, arguments: list[str]) -> None:
    """The same code for every mistake of the command line."""
    assert call("run", *arguments).exit_code == 2


def test_a_folder_that_holds_something_is_not_written_into(call: Call, tmp_path: Path) -> None:
    """Two runs in one folder would judge each other's histories."""
    (tmp_path / "notes.txt").write_text("mine")
    ended = call("run", "--out", str(tmp_path))
    assert ended.exit_code == 2
    assert ended.stderr.splitlines()[0] == f"UsageError: --out {tmp_path}: not empty"
    ended = call("run", "--out", str(tmp_path / "notes.txt"))
    assert ended.exit_code == 2
    assert "notes.txt" in ended.stderr


def test_a_run_folder_is_judged_again_without_touching_it(
    call: Call, tmp_path: Path, story_played: MakeResult
) -> None:
    """The same histories give the same verdict, on any machine."""
    story_played(tmp_path, "rejected")
    story_played(tmp_path, "resent", retry=True)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    first, second = call("judge", str(tmp_path)), call("judge", str(tmp_path))
    assert first.output == second.output
    assert first.exit_code == 1
    assert first.output.splitlines()[-1].startswith("FAIL  2 fail")
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_verdict_is_replaced_only_when_asked(
    call: Call, tmp_path: Path, story_played: MakeResult
) -> None:
    """The verdict of the run is a record too."""
    story_played(tmp_path)
    assert not (tmp_path / "rejected/verdict.json").exists()
    call("judge", "--write", str(tmp_path / "rejected"))
    assert (tmp_path / "rejected/verdict.json").exists()


def test_what_is_no_run_folder_is_exit_2(call: Call, tmp_path: Path) -> None:
    """A mistyped path must not look like a verdict."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        ended = call("judge", str(folder))
        assert ended.exit_code == 2
        assert str(folder) in ended.stderr


def test_a_story_that_was_cut_short_does_not_hide_the_others(
    call: Call, tmp_path: Path, story_played: MakeResult
) -> None:
    """After Ctrl-C half of a folder is there; it is said what is not."""
    story_played(tmp_path, "whole")
    story_played(tmp_path, "half")
    (tmp_path / "half/armed.jsonl").unlink()
    ended = call("judge", str(tmp_path))
    assert ended.exit_code == 1
    assert "half: this story was not played to its end" in ended.stderr
    assert "whole" in ended.stdout


def test_a_folder_judged_again_is_reported_as_its_run(
    call: Call, tmp_path: Path, story_played: MakeResult
) -> None:
    """A report that was forgotten can be had later, with the same verdict."""
    story_played(tmp_path / "out", "whole")
    story_played(tmp_path / "out", "half")
    (tmp_path / "out/half/armed.jsonl").unlink()
    forms = {form: tmp_path / f"r.{form}" for form in ("json", "junit", "markdown")}
    asked = [word for form, path in forms.items() for word in ("--report", f"{form}:{path}")]
    ended = call("judge", *asked, str(tmp_path / "out"))
    made = json.loads(forms["json"].read_bytes())
    assert (made["verdict"], made["exit_code"]) == ("fail", ended.exit_code)
    assert [(one["name"], one["state"]) for one in made["scenarios"]] == [
        ("whole", "judged"),
        ("half", "not played"),
    ]
    assert b"<failure" in forms["junit"].read_bytes()
    assert b"## faultlab: FAIL" in forms["markdown"].read_bytes()


@pytest.mark.parametrize("report", ["html:r.html", "json:", "json:gone/r.json", "json:."])
def test_a_report_that_cannot_be_is_told_before_anything_runs(
    call: Call,
    report: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    story_played: MakeResult,
) -> None:
    """Minutes of a run must not end in a report that can't be written."""
    monkeypatch.chdir(tmp_path)
    story_played(tmp_path / "out")
    for command in (["run", "--out", "new"], ["judge", "out"]):
        ended = call(*command, "--report", report)
        assert ended.exit_code == 2
        assert ended.stdout == ""
        assert ended.stderr.startswith(f"UsageError: --report {report}: ")
    assert not any((tmp_path / "new").glob("*"))


# --- explain and schema ----------------------------------------------------------------------------


def test_explain_plays_nothing(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be asked before a client is ready."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rejected.yaml").write_text(STORY)
    ended = call("explain", "rejected.yaml", "--seed", "7")
    assert ended.exit_code == 0
    assert ended.output.splitlines()[0] == "rejected: It answers with a status"
    assert [path.name for path in tmp_path.iterdir()] == ["rejected.yaml"]


def test_explain_has_everything_for_programs(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that is printed can be read back as the plan that would be played."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rejected.yaml").write_text(STORY)
    ended = call("explain", "rejected.yaml", "--seed", "7", "--json")
    assert ended.exit_code == 0
    (told,) = json.loads(ended.output)
    plan = Plan.model_validate(told["plan"])
    assert (plan.scenario, plan.seed, plan.subject) == ("rejected", 7, "maximus")
    ids = [number for step in plan.operations() for number in step.ids]
    assert sorted(map(int, told["demanded"])) == ids
    assert told["contract"]["attempts"]["max"] == 3


def test_the_schema_is_printed_as_it_is_shipped(call: Call) -> None:
    """Whoever has the wheel alone must get the file that editors take."""
    shipped = Path(__file__).parents[3] / "scenarios" / "scenario.schema.json"
    ended = call("schema")
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)["title"] == "A scenario of faultlab"
    assert ended.stdout == shipped.read_text("utf-8")
