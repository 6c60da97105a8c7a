"""A plan's values: what the subject offers, the steps in order, what was left out and why.

Counterpart: `planner.py` makes them, `lab.run` plays them. They round-trip through JSON: a plan
is saved beside its histories and judged again from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...faults import AnyFault
from ...scenarios import Incident, PhaseName, Served


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Offer(_Fact):
    """One operation that the subject declares, by role or by its own name.

    `keyed`: the call passes an idempotency key. `cancellable`: a running call can be cancelled.
    `command`: it is a program of its own, whose requests carry no tag.
    """

    name: str
    service: str
    method: str
    path: str
    idempotent: bool
    keyed: bool = False
    cancellable: bool = True
    command: bool = False

    @property
    def endpoint(self) -> str:
        """`METHOD /path/{template}`."""
        return f"{self.method} {self.path}"


# --- steps ---------------------------------------------------------------------------------------


class Enter(_Fact):
    """A phase begins; `implied`: the file does not write it. Recovery begins with all cleared."""

    kind: Literal["enter"] = "enter"
    phase: PhaseName
    implied: bool = False


class Inject(_Fact):
    """A fault comes into force, in place of one with the same slot. `id` counts from 1."""

    kind: Literal["inject"] = "inject"
    id: int
    fault: AnyFault
    line: int


class Clear(_Fact):
    """Every fault ends."""

    kind: Literal["clear"] = "clear"
    line: int


class Wait(_Fact):
    """Nothing happens for `seconds`. `on`: the contract field that says so, as the file names it."""

    kind: Literal["wait"] = "wait"
    seconds: float
    on: str | None = None
    line: int | None = None


class SetClock(_Fact):
    """The wall clock is set forward by `seconds`, or back; no time passes."""

    kind: Literal["clock"] = "clock"
    seconds: float
    line: int


class Fresh(_Fact):
    """Idle connections are closed by FIN, all else is kept."""

    kind: Literal["fresh"] = "fresh"
    line: int


class Renew(_Fact):
    """The subject is opened anew."""

    kind: Literal["renew"] = "renew"
    line: int


class Operate(_Fact):
    """Operations `ids` of one kind, `concurrency` at once.

    `expect`: any of these outcomes. `attempts`: on the wire for each, None: what the contract
    demands. `cancel_after`: seconds after which each that still runs is cancelled, None: never.
    `requires`: ids of checks that must be exercised beside those that the outcome
    implies. `faults`: ids of the injects it stands under. `after_reset`: the first operation
    after a breaker's reset time was waited for. `line` None: of an implied phase.
    """

    kind: Literal["operate"] = "operate"
    ids: tuple[int, ...]
    name: str
    service: str
    method: str
    path: str
    idempotent: bool
    keyed: bool = False
    expect: tuple[str, ...]
    attempts: int | None = None
    concurrency: int = 1
    cancel_after: float | None = None
    requires: tuple[str, ...] = ()
    faults: tuple[int, ...] = ()
    after_reset: bool = False
    phase: PhaseName
    line: int | None = None

    @property
    def key(self) -> str:
        """The step as the file writes it: `read: connection`."""
        return text_of(self.name, self.expect)

    @property
    def endpoint(self) -> str:
        """`METHOD /path/{template}`."""
        return f"{self.method} {self.path}"


Step = Annotated[
    Enter | Inject | Clear | Wait | SetClock | Fresh | Renew | Operate,
    Field(discriminator="kind"),
]


class Skipped(_Fact):
    """A step that is not offered, and why; it enters no verdict and is shown."""

    phase: PhaseName
    text: str  # the step as the file writes it
    reason: str
    line: int | None = None


class Plan(_Fact):
    """A scenario made concrete. Operation ids count from 1 in the order of the steps.

    `services`: those that the subject needs. `served`: what the file says of their stubs.
    `connects`: by what those that reach no proxy are to be known. `given`: further words of the
    command line that made it. `limit`: seconds after which a run of it is cut.
    """

    scenario: str
    file: str
    title: str
    incident: Incident | None = None
    subject: str
    contract: str
    environment: str
    proxy: str = "embedded"
    tune: str
    seed: int
    services: tuple[str, ...]
    served: tuple[Served, ...] = ()
    connects: Literal["audit", "packets", "network"] = "audit"
    given: tuple[str, ...] = ()
    steps: tuple[Step, ...]
    skipped: tuple[Skipped, ...] = ()
    limit: float

    def operations(self) -> Iterator[Operate]:
        """The steps that call the subject."""
        return (step for step in self.steps if isinstance(step, Operate))

    def faults(self) -> dict[int, AnyFault]:
        """The armed faults by id."""
        return {step.id: step.fault for step in self.steps if isinstance(step, Inject)}

    def step_of(self, operation: int) -> Operate:
        """The step that an operation belongs to; raises KeyError."""
        for step in self.operations():
            if operation in step.ids:
                return step
        raise KeyError(operation)

    def disarmed(self) -> Plan:
        """The baseline: no fault, every operation `ok`, nothing required, no wait on a breaker."""
        steps = (_disarmed(step) for step in self.steps if not isinstance(step, Inject))
        return self.model_copy(update={"steps": tuple(steps)})


class NotOffered(_Fact):
    """A scenario none of whose fault steps the subject and its contract offer."""

    scenario: str
    file: str
    title: str
    skipped: tuple[Skipped, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each reason once."""
        return tuple(dict.fromkeys(skipped.reason for skipped in self.skipped))


def text_of(name: str, outcomes: Sequence[str]) -> str:
    """An operation step as a file writes it."""
    listed = ", ".join(outcomes)
    return f"{name}: {listed if len(outcomes) == 1 else f'[{listed}]'}"


def _disarmed(step: Step) -> Step:
    match step:
        case Operate():
            bare = {"attempts": None, "cancel_after": None, "requires": (), "faults": ()}
            return step.model_copy(update={"expect": ("ok",), "after_reset": False, **bare})
        case Wait(on=str(on)) if "breaker." in on:
            return step.model_copy(update={"seconds": 0.0})
        case _:
            return step
