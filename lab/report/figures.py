"""What runs come to in numbers: operations, attempts, faults that fired, checks that were exercised.

Counterparts: lab/report/terminal.py prints them, lab/report/document.py keeps them. What is not known
is None, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..attempts import Reading, read
from ..checks import ALL
from ..results import Result

__all__ = ["Coverage", "Figures", "Fired", "coverage", "figures"]


@dataclass(frozen=True, slots=True)
class Fired:
    """How often the faults of one kind acted; None: not known."""

    kind: str
    count: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """A run with faults, counted; `fired` in the order in which kinds were armed."""

    operations: int
    attempts: int | None
    fired: tuple[Fired, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The ids of the checks that had something to judge in some scenario, and of the others.

    `known`: how many checks there are. `broken`: the scenarios whose baseline did not pass.
    """

    known: int
    exercised: tuple[str, ...]
    not_exercised: tuple[str, ...]
    not_promised: tuple[str, ...]
    broken: tuple[str, ...]


def figures(result: Result) -> Figures | None:
    """A result's, None where no run with faults was played to its end."""
    if result.armed is None:
        return None
    reading = read(result.armed)
    blind = reading.lacks("connects") is not None
    attempts = sum(len(one.attempts) for one in reading.operations) + len(reading.strays)
    return Figures(len(reading.operations), None if blind else attempts, _fired(reading, blind))


def _fired(reading: Reading, blind: bool) -> tuple[Fired, ...]:
    counts: dict[str, int] = {}
    for fault in reading.faults:
        counts[fault.kind] = counts.get(fault.kind, 0) + fault.fired
    shut = {fault.kind for fault in reading.faults if fault.listener is not None}
    return tuple(
        Fired(kind, None if blind and kind in shut else count) for kind, count in counts.items()
    )


def coverage(results: Iterable[Result]) -> Coverage | None:
    """What the checks had to judge in these results; None where nothing was judged."""
    played = [result for result in results if result.error is None]
    if not any(result.judgement is not None for result in played):
        return None
    judged = [
        one.judgement for one in played if one.armed is not None and one.judgement is not None
    ]
    exercised = {check for one in judged for check in one.exercised}
    unpromised = {check for one in judged for check in one.not_promised} - exercised
    idle = [info.id for info in ALL if info.id not in exercised | unpromised] if judged else []
    return Coverage(
        len(ALL),
        tuple(sorted(exercised)),
        tuple(idle),
        tuple(sorted(unpromised)),
        tuple(result.name for result in played if _bad_baseline(result)),
    )


def _bad_baseline(result: Result) -> bool:
    findings = result.judgement.findings if result.judgement is not None else ()
    return not any(one.check == "C92" and one.outcome == "pass" for one in findings)
