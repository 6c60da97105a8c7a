"""A scenario made concrete: with a contract and what the subject offers, it is a plan.

Counterparts: `scenarios` (what is written), `steps.py` (what comes out). Knows no run: what is
not offered is decided here, once, for `explain`, for the run and for the judgement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never

from ...faults.written import shifted
from ...scenarios import (
    ClearStep,
    ClockStep,
    ConnectionsStep,
    InjectStep,
    OperationStep,
    PhaseName,
    Quantity,
    Scenario,
    ScenarioError,
    SubjectStep,
    WaitStep,
)
from ...scenarios import Step as Written
from ..contract import Contract
from .calls import Caller
from .drafts import Call, Draft, Notes, Pause, Standing
from .estimate import about, longest
from .injects import refuse_conflicts, standing
from .offered import Offered
from .steps import (
    Clear,
    Enter,
    Fresh,
    Inject,
    NotOffered,
    Offer,
    Operate,
    Plan,
    Renew,
    SetClock,
    Step,
    Wait,
)
from .terms import RESET, LeftOpenError, Terms

_UNUSED = "no offered operation meets it"
_REAL_CLOCK = "the wall clock is the machine's there; `--env simulated` has its own"


def plan(
    scenario: Scenario,
    contract: Contract,
    offers: Sequence[Offer],
    *,
    seed: int,
    environment: str,
    tune: str,
    subject: str,
    slugs: Mapping[str, str],
    promises: Mapping[str, str] | None = None,
    services: Sequence[str] = (),
    foreign: Mapping[str, str] | None = None,
) -> Plan | NotOffered:
    """The plan of a scenario for one subject, under its (tuned) contract.

    `slugs` maps the slugs of checks to their ids, `promises` these to the contract field that
    each one judges (absent: a promise of every client). `services`: further services that the
    subject needs. `foreign`: the address of each server that the lab did not start. Raises ScenarioError for an unknown service, endpoint or check.
    """
    notes = Notes(scenario.file)
    caller = Caller(
        Offered(subject, offers, {} if foreign is None else foreign),
        Terms(contract),
        notes,
        slugs,
        {} if promises is None else promises,
    )
    steps = tuple(_Planner(scenario, caller, environment == "simulated").steps())
    if notes.problems:
        raise ScenarioError(notes.problems)
    armed = any(isinstance(step, Inject) for step in steps)
    called = any(isinstance(step, Operate) and step.phase == "fault" for step in steps)
    if not (armed and called):
        return NotOffered(
            scenario=scenario.name,
            file=scenario.file,
            title=scenario.title,
            skipped=tuple(notes.skipped),
        )
    found = Plan(
        scenario=scenario.name,
        file=scenario.file,
        title=scenario.title,
        incident=scenario.incident,
        subject=subject,
        contract=contract.name,
        environment=environment,
        tune=tune,
        seed=seed,
        services=tuple(dict.fromkeys((*services, *(offer.service for offer in offers)))),
        served=scenario.services,
        connects=_known_by(environment, offers),
        steps=steps,
        skipped=tuple(notes.skipped),
        limit=0.0,
    )
    limit = 15.0 + 3 * about(found, contract) + longest(contract)
    return found.model_copy(update={"limit": round(limit, 3)})


def _known_by(environment: str, offers: Sequence[Offer]) -> Literal["audit", "packets", "network"]:
    """How connects are to be known that reach no proxy."""
    if environment == "simulated":
        return "network"
    return "packets" if any(offer.command for offer in offers) else "audit"


@dataclass(slots=True)
class _Planner:
    """One pass over a scenario's phases."""

    scenario: Scenario
    caller: Caller
    moves_clock: bool  # whether the environment has a wall clock of its own
    shown: list[str] = field(default_factory=list)  # observables of the faults so far, in order

    # --- emitting

    def steps(self) -> Iterator[Step]:
        """The plan's steps, with operations and faults numbered."""
        operation, fault = 0, 0
        ids: dict[int, int] = {}  # inject by identity -> fault id
        for phase, implied, drafts in self.phases():
            yield Enter(phase=phase, implied=implied)
            probing = False
            for draft in drafts:
                match draft:
                    case Standing(fault=None):
                        pass
                    case Standing(fault=wanted) if draft.armed and wanted is not None:
                        fault += 1
                        ids[id(draft)] = fault
                        yield Inject(id=fault, fault=wanted, line=draft.step.line)
                    case Standing():
                        self.caller.notes.skip(
                            phase, f"inject: {draft.step.kind}", _UNUSED, draft.step.line
                        )
                    case Pause():
                        probing = probing or draft.probes
                        if draft.seconds > 0:
                            yield Wait(seconds=draft.seconds, on=draft.on, line=draft.line)
                    case Call():
                        numbers = tuple(range(operation + 1, operation + 1 + draft.times))
                        operation += draft.times
                        under = tuple(ids[id(one)] for one in draft.under if id(one) in ids)
                        yield self.operate(draft, numbers, under, phase, probing=probing)
                        probing = False
                    case ClearStep():
                        yield Clear(line=draft.line)
                    case ClockStep():
                        yield SetClock(seconds=draft.seconds, line=draft.line)
                    case ConnectionsStep():
                        yield Fresh(line=draft.line)
                    case SubjectStep():
                        yield Renew(line=draft.line)
                    case _:
                        assert_never(draft)

    def operate(
        self,
        call: Call,
        numbers: tuple[int, ...],
        under: tuple[int, ...],
        phase: PhaseName,
        *,
        probing: bool,
    ) -> Operate:
        """The step of an offered operation."""
        return Operate(
            ids=numbers,
            name=call.step.name,
            service=call.offer.service,
            method=call.offer.method,
            path=call.offer.path,
            idempotent=call.offer.idempotent,
            keyed=call.offer.keyed,
            expect=call.step.outcomes,
            attempts=call.step.attempts,
            concurrency=call.concurrency,
            cancel_after=call.cancel_after,
            requires=call.requires,
            faults=under,
            after_reset=probing,
            phase=phase,
            line=None if call.implied else call.step.line,
        )

    # --- phases

    def phases(self) -> Iterator[tuple[PhaseName, bool, list[Draft]]]:
        """Control, fault, recovery, in order of time."""
        scenario = self.scenario
        control = self.everything() if scenario.control is None else scenario.control
        yield (
            "control",
            scenario.control is None,
            self.drafts("control", control, implied=scenario.control is None),
        )
        fault = self.drafts("fault", scenario.fault)
        yield "fault", False, fault
        if scenario.recovery is not None:
            yield "recovery", False, self.drafts("recovery", scenario.recovery)
            return
        calls = [draft for draft in fault if isinstance(draft, Call)]
        opens = {call.step.name for call in calls if "open" in call.step.outcomes}
        # A breaker that opened shows that it closed only by the call after its probe.
        twice = opens if self.caller.terms.has_breaker else set[str]()
        steps = tuple(
            replace(step, times=Quantity(2)) if step.name in twice else step
            for step in self.everything()
        )
        recovery = self.drafts("recovery", steps, implied=True)
        if opens or any(self.caller.may_open(call) for call in calls):
            try:
                seconds = self.caller.terms.reset_time(self.shown)
            except LeftOpenError as error:
                self.caller.notes.skip("recovery", f"wait: {RESET}", str(error), None)
            else:
                probes = bool(opens) and self.caller.terms.has_breaker
                recovery.insert(0, Pause(seconds, RESET, None, probes=probes))
        yield "recovery", True, recovery

    def everything(self) -> tuple[OperationStep, ...]:
        """Every operation of the file once, `ok`."""
        return tuple(OperationStep(name, ("ok",), 0) for name in self.scenario.operations())

    # --- drafts

    def drafts(
        self, phase: PhaseName, steps: Sequence[Written], *, implied: bool = False
    ) -> list[Draft]:
        """The steps of a phase that are offered; the others are noted in `skipped`."""
        found: list[Draft] = []
        in_force: list[Standing] = []
        for number, step in enumerate(steps, 1):
            key = f"{phase}[{number}]"
            match step:
                case InjectStep():
                    caller = self.caller
                    new = standing(step, key, caller.offered, caller.terms, caller.notes)
                    in_force = [one for one in in_force if not new.replaces(one)]
                    refuse_conflicts(new, in_force, key, caller.notes)
                    in_force.append(new)
                    found.append(new)
                    self.shown.extend(() if new.fault is None else new.fault.observable())
                    if new.fault is None:
                        self.caller.notes.skip(phase, f"inject: {step.kind}", new.reason, step.line)
                case OperationStep():
                    call = self.caller.call(phase, step, key, in_force, implied=implied)
                    if call is not None:
                        found.append(call)
                case WaitStep():
                    found.extend(self.pause(phase, step))
                case ClearStep():
                    in_force = []
                    found.append(step)
                case ClockStep() if not self.moves_clock:
                    self.caller.notes.skip(
                        phase, f"clock: {shifted(step.seconds)}", _REAL_CLOCK, step.line
                    )
                case ClockStep() | ConnectionsStep() | SubjectStep():
                    found.append(step)
                case _:
                    assert_never(step)
        return found

    def pause(self, phase: PhaseName, step: WaitStep) -> Iterator[Pause]:
        """A wait with its seconds."""
        quantity = step.duration
        on = None if quantity.field is None else quantity.text()
        try:
            if quantity.field == RESET:
                seconds = quantity.amount * self.caller.terms.reset_time(self.shown)
            else:
                seconds = self.caller.terms.number(quantity, None)
        except LeftOpenError as error:
            self.caller.notes.skip(phase, f"wait: {on}", str(error), step.line)
            return
        probes = quantity.field == RESET and quantity.amount >= 1 and seconds > 0
        yield Pause(seconds, on, step.line, probes=probes and self.caller.terms.has_breaker)
