"""What became of a story: its plan, contract and histories together, judged, kept in its folder.

Counterparts: lab/run.py makes it, lab/report shows it. Nothing here needs the network: a folder
judged again gives the same judgement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from .attempts import Reading, read
from .checks import RUN, STEP, Finding, Verdict
from .contract import Contract
from .errors import LabError, SetupError, UsageError
from .expect import StepFinding, judge_steps, not_ok, required
from .history import History, HistoryError, load, refuted
from .oracle import Demands, demands
from .plan import Operate, Plan
from .verdict import Judgement, encode, judge

__all__ = ["Result", "judged", "rejudge", "save", "stories"]

Saved = TypeVar("Saved", Plan, Contract)

_FILES = ("plan.json", "contract.json", "baseline.jsonl", "armed.jsonl")


@dataclass(frozen=True, slots=True)
class Result:
    """One story played. `error`: it could not be played to its end; `folder` holds what there is.

    `armed` is None without an error where the baseline did not work: then no fault was armed.
    """

    name: str
    plan: Plan
    contract: Contract
    armed: History | None
    baseline: History | None
    judgement: Judgement | None
    seconds: float
    error: LabError | None
    folder: Path

    @property
    def verdict(self) -> Verdict:
        """The judgement's, `error` without one."""
        return "error" if self.judgement is None else self.judgement.verdict


def judged(result: Result) -> Result:
    """The same with its judgement: every check, every step, and the baseline beside it."""
    if result.error is None and result.armed is None and result.baseline is not None:
        return replace(result, judgement=judge(result.contract, None, result.baseline))
    if result.error is not None or result.armed is None:
        said = Finding("lab", "lab", "error", seen=str(result.error or "there is no history"))
        return replace(result, judgement=Judgement("error", (said,)))
    reading = read(result.armed)
    ended = result.armed.ended
    plan = result.plan if ended else _so_far(result.plan, reading)
    demanded: Demands | None = None
    try:
        demanded = demands(result.contract, reading)
        found = judge_steps(plan, reading, result.contract, demanded)
        steps = tuple(_finding(step) for step in found)
    except Exception as error:  # noqa: BLE001  # the border: our own mistake is a verdict, too
        crash = f"the steps' judgement crashed: {type(error).__name__}: {error}"
        steps = (Finding(STEP, "", "error", seen=crash),)
    judgement = judge(
        result.contract,
        reading,
        result.baseline,
        frozenset(required(plan, result.contract) if ended else ()),
        steps if ended else (*steps, _cut_short(result, reading)),
        demanded,
    )
    return replace(result, judgement=judgement)


def _so_far(plan: Plan, reading: Reading) -> Plan:
    """The plan without the operations that a run which was cut short did not come to."""
    played = {operation.id for operation in reading.operations}
    steps = tuple(
        step.model_copy(update={"ids": tuple(one for one in step.ids if one in played)})
        if isinstance(step, Operate)
        else step
        for step in plan.steps
    )
    return plan.model_copy(update={"steps": steps})


def _cut_short(result: Result, reading: Reading) -> Finding:
    """What is said of a run that did not come to its end: whatever is missing, this is why."""
    planned = sum(len(step.ids) for step in result.plan.operations())
    ended = sum(operation.ending != "unknown" for operation in reading.operations)
    return Finding(
        RUN,
        "cut-short",
        "unknown",
        promised="the run came to its end",
        missing=f"the rest of the run, which was cut short {_place(result.armed)}: by Ctrl-C, a "
        "kill or an error",
        known=f"{ended} of {planned} operations had ended",
        to_know="play it again",
    )


def _place(history: History | None) -> str:
    """Where a history stops."""
    if history is None or not history.events:
        return "before anything happened"
    last = history.events[-1]
    phase = f", in its phase {last.phase}" if last.phase else ""
    return f"after {last.t:.1f} s{phase}"


def _finding(step: StepFinding) -> Finding:
    """A step's finding in the form of a check's; its slug is the line of the file, or empty."""
    return Finding(
        STEP,
        "" if step.step.line is None else str(step.step.line),
        step.outcome,
        promised=step.promised,
        seen=step.seen,
        field=step.contract,
        operation=step.operation,
        events=step.events,
        missing=step.missing,
        more=step.more,
    )


def save(result: Result) -> None:
    """Write plan, contract and verdict beside the histories, which are written as they happen.

    Raises SetupError.
    """
    texts = {
        "plan.json": result.plan.model_dump_json(indent=2).encode(),
        "contract.json": result.contract.model_dump_json(indent=2).encode(),
    }
    if result.judgement is not None:
        texts["verdict.json"] = encode(result.judgement)
    try:
        result.folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            beside = result.folder / f"{name}.part"
            beside.write_bytes(text)
            beside.replace(result.folder / name)
    except OSError as error:
        raise SetupError(f"{result.folder}: can't be written: {error.strerror}") from error


def stories(folder: Path) -> tuple[Path, ...]:
    """The stories' folders in a run folder, or the folder itself if it is one story's.

    Raises UsageError for a folder that is neither.
    """
    if (folder / _FILES[0]).is_file():
        return (folder,)
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such run folder")
    found = tuple(sorted(path.parent for path in folder.glob(f"*/{_FILES[0]}")))
    if not found:
        raise UsageError(f"{folder}: not a run folder", expected=f"*/{_FILES[0]}")
    return found


def rejudge(folder: Path) -> Result:
    """Judge one story's folder again, as far as it was played.

    Raises UsageError for a file that is missing or damaged, and for a baseline that was cut short.
    """
    try:
        plan = _read(Plan, folder / "plan.json")
        contract = _read(Contract, folder / "contract.json")
        baseline = _history(folder / "baseline.jsonl")
        if not baseline.ended:
            raise UsageError(
                f"{folder}: this story was not played to its end",
                seen=f"its baseline was cut short {_place(baseline)}",
                mend="play it again",
            )
        broken = not_ok(read(baseline), contract)
        armed = None if broken else _history(folder / "armed.jsonl")
    except FileNotFoundError as error:
        raise UsageError(
            f"{folder}: this story was not played to its end",
            seen=f"no {Path(str(error.filename)).name}",
            expected=", ".join(_FILES),
        ) from error
    except OSError as error:
        raise UsageError(f"{error.filename}: can't be read: {error.strerror}") from error
    except HistoryError as error:
        raise UsageError(str(error)) from error
    last = (baseline if armed is None else armed).events
    result = Result(
        name=plan.scenario,
        plan=plan,
        contract=contract,
        armed=armed,
        baseline=baseline,
        judgement=None,
        seconds=last[-1].t if last else 0.0,
        error=None,
        folder=folder,
    )
    return judged(result)


def _history(path: Path) -> History:
    """A history whose events go together. Raises UsageError, HistoryError and OSError."""
    history = load(path)
    wrong = refuted(history)
    if wrong is not None:
        index, why = wrong
        raise UsageError(
            f"{path}:{index + 1}: {why}",
            expected="a history as it was recorded; lines are missing, or were altered",
        )
    return history


def _read(model: type[Saved], path: Path) -> Saved:
    """A saved plan or contract. Raises UsageError for a damaged one, and OSError."""
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise UsageError(
            f"{path}: not a {model.__name__.lower()} of this version",
            at=place,
            seen=problem["msg"],
        ) from error
