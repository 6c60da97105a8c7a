"""What is seen of a run."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any, Self

import pytest

from faultlab.lab.console import Display, Writer, play
from faultlab.lab.contract import Contract, builtin
from faultlab.lab.errors import SetupError
from faultlab.lab.outputs import Output
from faultlab.lab.plan import NotOffered, Plan
from faultlab.lab.results import Result
from faultlab.lab.run import Progress
from faultlab.lab.tune import FAST, tuned

CONTRACT = tuned(builtin("maximus"), FAST)
MakePlan = Callable[..., Plan]
MakeResult = Callable[..., Result]


class Played:
    """A session that plays nothing: it gives the results that it was given."""

    subject = "maximus"
    environment = "embedded"
    seed = 7

    def __init__(
        self,
        results: Sequence[Result],
        *,
        interrupted: bool = False,
        raises: BaseException | None = None,
        begins: Callable[[], None] = lambda: None,
    ) -> None:
        self.results = results
        self.raises = KeyboardInterrupt() if interrupted else raises
        self.begins = begins
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
        self.begins()
        for one in self.results:
            progress(Progress(one.name, "fault: read x 1", 1, 2))
            ended(one)
        if self.raises is not None:
            raise self.raises

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


def run(
    session: Any, planned: Sequence[Plan | NotOffered], folder: Path, *outputs: Output
) -> tuple[int, list[str]]:
    """Play the plans; exit code and lines."""
    stream = io.StringIO()
    code = play(Writer(stream), session, planned, folder, clock=lambda: 5.0, outputs=outputs)
    return code, stream.getvalue().splitlines()


def test_a_run_shows_header_rows_and_verdict(
    tmp_path: Path, story_plan: MakePlan, story_played: MakeResult
) -> None:
    """All that it takes to repeat it stands above, a summary in the last line."""
    session = Played([story_played(tmp_path)])
    code, lines = run(session, [story_plan()], tmp_path)
    assert lines[:2] == [
        "faultlab 0.1.0   subject maximus   environment embedded   tune fast   seed 7",
        f"1 scenario, about 1 s; run folder {tmp_path}",
    ]
    assert lines[4].split() == ["rejected", "FAIL", "3", "3", "status", "1", "0.3", "s"]
    assert lines[-1] == f"{'FAIL  1 fail':<70}0.0 s"
    assert code == 1
    assert session.closed
    assert json.loads((tmp_path / "rejected/verdict.json").read_bytes())["verdict"] == "fail"


def test_a_story_that_could_not_be_played_is_an_error(
    tmp_path: Path, story_plan: MakePlan, story_played: MakeResult
) -> None:
    """It says nothing about the client, and the others are judged all the same."""
    broken = replace(
        story_played(tmp_path), armed=None, baseline=None, error=SetupError("no port is left")
    )
    code, lines = run(Played([broken]), [story_plan()], tmp_path)
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


def test_ctrl_c_keeps_what_was_recorded(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    story_plan: MakePlan,
    story_played: MakeResult,
) -> None:
    """One line, everything closed, and plans beside the histories so that they can be read."""
    session = Played([story_played(tmp_path)], interrupted=True)
    code, lines = run(session, [story_plan(), story_plan("other")], tmp_path)
    assert code == 130
    assert session.closed
    assert not lines[-1].startswith(("PASS", "FAIL", "UNKNOWN"))
    assert capsys.readouterr().err == (
        "interrupted: 1 of 2 scenarios had ended; everything is closed, what was recorded is kept "
        f"in {tmp_path} (exit 130)\n"
    )
    assert (tmp_path / "other/plan.json").exists()


# --- reports -------------------------------------------------------------------------------------


@pytest.fixture
def output(tmp_path: Path) -> Output:
    """A JSON report beside the run folder."""
    path = tmp_path / "report.json"
    return Output(f"--report json:{path}", "json", path)


def told(output: Output) -> tuple[object, ...]:
    """Verdict, exit code, why it was cut, and the state of each scenario."""
    data = json.loads(output.path.read_bytes())
    states = [(one["name"], one["state"]) for one in data["scenarios"]]
    return data["verdict"], data["exit_code"], data["cut"], states


def test_a_report_says_what_the_exit_code_says(
    tmp_path: Path, output: Output, story_plan: MakePlan, story_played: MakeResult
) -> None:
    """A CI server reads the one, a shell the other."""
    absent = NotOffered(scenario="breaker", file="breaker.yaml", title="", skipped=())
    session = Played([story_played(tmp_path)])
    code, _ = run(session, [story_plan(), absent], tmp_path, output)
    states = [("rejected", "judged"), ("breaker", "not offered")]
    assert told(output) == ("fail", code, "", states)


def test_while_it_runs_a_report_says_that_it_has_not_ended(
    tmp_path: Path, output: Output, story_plan: MakePlan, story_played: MakeResult
) -> None:
    """What a killed run leaves must not be an older run's pass."""
    output.path.write_text('{"verdict": "pass"}')
    seen: list[object] = []
    session = Played([], begins=lambda: seen.extend(told(output)))
    run(session, [story_plan()], tmp_path, output)
    states = [("rejected", "not played")]
    assert seen == ["unknown", None, "it has not ended, or was killed", states]


def test_ctrl_c_writes_what_is_known(
    tmp_path: Path,
    output: Output,
    capsys: pytest.CaptureFixture[str],
    story_plan: MakePlan,
    story_played: MakeResult,
) -> None:
    """One scenario had ended, and its verdict holds."""
    session = Played([story_played(tmp_path)], interrupted=True)
    code, _ = run(session, [story_plan(), story_plan("other")], tmp_path, output)
    states = [("rejected", "judged"), ("other", "not played")]
    assert told(output) == ("fail", 130, "interrupted", states)
    assert code == 130
    assert capsys.readouterr().err.endswith("; the reports say so (exit 130)\n")


def test_ctrl_c_twice_says_that_there_is_no_report_of_it(
    tmp_path: Path,
    output: Output,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    story_plan: MakePlan,
) -> None:
    """Whoever is in a hurry is obeyed, and not misled."""

    def impatient(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("faultlab.lab.console.reported", impatient)
    code, _ = run(Played([], interrupted=True), [story_plan()], tmp_path, output)
    assert code == 130
    assert "; no report was written of it (exit 130)" in capsys.readouterr().err
    assert told(output)[:2] == ("unknown", None)


def test_a_lab_that_broke_is_reported_too(
    tmp_path: Path, output: Output, story_plan: MakePlan, story_played: MakeResult
) -> None:
    """The error goes to the terminal, which a CI page doesn't show."""
    session = Played([story_played(tmp_path)], raises=SetupError("no process is left"))
    with pytest.raises(SetupError):
        run(session, [story_plan(), story_plan("other")], tmp_path, output)
    assert told(output)[1:3] == (3, "SetupError: no process is left")


def test_a_report_that_fails_is_said_and_is_no_pass(
    tmp_path: Path,
    output: Output,
    capsys: pytest.CaptureFixture[str],
    story_plan: MakePlan,
    story_played: MakeResult,
) -> None:
    """The others are written all the same, and a failure stays one."""
    lost = Output("--report junit:gone/r.xml", "junit", tmp_path / "gone" / "r.xml")
    (tmp_path / "gone").mkdir()
    session = Played([story_played(tmp_path)], begins=lambda: rmtree(tmp_path / "gone"))
    code, lines = run(session, [story_plan()], tmp_path, lost, output)
    assert code == 1
    assert lines[-1].startswith("FAIL  1 fail")
    assert told(output)[0] == "fail"
    said = capsys.readouterr().err
    assert said.startswith("SetupError: --report junit:gone/r.xml: can't be written: No such file")


# --- the parts -----------------------------------------------------------------------------------


def moving(stream: io.StringIO, columns: int = 80, rows: int = 24) -> Writer:
    """A writer on a terminal of this size."""
    return Writer(stream, live=True, size=lambda: (columns, rows))


def test_moving_lines_are_replaced_and_leave_no_trace() -> None:
    """What stays on the screen are rows."""
    stream = io.StringIO()
    writer = moving(stream)
    writer.move(["one", "two"])
    writer.line("row")
    writer.move(["three"])
    writer.move([])
    assert stream.getvalue() == "one\ntwo\r\x1b[2K\x1b[1A\x1b[2Krow\nthree\r\x1b[2K"


def test_moving_lines_never_wrap_and_never_leave_the_screen() -> None:
    """Neither could be taken away again."""
    stream = io.StringIO()
    moving(stream, columns=5, rows=4).move(["gone", "abcdefgh", "last"])
    assert stream.getvalue() == "abcd\nlast"


def test_a_reader_that_has_gone_stops_the_writing_and_nothing_else() -> None:
    """`faultlab run | head` must exit with the verdict's code."""
    reader, end = os.pipe()
    os.close(reader)
    with open(end, "w") as stream:  # noqa: PTH123 - a descriptor
        writer = Writer(stream)
        writer.line("row")
        writer.line("PASS")


def test_a_stream_that_takes_nothing_is_said_once() -> None:
    """A verdict that nobody can read is none."""
    with Path("/dev/full").open("w") as stream:
        writer = Writer(stream)
        with pytest.raises(SetupError, match="the output can't be written: No space left"):
            writer.line("row")
        writer.line("what comes later goes nowhere")


def test_off_a_terminal_nothing_moves_and_nothing_is_coloured() -> None:
    """A log is read as it was written."""
    stream = io.StringIO()
    writer = Writer(stream)
    writer.move(["one"])
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
    display = Display(Writer(stream), ["down"], 1, clock=lambda: now)
    display.tick()
    display.progress(Progress("down", "fault: read x 5", 4, 20))
    for _ in range(25):
        now += 1.0
        display.tick()
    assert stream.getvalue().splitlines() == [
        "down   fault: read x 5   4 of 20 operations   0 of 1 ended   10.0 s",
        "down   fault: read x 5   4 of 20 operations   0 of 1 ended   20.0 s",
    ]


def test_progress_on_a_terminal_is_a_table_that_moves() -> None:
    """It shows seconds pass, also where nothing else happens; a row that ended stands above."""
    now = 0.0
    stream = io.StringIO()
    display = Display(moving(stream), ["down"], 1, clock=lambda: now)
    display.progress(Progress("down", "opening", 0, 20))
    display.tick()
    now = 0.5
    display.tick()
    first, second = stream.getvalue().split("\r\x1b[2K\x1b[1A\x1b[2K")
    assert [line.split() for line in first.splitlines()] == [
        ["down", "opening", "0", "of", "20", "0.0", "s"],
        ["0", "of", "1", "ended", "0.0", "s"],
    ]
    assert [line.split()[-2] for line in second.splitlines()] == ["0.5", "0.5"]
