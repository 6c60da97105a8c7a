"""A whole run, or a run folder judged again, as one value: what the reports in files are made of.

Counterparts: lab/report/forms.py turns it into JSON, JUnit XML or Markdown; lab/report/terminal.py and
blocks.py show the same on a terminal. No text in it holds a secret, nor what UTF-8 can't say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from ...scenarios import PhaseName
from ..checks.finding import Finding, Verdict
from ..history import History
from ..plan import NotOffered, Operate, Plan, Skipped
from ..redaction import redacted
from ..results import Result
from ..verdict import worst
from .blocks import blocks
from .figures import Coverage, Fired, coverage, figures
from .terminal import again

__all__ = ["SCHEMA", "Document", "Found", "LeftOut", "Setting", "Story", "document", "judged_again"]

SCHEMA = 1
"""The version of the form of the JSON report; it grows when a field goes or changes its meaning."""

State = Literal["judged", "not offered", "not played"]
Witness = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run was of, and where its folder lies; `seed` None: its scenarios had several."""

    faultlab: str
    subject: str
    environment: str
    tune: str
    seed: int | None
    folder: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A step that the subject or its contract does not offer."""

    step: str
    phase: PhaseName
    line: int | None
    reason: str


class Found(Finding, frozen=True, gc=False):
    """A finding with the step that it is about and the events of its witness, as recorded.

    `line` and `step` are of the scenario's file; None where the finding is about no single step.
    """

    line: int | None = None
    phase: PhaseName | None = None
    step: str | None = None
    history: str = ""
    witness: tuple[Witness, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """One scenario. `verdict` is None unless it was judged; `reason` says why it was not.

    Counts are None where they are not known, or where no run with faults was played. `shown` holds
    the lines that a terminal shows of what speaks against a pass, a block each.
    """

    name: str
    title: str
    file: str
    state: State
    verdict: Verdict | None
    reason: str = ""
    contract: str = ""
    seed: int | None = None
    tune: str = ""
    seconds: float | None = None
    operations: int | None = None
    attempts: int | None = None
    fired: tuple[Fired, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    findings: tuple[Found, ...] = ()
    baseline: tuple[Found, ...] = ()
    exercised: tuple[str, ...] = ()
    not_exercised: tuple[str, ...] = ()
    not_promised: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()
    again: str = ""
    folder: str = ""
    shown: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that is known of a run.

    `cut` says why the run did not come to its end, empty: it did. `exit_code` is None while it has
    not ended. `checks` is None where nothing was judged.
    """

    schema_version: int
    setting: Setting
    verdict: Verdict
    exit_code: int | None
    cut: str
    seconds: float | None
    checks: Coverage | None
    scenarios: tuple[Story, ...]


def document(
    setting: Setting,
    results: Sequence[Result],
    *,
    planned: Sequence[Plan | NotOffered] = (),
    unread: Sequence[tuple[str, str]] = (),
    seconds: float | None,
    cut: str = "",
    exit_code: int | None,
) -> Document:
    """The document of these results, in the order of `planned` if that is given.

    `planned`: all that was to be played; what has no result is `not offered` or `not played`.
    `unread`: scenarios of a run folder that can't be judged, with the reason.
    """
    ended = {result.name: result for result in results}
    stories = [_planned(one, ended, cut) for one in planned]
    names = {story.name for story in stories}
    stories.extend(_judged(result) for result in results if result.name not in names)
    stories.extend(Story(name, "", "", "not played", None, reason) for name, reason in unread)
    verdicts: list[Verdict] = [result.verdict for result in results]
    verdicts.extend("error" for _ in unread)
    if cut or any(story.state == "not played" for story in stories):
        verdicts.append("unknown")
    made = Document(
        schema_version=SCHEMA,
        setting=setting,
        verdict=worst(verdicts),
        exit_code=exit_code,
        cut=cut,
        seconds=seconds,
        checks=coverage(results),
        scenarios=tuple(stories),
    )
    return msgspec.convert(_clean(msgspec.to_builtins(made)), Document)


def judged_again(faultlab: str, results: Sequence[Result], *, folder: str) -> Setting:
    """What the plans of a run folder say of its run."""
    plans = [result.plan for result in results]
    seeds = {plan.seed for plan in plans}
    return Setting(
        faultlab,
        subject=_each(plan.subject for plan in plans),
        environment=_each(plan.environment for plan in plans),
        tune=_each(plan.tune for plan in plans),
        seed=seeds.pop() if len(seeds) == 1 else None,
        folder=folder,
    )


def _each(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


# --- stories -------------------------------------------------------------------------------------


def _planned(one: Plan | NotOffered, ended: Mapping[str, Result], cut: str) -> Story:
    if one.scenario in ended:
        return _judged(ended[one.scenario])
    left_out = tuple(_left_out(one.skipped))
    if isinstance(one, NotOffered):
        reason = "; ".join(one.reasons)
        reason = reason if reason else "nothing of its fault phase is offered"
        return Story(
            one.scenario, one.title, one.file, "not offered", None, reason, left_out=left_out
        )
    return Story(
        one.scenario,
        one.title,
        one.file,
        "not played",
        None,
        cut if cut else "it has no result",
        contract=one.contract,
        seed=one.seed,
        tune=one.tune,
        left_out=left_out,
        again=again(one),
    )


def _judged(result: Result) -> Story:
    plan, judgement = result.plan, result.judgement
    counted = figures(result)
    return Story(
        name=result.name,
        title=plan.title,
        file=plan.file,
        state="judged",
        verdict=result.verdict,
        reason="" if result.error is None else f"{type(result.error).__name__}: {result.error}",
        contract=plan.contract,
        seed=plan.seed,
        tune=plan.tune,
        seconds=result.seconds,
        operations=None if counted is None else counted.operations,
        attempts=None if counted is None else counted.attempts,
        fired=() if counted is None else counted.fired,
        left_out=tuple(_left_out(plan.skipped)),
        findings=() if judgement is None else tuple(_found(result, judgement.findings)),
        baseline=() if judgement is None else tuple(_found(result, judgement.baseline, True)),
        exercised=() if judgement is None else judgement.exercised,
        not_exercised=() if judgement is None else judgement.not_exercised,
        not_promised=() if judgement is None else judgement.not_promised,
        unmet=() if judgement is None else judgement.unmet,
        again=again(plan),
        folder=str(result.folder),
        shown=() if result.verdict == "pass" else blocks(result),
    )


def _left_out(skipped: Sequence[Skipped]) -> Iterator[LeftOut]:
    for one in skipped:
        yield LeftOut(one.text, one.phase, one.line, one.reason)


def _found(
    result: Result, findings: Sequence[Finding], of_baseline: bool = False
) -> Iterator[Found]:
    for finding in findings:
        before = of_baseline or finding.check == "C92"  # its witness is the baseline's
        history = result.baseline if before else result.armed
        step = _step(result.plan, finding.operation)
        yield Found(
            **msgspec.structs.asdict(finding),
            line=None if step is None else step.line,
            phase=None if step is None else step.phase,
            step=None if step is None else step.key,
            history=str(result.folder / ("baseline.jsonl" if before else "armed.jsonl")),
            witness=tuple(_witness(history, finding)),
        )


def _step(plan: Plan, operation: int | None) -> Operate | None:
    if operation is None:
        return None
    try:
        return plan.step_of(operation)
    except KeyError:
        return None


def _witness(history: History | None, finding: Finding) -> Iterator[Witness]:
    wanted = frozenset(finding.events)
    for event in () if history is None or not wanted else history:
        if event.index in wanted:
            yield {"where": event.where, **msgspec.to_builtins(event)}


# --- what may leave the machine ------------------------------------------------------------------


def _clean(value: object) -> object:
    """The same with every text redacted, and without what UTF-8 can't say (a path's odd byte)."""
    match value:
        case str():
            return redacted(value.encode("utf-8", "replace").decode())
        case Mapping():
            return {key: _clean(one) for key, one in value.items()}
        case list() | tuple():
            return [_clean(one) for one in value]
        case _:
            return value
