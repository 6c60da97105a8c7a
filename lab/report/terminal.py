"""What stands around the witnesses on a terminal: header, rows, checks line, last line.

Counterparts: lab/report/blocks.py shows failures, lab/cli writes and colours the lines. Words
carry the meaning; `accents` says which of them may be coloured.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...scenarios import CATALOG
from ..checks.finding import Verdict
from ..contract import Contract
from ..plan import NotOffered, Plan, Skipped, about
from ..results import Result
from ..verdict import worst
from .figures import Figures, coverage, figures
from .lanes import WIDTH

__all__ = [
    "Standing",
    "accents",
    "again",
    "checks_line",
    "duration",
    "explain",
    "fired",
    "header",
    "heading",
    "last_line",
    "left_out",
    "not_offered",
    "progress_line",
    "progress_table",
    "row",
]

_NAME = 12  # least columns of a scenario's name and its gap
_LONGEST = 24  # most columns of them
_CLOCK = 70  # where the last line's time stands
_WORDS: dict[Verdict, str] = {
    "pass": "pass",
    "fail": "FAIL",
    "unknown": "unknown",
    "error": "ERROR",
}

# --- before --------------------------------------------------------------------------------------


def header(
    version: str,
    *,
    subject: str,
    environment: str,
    tune: str,
    seed: int,
    scenarios: int,
    seconds: float,
    jobs: int,
    folder: str,
) -> tuple[str, ...]:
    """What is judged, all that it takes to repeat it, how long it may take, and where it goes.

    `seconds`: how many the run may take. `jobs`: scenarios at once.
    """
    first = f"faultlab {version}   subject {subject}   environment {environment}"
    second = f"tune {tune}   seed {seed}"
    noun = "scenario" if scenarios == 1 else "scenarios"
    side = " side by side" if min(jobs, scenarios) > 1 else ""
    takes = f"about {max(1.0, seconds):.0f} s{side}"
    if environment == "simulated":
        takes = "in virtual time"
    what = f"{scenarios} {noun}, {takes}; run folder {folder}"
    one = f"{first}   {second}"
    return (*((one,) if len(one) <= WIDTH else (first, f"  {second}")), what)


def duration(plan: Plan, contract: Contract) -> float:
    """Seconds that a scenario may take: its baseline, then the run with its faults."""
    return about(plan.disarmed(), contract) + about(plan, contract)


# --- while it runs -------------------------------------------------------------------------------


def _room(names: Iterable[str]) -> int:
    return min(_LONGEST, max([_NAME, *(len(name) + 2 for name in names)]))


def _named(name: str, names: Iterable[str]) -> str:
    room = _room(names)
    return (name if len(name) < room else f"{name[: room - 4]}..").ljust(room)


def heading(names: Iterable[str]) -> str:
    """The head of the table of these scenarios."""
    columns = "verdict   operations   attempts   fired             time"
    return _named("scenario", names) + columns


def row(result: Result, names: Iterable[str]) -> tuple[str, ...]:
    """A scenario's row, and lines for what its subject did not offer.

    Not known is `?`, never 0; a run that was not played, for want of a baseline, is `-`.
    """
    counted = figures(result)
    if counted is None:
        operations = attempts = acted = "-" if result.error is None else "?"
    else:
        operations, attempts = str(counted.operations), _known(counted.attempts)
        acted = fired(counted)
    line = (
        _named(result.name, names)
        + f"{_WORDS[result.verdict]:<10}{operations:>10}   {attempts:>8}   "
        + f"{acted:<18}{result.seconds:.1f} s"
    )
    return (line, *_skipped(result.plan.skipped))


def fired(counted: Figures) -> str:
    """The first kind that was armed with its count, and how many further kinds fired."""
    if not counted.fired:
        return "-"
    first, *others = counted.fired
    # One that is not known to have fired is not counted as if it had.
    more = sum(one.count is not None and one.count > 0 for one in others)
    return f"{first.kind} {_known(first.count)}" + (f" + {more}" if more else "")


def _known(count: int | None) -> str:
    return "?" if count is None else str(count)


def _skipped(skipped: Sequence[Skipped]) -> Iterator[str]:
    for text in left_out(skipped, _step_name):
        yield from _wrapped(f"not offered: {text}", _NAME)


def left_out(skipped: Sequence[Skipped], named: Callable[[str], str]) -> Iterator[str]:
    """For each reason the steps that are not offered, with their lines in the file."""
    reasons: dict[str, dict[str, list[int]]] = {}
    for one in skipped:
        lines = reasons.setdefault(one.reason, {}).setdefault(named(one.text), [])
        lines.extend(() if one.line is None or one.line in lines else (one.line,))
    for reason, steps in reasons.items():
        told = [name + (f", {_lines(lines)}" if lines else "") for name, lines in steps.items()]
        yield f"{'; '.join(told)} ({reason})"


def _lines(numbers: Sequence[int]) -> str:
    noun = "line" if len(numbers) == 1 else "lines"
    return f"{noun} {', '.join(map(str, numbers))}"


def _step_name(text: str) -> str:
    name, _, rest = text.partition(":")
    return f"{name} {rest.strip()}" if name in ("inject", "wait") else name


def not_offered(scenario: NotOffered, names: Iterable[str]) -> tuple[str, ...]:
    """The lines of a scenario that was not played, since nothing in its fault phase is offered."""
    lines = [
        line for text in left_out(scenario.skipped, _step_name) for line in _wrapped(text, _NAME)
    ]
    return (
        _named(scenario.scenario, names) + "not offered",
        *(lines or _wrapped("nothing of its fault phase is offered", _NAME)),
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a scenario stands that is being played: `done` of `total` operations, both plays."""

    name: str
    text: str
    done: int
    total: int
    seconds: float


def progress_line(running: Sequence[Standing], ended: int, scenarios: int, seconds: float) -> str:
    """Where a run stands in one line, for a log: the scenario that has been at work longest."""
    first = max(running, key=lambda one: one.seconds)
    at = f"{first.name}   {first.text}   {first.done} of {first.total} operations"
    return f"{at}   {ended} of {scenarios} ended   {seconds:.1f} s"[:WIDTH]


def progress_table(
    running: Sequence[Standing],
    names: Iterable[str],
    *,
    ended: int,
    scenarios: int,
    seconds: float,
) -> tuple[str, ...]:
    """Where a run stands, for the lines that are replaced while it works."""
    rows = [
        f"{_named(one.name, names)}{one.text[:36]:<38}"
        f"{f'{one.done} of {one.total}':>12}  {one.seconds:.1f} s"
        for one in running
    ]
    waiting = scenarios - ended - len(running)
    queue = f", {waiting} waiting" if waiting else ""
    return (*rows, f"{ended} of {scenarios} ended{queue}".ljust(_CLOCK) + f"{seconds:.1f} s")


# --- after ---------------------------------------------------------------------------------------


def again(plan: Plan) -> str:
    """The command that plays a plan once more."""
    return shlex.join(["faultlab", "run", *_chosen(plan), "--seed", str(plan.seed)])


def explain(plan: Plan) -> str:
    """The command that shows a plan."""
    return shlex.join(["faultlab", "explain", *_chosen(plan)])


def _chosen(plan: Plan) -> Iterator[str]:
    told = plan.scenario in CATALOG and plan.file == f"{plan.scenario}.yaml"
    yield plan.scenario if told else plan.file
    if plan.subject != "maximus":
        yield from ("--subject", plan.subject)
    yield from plan.given
    if plan.environment != "embedded":
        yield from ("--env", plan.environment)
    if plan.proxy != "embedded":
        yield from ("--proxy", plan.proxy)
    if plan.tune != "fast":
        yield from ("--tune", plan.tune)


def checks_line(results: Iterable[Result]) -> tuple[str, ...]:
    """How many checks had something to judge, and by name those that had not."""
    covered = coverage(results)
    if covered is None:
        return ()
    parts: list[str] = []
    if covered.exercised:
        parts.append(f"{len(covered.exercised)} of {covered.known} checks exercised")
    if covered.not_exercised:
        parts.append(f"not exercised: {' '.join(covered.not_exercised)}")
    if covered.not_promised:
        parts.append(f"not promised: {' '.join(covered.not_promised)}")
    broken = covered.broken
    parts.append(
        "every baseline passed" if not broken else f"no good baseline: {', '.join(broken)}"
    )
    return tuple(_wrapped("; ".join(parts), 0))


def last_line(verdicts: Sequence[Verdict], seconds: float | None, *, not_offered: int = 0) -> str:
    """The verdict over all, how many there are of each, and the seconds it took."""
    order: tuple[Verdict, ...] = ("fail", "error", "unknown", "pass")
    counts = [f"{verdicts.count(one)} {one}" for one in order if one in verdicts]
    if not_offered:
        counts.append(f"{not_offered} not offered")
    line = f"{worst(verdicts).upper()}  {', '.join(counts)}"
    return line if seconds is None else f"{line:<{_CLOCK}}{seconds:.1f} s"


_STYLES = {"pass": "green", "fail": "bold red", "error": "bold red", "unknown": "yellow"}
_ACCENTS = re.compile(
    r"^(?P<title>PASS|FAIL|ERROR|UNKNOWN)\b"
    r"|^\S+ +(?P<row>pass|FAIL|ERROR|unknown)(?= +[0-9?]+ +[0-9?]+ )"
    r"|(?P<arrow><- .*)$"
)


def accents(line: str) -> tuple[tuple[int, int, str], ...]:
    """The parts of a line that may be coloured: first column, end, style."""
    found: list[tuple[int, int, str]] = []
    for match in _ACCENTS.finditer(line):
        group = match.lastgroup or ""
        style = "bold red" if group == "arrow" else _STYLES[match[group].lower()]
        found.append((*match.span(group), style))
    return tuple(found)


def _wrapped(text: str, indent: int) -> list[str]:
    first = " " * indent
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=first + "  ",
        break_on_hyphens=False,
    )
