"""A story's result: judged, kept in its folder, and judged again from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from faultlab.faults import Status
from faultlab.lab.contract import parse
from faultlab.lab.errors import SetupError, UsageError
from faultlab.lab.history import AnyEvent, ConnOpened, load, numbered
from faultlab.lab.plan import Enter, Inject, Operate, Plan
from faultlab.lab.results import Result, judged, rejudge, save, stories
from faultlab.lab.verdict import decode

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
PAIR = GOLDEN / "C92"
FILES = ("plan.json", "contract.json", "baseline.jsonl", "armed.jsonl")


def write(ids: tuple[int, ...], phase: str, line: int | None, **more: object) -> Operate:
    """A step that posts an order."""
    return Operate.model_validate(
        {
            "ids": ids,
            "name": "write",
            "service": "orders",
            "method": "POST",
            "path": "/orders",
            "idempotent": False,
            "expect": ("ok",),
            "phase": phase,
            "line": line,
            **more,
        }
    )


PLAN = Plan(
    scenario="orders",
    file="orders.yaml",
    title="Orders are refused once",
    subject="shop.py:client",
    contract="shop",
    environment="embedded",
    tune="none",
    seed=7,
    services=("orders",),
    steps=(
        Enter(phase="control", implied=True),
        write((1,), "control", None),
        Enter(phase="fault"),
        Inject(id=1, fault=Status(service="orders", code=503), line=3),
        write((2,), "fault", 5, expect=("status:503",), faults=(1,)),
    ),
    limit=20.0,
)


@pytest.fixture
def played(tmp_path: Path) -> Result:
    """The golden pair of a client that keeps its contract, as its story's result."""
    folder = tmp_path / "run" / "orders"
    folder.mkdir(parents=True)
    (folder / "baseline.jsonl").write_bytes((PAIR / "pass.baseline.jsonl").read_bytes())
    (folder / "armed.jsonl").write_bytes((PAIR / "pass.jsonl").read_bytes())
    armed = load(folder / "armed.jsonl")
    return Result(
        name="orders",
        plan=PLAN,
        contract=parse((GOLDEN / "contract.yaml").read_text("utf-8"), "golden"),
        armed=armed,
        baseline=load(folder / "baseline.jsonl"),
        judgement=None,
        seconds=armed.events[-1].t,
        error=None,
        folder=folder,
    )


def test_a_result_has_no_verdict_before_it_is_judged(played: Result) -> None:
    """Whoever forgets to judge must not read a pass."""
    assert played.verdict == "error"
    assert judged(played).verdict == "pass"


def test_a_step_that_was_not_met_fails_with_its_line(played: Result) -> None:
    """Every check may pass, and the file be broken all the same."""
    steps = (*PLAN.steps[:-1], write((2,), "fault", 5, expect=("ok",), faults=(1,)))
    wrong = judged(replace(played, plan=PLAN.model_copy(update={"steps": steps})))
    assert wrong.judgement is not None
    step = wrong.judgement.findings[-1]
    assert wrong.verdict != "pass"
    assert (step.check, step.slug, step.operation) == ("step", "5", 2)


def test_a_required_check_that_had_nothing_to_judge_is_unknown(played: Result) -> None:
    """A requirement is a promise of the story's."""
    steps = (*PLAN.steps[:-1], write((2,), "fault", 5, expect=("status:503",), requires=("C24",)))
    found = judged(replace(played, plan=PLAN.model_copy(update={"steps": steps})))
    assert found.judgement is not None
    assert (found.verdict, found.judgement.unmet) == ("unknown", ("C24",))


def test_a_story_that_was_not_played_to_its_end_is_an_error(played: Result) -> None:
    """Its message is what a reader is shown; nothing else of it is judged."""
    stopped = judged(replace(played, armed=None, error=SetupError("the lab process is gone")))
    assert stopped.judgement is not None
    assert stopped.verdict == "error"
    assert [finding.seen for finding in stopped.judgement.shown] == ["the lab process is gone"]


def test_a_folder_judged_again_gives_an_equal_judgement(played: Result) -> None:
    """Old runs are judged by their files alone."""
    first = judged(played)
    save(first)
    again = rejudge(played.folder)
    assert again.judgement == first.judgement
    assert (again.plan, again.contract, again.seconds) == (PLAN, first.contract, first.seconds)
    assert decode((played.folder / "verdict.json").read_bytes()) == first.judgement


def test_a_story_without_a_working_baseline_needs_no_other_history(played: Result) -> None:
    """No fault was armed, and its folder is judged again all the same."""
    path = played.folder / "baseline.jsonl"
    path.write_bytes((PAIR / "unknown.baseline.jsonl").read_bytes())
    (played.folder / "armed.jsonl").unlink()
    first = judged(replace(played, baseline=load(path), armed=None))
    save(first)
    assert first.judgement is not None
    assert [(one.check, one.outcome) for one in first.judgement.findings] == [("C92", "unknown")]
    again = rejudge(played.folder)
    assert (again.judgement, again.armed, again.seconds) == (first.judgement, None, 1.015)


def test_nothing_half_written_is_left(played: Result) -> None:
    """Each file is whole or absent."""
    save(judged(played))
    save(judged(played))
    assert {path.name for path in played.folder.iterdir()} == {*FILES, "verdict.json"}


def test_an_unjudged_story_keeps_its_plan(played: Result) -> None:
    """It can be replayed from there."""
    save(played)
    assert {path.name for path in played.folder.iterdir()} == set(FILES)


def test_a_folder_that_cannot_be_written_is_said(played: Result, tmp_path: Path) -> None:
    """It is for whoever named the folder."""
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="file/orders: can't be written: Not a directory"):
        save(replace(played, folder=tmp_path / "file" / "orders"))


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(played: Result, name: str) -> None:
    """And which there must be."""
    save(played)
    (played.folder / name).unlink()
    with pytest.raises(UsageError) as caught:
        rejudge(played.folder)
    assert caught.value.text == f"{played.folder}: this story was not played to its end"
    assert caught.value.rows == {"seen": f"no {name}", "expected": ", ".join(FILES)}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [b"", b"{", b"[1]\n", b'{"format": 99}\n', b"\xff\n"])
def test_a_damaged_file_is_named(played: Result, name: str, damage: bytes) -> None:
    """One message, and no traceback."""
    save(played)
    (played.folder / name).write_bytes(damage)
    with pytest.raises(UsageError) as caught:
        rejudge(played.folder)
    assert str(played.folder / name) in caught.value.text


def rewritten(path: Path, change: Callable[[list[AnyEvent]], list[AnyEvent]]) -> None:
    """A history file with other events, numbered anew."""
    history = load(path)
    numbered(history.header, change(list(history.events))).save(path)


def test_a_history_whose_events_do_not_go_together_is_told_by_its_line(played: Result) -> None:
    """Whatever is left of it would be judged as if it were all."""
    save(played)
    path = played.folder / "armed.jsonl"
    rewritten(path, lambda events: [one for one in events if not isinstance(one, ConnOpened)])
    with pytest.raises(UsageError) as caught:
        rejudge(played.folder)
    assert caught.value.text == (
        f"{path}:5: request.started of connection 1, which never was opened before it"
    )
    assert caught.value.rows["expected"].startswith("a history as it was recorded")


def test_a_run_that_was_cut_short_is_judged_so_far_and_said(played: Result) -> None:
    """Nothing that was not played is asked for, and nothing passes for want of it."""
    steps = (*PLAN.steps[:-1], write((2,), "fault", 5, requires=("C44",)))
    save(replace(played, plan=PLAN.model_copy(update={"steps": steps})))
    path = played.folder / "armed.jsonl"
    rewritten(path, lambda events: [one for one in events if one.op != 2][:-2])
    found = rejudge(played.folder).judgement
    assert found is not None
    assert (found.verdict, found.unmet) == ("unknown", ())
    finding = found.findings[-1]
    assert (finding.check, finding.known) == ("run", "1 of 2 operations had ended")
    assert finding.missing.startswith(
        "the rest of the run, which was cut short after 1.0 s, in its phase fault"
    )
    assert [one.missing for one in found.findings if "not played" in one.missing] == []


def test_what_failed_before_a_run_was_cut_short_fails(played: Result) -> None:
    """It was seen, whatever would have come."""
    broken = replace(
        played, contract=played.contract.model_copy(update={"errors": {"status": ("X",)}})
    )
    save(broken)
    rewritten(played.folder / "armed.jsonl", lambda events: events[:-1])
    assert rejudge(played.folder).verdict == "fail"


def test_a_baseline_that_was_cut_short_proves_nothing(played: Result) -> None:
    """No operation of it failed, and yet nothing can be concluded."""
    save(played)
    rewritten(played.folder / "baseline.jsonl", lambda events: events[:-4])
    with pytest.raises(UsageError) as caught:
        rejudge(played.folder)
    assert caught.value.text == f"{played.folder}: this story was not played to its end"
    assert caught.value.rows["seen"].startswith("its baseline was cut short after 1.0 s")


def test_a_run_folder_holds_its_stories_in_order(played: Result) -> None:
    """`faultlab judge` takes the run's folder or one story's."""
    save(played)
    save(replace(played, folder=played.folder.with_name("5xx")))
    assert [path.name for path in stories(played.folder.parent)] == ["5xx", "orders"]
    assert stories(played.folder) == (played.folder,)


@pytest.mark.parametrize(
    ("name", "text"), [("", "not a run folder"), ("away", "there is no such run folder")]
)
def test_a_folder_without_stories_is_refused(tmp_path: Path, name: str, text: str) -> None:
    """A typing error in its name must not judge nothing and pass."""
    with pytest.raises(UsageError, match=text):
        stories(tmp_path / name)
