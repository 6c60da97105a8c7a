"""The command line: what it prints, where, and with which code it ends."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
from click.testing import CliRunner
from click.testing import Result as Ended

from faultlab.lab import cli
from faultlab.lab.cli import Display, Writer, main
from faultlab.lab.contract import Contract, builtin
from faultlab.lab.environments import ENVIRONMENTS
from faultlab.lab.errors import SetupError, SubjectError
from faultlab.lab.history import (
    AnyEvent,
    ConnOpened,
    FaultArmed,
    FaultFired,
    Header,
    OpInvoked,
    OpOk,
    RequestStarted,
    ResponseComplete,
    ResponseHead,
    numbered,
)
from faultlab.lab.plan import NotOffered, Offer, Plan, plan
from faultlab.lab.results import Result, save
from faultlab.lab.run import Progress
from faultlab.lab.tune import FAST, tuned
from faultlab.scenarios import Scenario, parse

CONTRACT = tuned(builtin("maximus"), FAST)
READ = Offer(name="read", service="core", method="GET", path="/health", idempotent=True)
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


def story(name: str = "rejected") -> Plan:
    """A plan of three reads."""
    made = plan(
        parse(STORY.encode(), f"{name}.yaml"),
        CONTRACT,
        [READ],
        seed=7,
        environment="embedded",
        tune="fast",
        subject="maximus",
        slugs={},
    )
    assert isinstance(made, Plan)
    return made


def played(*, faults: bool = True, retry: bool = False) -> Iterator[AnyEvent]:
    """Three reads; the second meets a 404 when there are faults, which is sent again if `retry`."""
    yield ConnOpened(t=0.01, conn=1, service="core", port=5001)
    number = 0
    for op, phase in ((1, "control"), (2, "fault"), (3, "recovery")):
        yield OpInvoked(
            t=float(op),
            op=op,
            name="read",
            service="core",
            endpoint="GET /health",
            idempotent=True,
            phase=phase,
        )
        hit = faults and op == 2
        if hit:
            yield FaultArmed(t=op - 0.1, service="core", fault=1, name="status", phase=phase)
        for again in range(2 if hit and retry else 1):
            number += 1
            t = op + 0.01 + 0.05 * again
            wire: dict[str, Any] = {"service": "core", "conn": 1, "request": number, "op": op}
            yield RequestStarted(
                t=t, method="GET", target="/health", reused=number > 1, phase=phase, **wire
            )
            if hit:
                yield FaultFired(t=t, fault=1, **wire)
            yield ResponseHead(t=t + 0.01, status=404 if hit else 200, **wire)
            yield ResponseComplete(t=t + 0.01, **wire)
        yield OpOk(t=op + 0.1, op=op, type="Health")


def result(folder: Path, name: str = "rejected", *, retry: bool = False) -> Result:
    """That story as it was played, kept in its folder."""
    made = Result(
        name=name,
        plan=story(name),
        contract=CONTRACT,
        armed=numbered(Header(scenario=name), list(played(retry=retry))),
        baseline=numbered(Header(scenario=name, run="baseline"), list(played(faults=False))),
        judgement=None,
        seconds=0.3,
        error=None,
        folder=folder / name,
    )
    save(made)
    assert made.armed is not None
    assert made.baseline is not None
    made.armed.save(made.folder / "armed.jsonl")
    made.baseline.save(made.folder / "baseline.jsonl")
    return made


def call(*arguments: str) -> Ended:
    """Call the command line."""
    return CliRunner().invoke(main, list(arguments))


# --- ways in -------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_loads_no_room(arguments: list[str]) -> None:
    """Who asks for help must not wait for an HTTP client to load."""
    heavy = ["docker", "httpx", "hypothesis", "msgspec", "pydantic", "rich", "ruamel", "toxiproxy"]
    code = (
        "import sys\nfrom faultlab.lab.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert ended.stderr == "[]\n"
    assert "faultlab" in ended.stdout


def test_the_version_is_one_line() -> None:
    """Bug reports begin with it."""
    assert call("--version").output == "faultlab 0.1.0\n"


def test_environments_are_those_that_there_are() -> None:
    """The command line names them without loading them."""
    assert set(cli._ENVIRONMENTS) == ENVIRONMENTS.keys()


# --- her mistakes --------------------------------------------------------------------------------


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    """One run, one list; nothing is played with half of the files."""
    (tmp_path / "a.yaml").write_text("scenario: A\nfault:\n  - inject: down\n  - read: ok\n")
    ended = call("run", str(tmp_path / "a.yaml"), "nowhere")
    assert ended.exit_code == 2
    assert ended.stdout == ""
    first, *_, last = ended.stderr.splitlines()
    assert first.startswith(f"{tmp_path}/a.yaml:3: fault[1].inject: `down`")
    assert "nowhere: no such scenario" in ended.stderr
    assert last.startswith("ScenarioError: 2 problems, nothing was run (exit 2)")


def test_two_scenarios_of_one_name_are_refused(tmp_path: Path) -> None:
    """They would write into one folder."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.yaml").write_text(STORY)
    ended = call("run", str(tmp_path / "a"), str(tmp_path / "b"))
    assert ended.exit_code == 2
    assert f"`one` is also the name of {tmp_path}/a/one.yaml" in ended.stderr


def test_a_subject_that_does_not_exist_is_the_command_line_s_fault(tmp_path: Path) -> None:
    """Exit 3 would send the reader to look for a broken machine."""
    out = tmp_path / "out"
    ended = call("run", "--subject", "planted:nobody", "--out", str(out))
    assert ended.exit_code == 2
    assert ended.stderr.startswith("UsageError: planted:nobody: ")
    assert ended.stderr.endswith(" (exit 2)\n")
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--tune", "slow"], ["--seed", "x"], ["--sed", "1"]])
def test_a_wrong_option_is_exit_2(arguments: list[str]) -> None:
    """The same code for every mistake of the command line."""
    assert call("run", *arguments).exit_code == 2


def test_a_folder_that_holds_something_is_not_written_into(tmp_path: Path) -> None:
    """Two runs in one folder would judge each other's histories."""
    (tmp_path / "notes.txt").write_text("mine")
    ended = call("run", "--out", str(tmp_path))
    assert ended.exit_code == 2
    assert ended.stderr.splitlines()[0] == f"UsageError: --out {tmp_path}: not empty"
    ended = call("run", "--out", str(tmp_path / "notes.txt"))
    assert ended.exit_code == 2
    assert "notes.txt" in ended.stderr


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SetupError("no port is left"), "SetupError: no port is left (exit 3)\n"),
        (
            SubjectError("orders: it raised", at="orders.py:7"),
            "SubjectError: orders: it raised\n  at         orders.py:7 (exit 3)\n",
        ),
    ],
)
def test_what_is_no_verdict_is_exit_3(
    error: Exception, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each error is addressed to whoever can mend it; none is a failure of the client."""

    def command() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        cli._guarded(command)()
    assert ended.value.code == 3
    assert capsys.readouterr().err == told


def test_ctrl_c_before_anything_is_played_is_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No traceback, and the code that shells know."""

    def command() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        cli._guarded(command)()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted; everything is closed (exit 130)\n"


# --- run folders ---------------------------------------------------------------------------------


def test_run_folders_are_new_and_ignore_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lab must not show up in anybody's commit."""
    monkeypatch.chdir(tmp_path)
    first, second = cli._run_folder(None), cli._run_folder(None)
    assert first != second
    assert first.parent == Path(".faultlab/runs")
    assert (tmp_path / ".faultlab/.gitignore").read_text() == "*\n"


def test_a_folder_in_which_nothing_was_played_is_taken_back(tmp_path: Path) -> None:
    """But what a subject printed before it failed is evidence."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "subject.log").write_text("")
    cli._take_back(out, made=True)
    assert not out.exists()
    out.mkdir()
    (out / "subject.log").write_text("it printed this")
    cli._take_back(out, made=True)
    assert [path.name for path in out.iterdir()] == ["subject.log"]


# --- a run ---------------------------------------------------------------------------------------


class Played:
    """A session that plays nothing: it gives the results that it was given."""

    subject = "maximus"
    environment = "embedded"
    seed = 7

    def __init__(self, results: Sequence[Result], *, interrupted: bool = False) -> None:
        self.results = results
        self.interrupted = interrupted
        self.closed = False

    def contract_for(self, tune: str) -> Contract:
        """The reference client's."""
        return CONTRACT

    def play(
        self,
        plans: Sequence[Plan],
        *,
        progress: Callable[[Progress], None],
        ended: Callable[[Result], None],
        jobs: int,
    ) -> None:
        """Give the results, one after the other."""
        for one in self.results:
            progress(Progress(one.name, "fault: read x 1", 1, 0.1))
            ended(one)
        if self.interrupted:
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


def run(session: Any, planned: Sequence[Plan | NotOffered], folder: Path) -> tuple[int, list[str]]:
    """Play the plans; exit code and lines."""
    stream = io.StringIO()
    code = cli._play(Writer(stream), session, planned, folder, clock=lambda: 5.0)
    return code, stream.getvalue().splitlines()


def test_a_run_shows_header_rows_and_verdict(tmp_path: Path) -> None:
    """All that it takes to repeat it stands above, a summary in the last line."""
    session = Played([result(tmp_path)])
    code, lines = run(session, [story()], tmp_path)
    assert lines[:2] == [
        "faultlab 0.1.0   subject maximus   environment embedded   tune fast   seed 7",
        f"1 scenario, about 1 s; run folder {tmp_path}",
    ]
    assert lines[4].split() == ["rejected", "FAIL", "3", "3", "status", "1", "0.3", "s"]
    assert lines[-1] == f"{'FAIL  1 fail':<70}0.0 s"
    assert code == 1
    assert session.closed
    assert json.loads((tmp_path / "rejected/verdict.json").read_bytes())["verdict"] == "fail"


def test_a_story_that_could_not_be_played_is_an_error(tmp_path: Path) -> None:
    """It says nothing about the client, and the others are judged all the same."""
    broken = replace(
        result(tmp_path), armed=None, baseline=None, error=SetupError("no port is left")
    )
    code, lines = run(Played([broken]), [story()], tmp_path)
    assert code == 3
    assert lines[4].split() == ["rejected", "ERROR", "?", "?", "?", "0.3", "s"]
    assert "  SetupError: no port is left" in lines
    assert lines[-1].startswith("ERROR  1 error")


def test_nothing_offered_is_exit_3(tmp_path: Path) -> None:
    """A run that played nothing proves nothing."""
    absent = NotOffered(scenario="breaker", file="breaker.yaml", title="", skipped=())
    code, lines = run(Played([]), [absent], tmp_path)
    assert code == 3
    assert "breaker     not offered" in lines
    assert lines[-1].startswith("UNKNOWN  1 not offered")


def test_ctrl_c_keeps_what_was_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, everything closed, and plans beside the histories so that they can be read."""
    session = Played([result(tmp_path)], interrupted=True)
    code, lines = run(session, [story(), story("other")], tmp_path)
    assert code == 130
    assert session.closed
    assert not lines[-1].startswith(("PASS", "FAIL", "UNKNOWN"))
    assert capsys.readouterr().err == (
        "interrupted: 1 of 2 scenarios had ended; everything is closed, what was recorded is kept "
        f"in {tmp_path} (exit 130)\n"
    )
    assert (tmp_path / "other/plan.json").exists()


# --- judge ---------------------------------------------------------------------------------------


def test_a_run_folder_is_judged_again_without_touching_it(tmp_path: Path) -> None:
    """The same histories give the same verdict, on any machine."""
    result(tmp_path, "rejected")
    result(tmp_path, "resent", retry=True)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    first, second = call("judge", str(tmp_path)), call("judge", str(tmp_path))
    assert first.output == second.output
    assert first.exit_code == 1
    assert first.output.splitlines()[-1].startswith("FAIL  2 fail")
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_verdict_is_replaced_only_when_asked(tmp_path: Path) -> None:
    """The verdict of the run is a record too."""
    result(tmp_path)
    assert not (tmp_path / "rejected/verdict.json").exists()
    call("judge", "--write", str(tmp_path / "rejected"))
    assert (tmp_path / "rejected/verdict.json").exists()


def test_what_is_no_run_folder_is_exit_2(tmp_path: Path) -> None:
    """A mistyped path must not look like a verdict."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        ended = call("judge", str(folder))
        assert ended.exit_code == 2
        assert str(folder) in ended.stderr


def test_a_story_that_was_cut_short_does_not_hide_the_others(tmp_path: Path) -> None:
    """After Ctrl-C half of a folder is there; it is said what is not."""
    result(tmp_path, "whole")
    result(tmp_path, "half")
    (tmp_path / "half/armed.jsonl").unlink()
    ended = call("judge", str(tmp_path))
    assert ended.exit_code == 1
    assert "half: this story was not played to its end" in ended.stderr
    assert "whole" in ended.stdout


# --- explain and list ----------------------------------------------------------------------------


def test_explain_plays_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be asked before a client is ready."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rejected.yaml").write_text(STORY)
    ended = call("explain", "rejected.yaml", "--seed", "7")
    assert ended.exit_code == 0
    assert ended.output.splitlines()[0] == "rejected: It answers with a status"
    assert [path.name for path in tmp_path.iterdir()] == ["rejected.yaml"]


def test_a_file_called_like_a_story_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`down.yaml` is hers, `down` the catalog's; the command that repeats it says which."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "down.yaml").write_text(STORY)
    (own,) = cli._scenarios(["down.yaml"])
    (told,) = cli._scenarios(["down"])
    assert isinstance(own, Scenario)
    assert (own.file, own.title) == ("./down.yaml", "It answers with a status")
    assert (told.file, told.title) == ("down.yaml", "The backend is completely down")


@pytest.mark.parametrize("what", ["scenarios", "faults", "checks", "subjects"])
def test_everything_can_be_listed_for_people_and_programs(what: str) -> None:
    """Names are looked up here, not in the source."""
    table, data = call("list", what), call("list", what, "--json")
    assert table.exit_code == data.exit_code == 0
    assert max(map(len, table.output.splitlines())) <= 80
    records = json.loads(data.output)
    assert all(str(next(iter(record.values()))) in table.output for record in records)


# --- output --------------------------------------------------------------------------------------


def test_a_moving_line_is_replaced_and_leaves_no_trace() -> None:
    """What stays on the screen are rows."""
    stream = io.StringIO()
    writer = Writer(stream, live=True)
    writer.move("one")
    writer.line("row")
    writer.move("two")
    writer.move("")
    assert stream.getvalue() == "one\r\x1b[2Krow\none\r\x1b[2Ktwo\r\x1b[2K"


def test_off_a_terminal_nothing_moves_and_nothing_is_coloured() -> None:
    """A log is read as it was written."""
    stream = io.StringIO()
    writer = Writer(stream)
    writer.move("one")
    writer.line("PASS  6 pass")
    assert stream.getvalue() == "PASS  6 pass\n"


def test_colour_changes_no_word() -> None:
    """Without it everything must still be said."""
    stream = io.StringIO()
    Writer(stream, colour=True).line("FAIL 5xx: C24 retry-after")
    assert stream.getvalue() == "\x1b[1;31mFAIL\x1b[0m 5xx: C24 retry-after\n"


def test_progress_off_a_terminal_is_a_line_in_ten_seconds() -> None:
    """A CI log must show life, and no more than that."""
    now = 100.0
    stream = io.StringIO()
    display = Display(Writer(stream), ["down"], clock=lambda: now)
    display.tick()
    display.progress(Progress("down", "fault: read x 5", 3, 1.0))
    for _ in range(25):
        now += 1.0
        display.tick()
    assert stream.getvalue().splitlines() == [
        "down   fault: read x 5   3 running   10.0 s",
        "down   fault: read x 5   3 running   20.0 s",
    ]


def test_progress_on_a_terminal_is_one_moving_line() -> None:
    """It shows seconds pass, also where nothing else happens."""
    now = 0.0
    stream = io.StringIO()
    display = Display(Writer(stream, live=True), ["down"], clock=lambda: now)
    display.progress(Progress("down", "opening", 1, 0.0))
    display.tick()
    now = 0.5
    display.tick()
    assert stream.getvalue() == (
        "down   opening   1 running   0.0 s\r\x1b[2Kdown   opening   1 running   0.5 s"
    )
