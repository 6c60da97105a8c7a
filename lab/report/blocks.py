"""What is shown of a scenario that did not pass: promise, number, witness in lanes, what to do.

Counterparts: lab/verdict.py judged it, lab/report/lanes.py draws the witness. Every block ends
with where the whole history lies.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from ..attempts import Operation, Reading, read
from ..checks import by_slug
from ..checks.finding import RUN, STEP, Finding
from ..expect import not_ok, outcome_of, required
from ..history import History
from ..plan import Operate
from ..results import Result
from ..verdict import Judgement
from .lanes import WIDTH, lanes
from .terminal import again, explain

__all__ = ["WHOLE", "blocks", "failures", "reason"]

WHOLE = 3
"""Failures of one run that are shown whole; of the others it is said how to see them."""

_MARGIN = 77  # where a title ends
_LABEL = 13  # columns of a label, its indent and its gap
_ROWS = 44  # most rows of a witness
_SPANS = 8  # most groups of event numbers that are named
_TAIL = 12  # of them, rows of its end
_CALLED = 200  # characters of a request's line
_MEND = "make it work without a fault first: what it calls must be served"

Row = tuple[str, str]


def failures(result: Result) -> tuple[Finding, ...]:
    """The findings of a story that say `fail`."""
    findings = () if result.judgement is None else result.judgement.shown
    return tuple(finding for finding in findings if finding.outcome == "fail")


def blocks(
    result: Result, *, whole: int | None = None, also: Sequence[str] = ()
) -> tuple[tuple[str, ...], ...]:
    """A block of lines for each failure of a result, or for what could not be told.

    `whole`: at most so many failures; None: all of them. `also`: scenarios with the same `reason`,
    told in its block.
    """
    if result.error is not None or result.judgement is None:
        return (_error(result, also),)
    broken = _broken(result)
    if broken:
        return (_no_baseline(result, broken, also),)
    failed = failures(result)
    if failed:
        return tuple(_failures(result, failed[:whole]))
    return tuple(_unknowns(result, result.judgement))


def reason(result: Result) -> str | None:
    """Why a story could not be judged, the same for all that one block tells; None: it was."""
    if result.error is not None:
        return str(result.error)
    broken = _broken(result)
    if not broken:
        return None
    raised = broken[0].errors[0].classes[:1] if broken[0].errors else ()
    return " ".join((broken[0].name, outcome_of(broken[0], result.contract), *raised))


# --- fail ----------------------------------------------------------------------------------------


def _failures(result: Result, failed: Sequence[Finding]) -> Iterator[tuple[str, ...]]:
    """A block each; one deviation that breaks several promises shows its wire once."""
    drawn: set[tuple[bool, tuple[int, ...]]] = set()
    for finding in failed:
        witness = (_of_baseline(finding), finding.events)
        yield _failure(result, finding, drawn=witness in drawn)
        drawn.add(witness)


def _failure(result: Result, finding: Finding, *, drawn: bool) -> tuple[str, ...]:
    contract = f"contract {result.plan.contract}, {finding.field}" if finding.field else ""
    more = f"; {finding.more} more like it" if finding.more else ""
    rows: list[Row] = [
        ("promised", finding.promised),
        ("", contract),
        ("seen", finding.seen + more),
        ("witness", _witness(finding) + (", shown above" if drawn else "")),
    ]
    return (
        *_title("FAIL", result, [finding]),
        *_rows(rows),
        *(() if drawn else _lanes(result, finding)),
        "",
        *_rows([("again", again(result.plan)), ("history", _history(result, finding))]),
    )


def _witness(finding: Finding) -> str:
    parts = [] if finding.operation is None else [f"operation {finding.operation}"]
    if finding.events:
        noun = "event" if len(finding.events) == 1 else "events"
        spans = tuple(_spans(finding.events))
        if len(spans) > _SPANS:
            spans = (*spans[: _SPANS - 1], f"... {spans[-1]} ({len(finding.events)} in all)")
        parts.append(f"{noun} {', '.join(spans)}")
    if _of_baseline(finding):
        parts.append("of the baseline")
    return ", ".join(parts)


def _spans(numbers: Sequence[int]) -> Iterator[str]:
    """1, 2, 3, 7 as `1-3` and `7`."""
    for _, group in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        yield str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"


def _lanes(result: Result, finding: Finding) -> tuple[str, ...]:
    """The witness, with begin and end of its operation; its middle left out if it is long."""
    history = _run_of(result, finding)
    if history is None or not finding.events:
        return ()
    events = {*finding.events}
    operation = _operation(read(history), finding.operation)
    if operation is not None:
        events.update(operation.events)
    lines = lanes(history, events, marks=finding.marks)
    if len(lines) > _ROWS + 1:
        left = len(lines) - _ROWS
        lines = (*lines[: _ROWS - _TAIL], f"  .....  {left} rows left out", *lines[-_TAIL:])
    return ("", *lines)


def _of_baseline(finding: Finding) -> bool:
    return finding.check == "C92"


def _run_of(result: Result, finding: Finding) -> History | None:
    return result.baseline if _of_baseline(finding) else result.armed


def _operation(reading: Reading, number: int | None) -> Operation | None:
    return next((one for one in reading.operations if one.id == number), None)


# --- unknown and error ---------------------------------------------------------------------------


def _unknowns(result: Result, judgement: Judgement) -> Iterator[tuple[str, ...]]:
    """One block for all findings that lack the same evidence, and one for what was not exercised."""
    crashed = [finding for finding in judgement.shown if finding.outcome == "error"]
    if crashed:
        rows = [(finding.check, finding.seen or finding.missing) for finding in crashed]
        yield (
            *_title("ERROR", result, crashed),
            *_rows([*rows, ("mend", "a check of faultlab broke; this is a fault of the lab")]),
            *_rows([("history", _history(result))]),
        )
    broken = _without_fault(result)
    if broken is not None:
        yield broken
        return
    unknown = [finding for finding in judgement.shown if finding.outcome == "unknown"]
    for missing in dict.fromkeys(finding.missing for finding in unknown):
        same = [finding for finding in unknown if finding.missing == missing]
        known = dict.fromkeys(finding.known for finding in same if finding.known)
        to_know = dict.fromkeys(finding.to_know for finding in same if finding.to_know)
        more = sum(finding.more for finding in same)
        rows = [
            ("missing", missing + (f"; {more} more like it" if more else "")),
            ("seen", same[0].seen),
            ("known", "; ".join(known)),
            ("to know", "; ".join(to_know)),
            ("again", again(result.plan) if same[0].check == RUN else ""),
            ("history", _history(result, same[0])),
        ]
        yield (*_title("UNKNOWN", result, same), *_rows(rows))
    if judgement.unmet:
        yield _unmet(result, judgement.unmet)


def _unmet(result: Result, checks: Sequence[str]) -> tuple[str, ...]:
    """The block of checks that steps require, and whose precondition did not arise."""
    steps = required(result.plan, result.contract)
    infos = [by_slug(check) for check in checks]
    rows: list[Row] = []
    for info in infos:
        by = f" by `{steps[info.id][0].key}`" if info.id in steps else ""
        rows.append(("missing", f"{info.id} is required{by}, but never was: {info.precondition}"))
    places = [_step_place(result, step) for info in infos for step in steps.get(info.id, ())[:1]]
    named = ", ".join(f"{info.id} {info.slug}" for info in infos)
    to_know = f"see {explain(result.plan)}; mend the step, or what it requires"
    return (
        *_headed(f"UNKNOWN {result.name}: {named}", [*places, result.plan.file][0]),
        *_rows([*rows, ("to know", to_know), ("history", _history(result))]),
    )


def _without_fault(result: Result) -> tuple[str, ...] | None:
    """The block of a workload that fails in its control phase, where no fault explains it."""
    reading = None if result.armed is None else read(result.armed)
    if reading is None:
        return None
    for operation in reading.operations:
        outcome = outcome_of(operation, result.contract)
        if operation.phase == "control" and outcome not in _expected(result, operation.id):
            break
    else:
        return None
    return (
        *_headed(
            f"UNKNOWN {result.name}: it does not work without the fault either "
            f"(control, operation {operation.id})",
            "",
        ),
        *_rows(
            (
                *_what_failed(result, operation, _expected(result, operation.id)),
                ("mend", _MEND),
                ("history", _history(result)),
            )
        ),
    )


def _broken(result: Result) -> tuple[Operation, ...]:
    """The operations of its baseline that did not work, where that is no failure by itself."""
    if result.baseline is None or any(_of_baseline(one) for one in failures(result)):
        return ()
    return not_ok(read(result.baseline), result.contract)


def _no_baseline(
    result: Result, broken: Sequence[Operation], also: Sequence[str]
) -> tuple[str, ...]:
    """The block of a baseline that did not work: what failed, and why nothing follows from it."""
    first = broken[0]
    others = dict.fromkeys(one.name for one in broken if one.name != first.name)
    so = "nothing can be concluded about faults; "
    so += "none was armed" if result.armed is None else "the run with them is not judged"
    title = (
        f"UNKNOWN {', '.join([result.name, *also])}: no baseline, "
        f"`{first.name}` does not work without a fault"
    )
    rows: list[Row] = [
        *_what_failed(result, first, ("ok",)),
        ("also", ", ".join(others)),
        ("so", so),
        ("mend", _MEND),
        ("history", str(result.folder / "baseline.jsonl")),
    ]
    return (*_headed(title, ""), *_rows(rows))


def _what_failed(result: Result, operation: Operation, expected: Sequence[str]) -> Iterator[Row]:
    """How an operation ended that should have worked, what it called, what it raised."""
    ended = "was still running when the run was cut"
    if operation.ending != "unknown":
        ended = f"ended as {outcome_of(operation, result.contract)}"
    yield operation.name, f"{ended}, expected {' or '.join(expected)}"
    met = operation.attempts[-1] if operation.attempts else None
    called = "nothing on the wire"
    if met is not None:
        called = f"{met.method} {met.target}".strip()
        called = called if len(called) <= _CALLED else f"{called[:_CALLED]}.."
    yield "called", called or "a connect that was not answered"
    if operation.errors:
        raised = operation.errors[0]
        error = raised.classes[0].rpartition(".")[2]
        yield "raised", f"{error}: {raised.message}" if raised.message else error


def _expected(result: Result, number: int) -> tuple[str, ...]:
    """What the plan expects of an operation; one that it does not know is to end ok."""
    try:
        return result.plan.step_of(number).expect
    except KeyError:
        return ("ok",)


def _error(result: Result, also: Sequence[str]) -> tuple[str, ...]:
    """The block of what could not be played; `also`: scenarios that ended for the same reason."""
    name = "LabError" if result.error is None else type(result.error).__name__
    text = "no judgement was made" if result.error is None else str(result.error)
    first, *rest = f"{name}: {text}".splitlines()
    kept = result.armed is not None or result.baseline is not None
    return (
        *_headed(f"ERROR {', '.join([result.name, *also])}", ""),
        f"  {first}",
        *rest,
        *_rows([("history", _history(result) if kept else "")]),
    )


# --- parts ---------------------------------------------------------------------------------------


def _title(word: str, result: Result, findings: Sequence[Finding]) -> Iterator[str]:
    """Which promise, and which line of which file."""
    names = ", ".join(dict.fromkeys(_name(finding) for finding in findings))
    places = dict.fromkeys(_place(result, finding, brief=word != "FAIL") for finding in findings)
    place = next(iter(places)) if len(places) == 1 else result.plan.file
    yield from _headed(f"{word} {result.name}: {names}", place)


def _name(finding: Finding) -> str:
    return STEP if finding.check == STEP else f"{finding.check} {finding.slug}"


def _place(result: Result, finding: Finding, *, brief: bool) -> str:
    """`5xx.yaml:10`, and the step itself if there is to be more."""
    file = result.plan.file
    if finding.operation is None:
        return file
    try:
        step = result.plan.step_of(finding.operation)
    except KeyError:
        return file
    place = _step_place(result, step)
    return place if brief else f"{place}, `{step.key}`"


def _step_place(result: Result, step: Operate) -> str:
    file = result.plan.file
    return f"{file}, {step.phase}" if step.line is None else f"{file}:{step.line}"


def _headed(title: str, place: str) -> Iterator[str]:
    """The title with its place at the right margin, or below where there is no room."""
    if len(title) + 2 + len(place) <= _MARGIN:
        yield f"{title}{place:>{_MARGIN - len(title)}}" if place else title
        return
    yield from textwrap.wrap(title, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    if place:
        yield f"{place:>{_MARGIN}}"


def _history(result: Result, finding: Finding | None = None) -> str:
    run = "baseline" if finding is not None and _of_baseline(finding) else "armed"
    return str(result.folder / f"{run}.jsonl")


def _rows(rows: Iterable[Row]) -> Iterator[str]:
    """Labelled rows; one without text is left out, a long one goes on below itself."""
    for label, text in rows:
        if not text:
            continue
        start = f"  {label:<{_LABEL - 3}} "
        if label in ("again", "history"):
            yield start + text  # pasted as it is
            continue
        yield from textwrap.wrap(
            text,
            WIDTH - 2,
            initial_indent=start,
            subsequent_indent=" " * _LABEL,
            break_on_hyphens=False,
            break_long_words=False,
        )
