"""A plan in the making: steps before operations and faults are numbered, and what was noted.

Counterparts: `injects.py` and `calls.py` make drafts, `planner.py` numbers them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...faults import AnyFault
from ...scenarios import (
    ClearStep,
    ClockStep,
    ConnectionsStep,
    InjectStep,
    OperationStep,
    PhaseName,
    Problem,
    SubjectStep,
)
from .scope import reaches, shows
from .steps import Offer, Skipped


@dataclass(slots=True)
class Standing:
    """An inject while it is in force, and what was seen of it so far."""

    step: InjectStep
    fault: AnyFault | None  # None: it can't be made, and `reason` says why
    reason: str = ""
    service: str | None = None
    used: bool = False  # an offered operation stands under it
    reached: bool = False  # ... and is in its scope
    missed: bool = False  # an operation in its scope is not offered

    @property
    def armed(self) -> bool:
        """Whether it is injected: not where all that it would hit is not offered."""
        return self.fault is not None and self.used and (self.reached or not self.missed)

    def concerns(self, offer: Offer) -> bool:
        """Whether an operation stands under it."""
        if self.fault is not None:
            return reaches(self.fault, offer.service, offer.method, offer.path)
        return self.service is None or self.service == offer.service

    def replaces(self, old: Standing) -> bool:
        """Whether it takes the other's place: same kind, service and endpoint."""
        if self.fault is None or old.fault is None:
            mine, theirs = self.step, old.step
            return (mine.kind, mine.service, mine.endpoint) == (
                theirs.kind,
                theirs.service,
                theirs.endpoint,
            )
        return self.fault.slot() == old.fault.slot()


@dataclass(slots=True)
class Call:
    """An operation step that is offered."""

    step: OperationStep
    offer: Offer
    times: int
    concurrency: int
    cancel_after: float | None
    requires: tuple[str, ...]
    under: tuple[Standing, ...]
    implied: bool


@dataclass(slots=True)
class Pause:
    """A wait; `probes`: the next operation is the first after a breaker's reset time."""

    seconds: float
    on: str | None
    line: int | None
    probes: bool


Draft = Standing | Call | Pause | ClearStep | ClockStep | ConnectionsStep | SubjectStep


def seen(under: Sequence[Standing], outcomes: Sequence[str]) -> tuple[str, ...]:
    """What standing faults show to who expects these outcomes."""
    return tuple(_seen(under, outcomes))


def _seen(under: Sequence[Standing], outcomes: Sequence[str]) -> Iterator[str]:
    for one in under:
        if one.fault is not None:
            yield from shows(one.fault, outcomes)


@dataclass(slots=True)
class Notes:
    """The problems of one file, and what of it is not offered."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def skip(self, phase: PhaseName, text: str, reason: str, line: int | None) -> None:
        """Note a step that is not offered."""
        self.skipped.append(Skipped(phase=phase, text=text, reason=reason, line=line))

    def refuse(self, line: int, key: str, text: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(self.file, line, key, text))
