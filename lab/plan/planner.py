"""A scenario made concrete: with a contract and what the subject offers, it is a plan.

Counterparts: `scenarios` (what is written), `steps.py` (what comes out). Knows no run: what is
not offered is decided here, once, for `explain`, for the run and for the judgement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from pydantic import ValidationError

from ...faults import AnyFault, Latency
from ...scenarios import (
    ROLES,
    ClearStep,
    ConnectionsStep,
    InjectStep,
    OperationStep,
    PhaseName,
    Problem,
    Quantity,
    Scenario,
    ScenarioError,
    SubjectStep,
    WaitStep,
)
from ...scenarios import Step as Written
from ...scenarios.errors import nearest
from ..contract import Contract, lookup, resolve
from .estimate import about, longest
from .scope import overlap, reaches, shows
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
    Skipped,
    Step,
    Wait,
    text_of,
)

_IN_TIME = 0.8  # of a read time-out: what is later may or may not be in time
_MOST = 10_000  # operations of one step


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
) -> Plan | NotOffered:
    """The plan of a scenario for one subject, under its (tuned) contract.

    `slugs` maps the slugs of checks to their ids, `promises` these to the contract field that
    each one judges (absent: a promise of every client). `services`: further services that the
    subject needs. Raises ScenarioError for an unknown service, endpoint or check.
    """
    planner = _Planner(scenario, contract, tuple(offers), subject, slugs, promises or {})
    steps = tuple(planner.steps())
    if planner.problems:
        raise ScenarioError(planner.problems)
    armed = any(isinstance(step, Inject) for step in steps)
    called = any(isinstance(step, Operate) and step.phase == "fault" for step in steps)
    if not (armed and called):
        return NotOffered(
            scenario=scenario.name,
            file=scenario.file,
            title=scenario.title,
            skipped=tuple(planner.skipped),
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
        steps=steps,
        skipped=tuple(planner.skipped),
        limit=0.0,
    )
    limit = 15.0 + 3 * about(found, contract) + longest(contract)
    return found.model_copy(update={"limit": round(limit, 3)})


class _LeftOpenError(Exception):
    """A step needs a number that the contract leaves open; the text is the reason."""


@dataclass(slots=True)
class _Standing:
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


@dataclass(slots=True)
class _Call:
    """An operation step that is offered."""

    step: OperationStep
    offer: Offer
    times: int
    concurrency: int
    requires: tuple[str, ...]
    under: tuple[_Standing, ...]
    implied: bool


@dataclass(slots=True)
class _Pause:
    """A wait."""

    seconds: float
    on: str | None
    line: int | None
    probes: bool  # whether the next operation is the first after a breaker's reset time


_Draft = _Standing | _Call | _Pause | ClearStep | ConnectionsStep | SubjectStep


@dataclass(slots=True)
class _Planner:
    """One pass over a scenario's phases."""

    scenario: Scenario
    contract: Contract
    offered: tuple[Offer, ...]
    subject: str
    slugs: Mapping[str, str]
    promises: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
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
                    case _Standing(fault=None):
                        pass
                    case _Standing(fault=wanted) if draft.armed and wanted is not None:
                        fault += 1
                        ids[id(draft)] = fault
                        yield Inject(id=fault, fault=wanted, line=draft.step.line)
                    case _Standing():
                        self.skip(phase, f"inject: {draft.step.kind}", _UNUSED, draft.step.line)
                    case _Pause():
                        probing = probing or draft.probes
                        if draft.seconds > 0:
                            yield Wait(seconds=draft.seconds, on=draft.on, line=draft.line)
                    case _Call():
                        numbers = tuple(range(operation + 1, operation + 1 + draft.times))
                        operation += draft.times
                        under = tuple(ids[id(one)] for one in draft.under if id(one) in ids)
                        yield self.operate(draft, numbers, under, phase, probing=probing)
                        probing = False
                    case ClearStep():
                        yield Clear(line=draft.line)
                    case ConnectionsStep():
                        yield Fresh(line=draft.line)
                    case SubjectStep():
                        yield Renew(line=draft.line)
                    case _:
                        assert_never(draft)

    def operate(
        self,
        call: _Call,
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
            requires=call.requires,
            faults=under,
            after_reset=probing,
            phase=phase,
            line=None if call.implied else call.step.line,
        )

    # --- phases

    def phases(self) -> Iterator[tuple[PhaseName, bool, list[_Draft]]]:
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
        calls = [draft for draft in fault if isinstance(draft, _Call)]
        opens = {call.step.name for call in calls if "open" in call.step.outcomes}
        # A breaker that opened shows that it closed only by the call after its probe.
        twice = opens if self.has_breaker else set[str]()
        steps = tuple(
            replace(step, times=Quantity(2)) if step.name in twice else step
            for step in self.everything()
        )
        recovery = self.drafts("recovery", steps, implied=True)
        if opens or any(self.may_open(call) for call in calls):
            try:
                seconds = self.reset_time()
            except _LeftOpenError as error:
                self.skip("recovery", f"wait: {_RESET}", str(error), None)
            else:
                probes = bool(opens) and self.has_breaker
                recovery.insert(0, _Pause(seconds, _RESET, None, probes=probes))
        yield "recovery", True, recovery

    def everything(self) -> tuple[OperationStep, ...]:
        """Every operation of the file once, `ok`."""
        return tuple(OperationStep(name, ("ok",), 0) for name in self.scenario.operations())

    def may_open(self, call: _Call) -> bool:
        """Whether a step leaves it to the contract and is long enough to open a breaker."""
        if "contract" not in call.step.outcomes or not self.has_breaker:
            return False
        limit = resolve(self.contract, "breaker.fail_max", self.counted(self.seen_by(call)))
        return limit is not None and call.times >= limit

    @property
    def has_breaker(self) -> bool:
        """Whether the contract promises one."""
        return bool(self.contract.breaker)

    def reset_time(self) -> float:
        """The longest reset time of the breakers that count what the faults showed; 0: none.

        Raises _LeftOpenError.
        """
        counted = [one for one in self.shown if self.counted([one]) is not None]
        times = (resolve(self.contract, _RESET, one) for one in counted)
        known = [time for time in times if time is not None]
        if known:
            return max(known)
        return self.number(Quantity(1, _RESET), None)

    # --- drafts

    def drafts(
        self, phase: PhaseName, steps: Sequence[Written], *, implied: bool = False
    ) -> list[_Draft]:
        """The steps of a phase that are offered; the others are noted in `skipped`."""
        found: list[_Draft] = []
        standing: list[_Standing] = []
        for number, step in enumerate(steps, 1):
            key = f"{phase}[{number}]"
            match step:
                case InjectStep():
                    new = self.standing(step, key)
                    standing = [one for one in standing if not _replaces(new, one)]
                    standing.append(new)
                    found.append(new)
                    self.shown.extend(() if new.fault is None else new.fault.observable())
                    if new.fault is None:
                        self.skip(phase, f"inject: {step.kind}", new.reason, step.line)
                case OperationStep():
                    call = self.call(phase, step, key, standing, implied=implied)
                    if call is not None:
                        found.append(call)
                case WaitStep():
                    found.extend(self.pause(phase, step))
                case ClearStep():
                    standing = []
                    found.append(step)
                case ConnectionsStep() | SubjectStep():
                    found.append(step)
                case _:
                    assert_never(step)
        return found

    def skip(self, phase: PhaseName, text: str, reason: str, line: int | None) -> None:
        """Note a step that is not offered."""
        self.skipped.append(Skipped(phase=phase, text=text, reason=reason, line=line))

    def refuse(self, line: int, key: str, text: str) -> None:
        """Note a problem of the file."""
        self.problems.append(Problem(self.scenario.file, line, key, text))

    def pause(self, phase: PhaseName, step: WaitStep) -> Iterator[_Pause]:
        """A wait with its seconds."""
        quantity = step.duration
        on = None if quantity.field is None else quantity.text()
        try:
            if quantity.field == _RESET:
                seconds = quantity.amount * self.reset_time()
            else:
                seconds = self.number(quantity, None)
        except _LeftOpenError as error:
            self.skip(phase, f"wait: {on}", str(error), step.line)
            return
        probes = quantity.field == _RESET and quantity.amount >= 1 and seconds > 0
        yield _Pause(seconds, on, step.line, probes=probes and self.has_breaker)

    def number(self, quantity: Quantity, observable: str | None) -> float:
        """A quantity under this contract; raises _LeftOpenError."""
        if quantity.field is None:
            return quantity.amount
        value = resolve(self.contract, quantity.field, observable)
        if value is None:
            raise _LeftOpenError(f"the contract leaves {quantity.field} open")
        return quantity.amount * value

    def counted(self, observables: Sequence[str]) -> str | None:
        """The first observable that a breaker counts."""
        for observable in observables:
            for breaker in self.contract.breaker or ():
                if lookup(breaker.votes, observable) == "counts":
                    return observable
        return None

    def seen_by(self, call: _Call) -> tuple[str, ...]:
        """What the faults that a step stands under show it."""
        return self.visible(call.under, call.step.outcomes)

    def visible(self, under: Sequence[_Standing], outcomes: Sequence[str]) -> tuple[str, ...]:
        """What standing faults show to who expects these outcomes."""
        faults = (one.fault for one in under if one.fault is not None)
        return tuple(one for fault in faults for one in shows(fault, outcomes))

    # --- operations

    def call(
        self,
        phase: PhaseName,
        step: OperationStep,
        key: str,
        standing: Sequence[_Standing],
        *,
        implied: bool,
    ) -> _Call | None:
        """An operation step, or None where it is not offered."""
        requires = self.checks(step, key)
        offer = next((one for one in self.offered if one.name == step.name), None)
        under = tuple(one for one in standing if offer is not None and one.concerns(offer))
        try:
            if offer is None:
                raise _LeftOpenError(self.lacks(step.name))
            broken = next((one for one in under if one.fault is None), None)
            if broken is not None:
                raise _LeftOpenError(
                    f"it stands under `inject: {broken.step.kind}`: {broken.reason}"
                )
            if set(step.outcomes) == {"open"} and not self.has_breaker:
                raise _LeftOpenError("the contract has no breaker")
            shown = self.visible(under, step.outcomes)
            if set(step.outcomes) == {"response"} and any(map(self.contract.returns, shown)):
                raise _LeftOpenError("the contract returns an unusable answer as a value")
            if set(step.outcomes) == {"ok"}:
                self.demand_in_time(under)
            for check in requires:
                promise = self.promises.get(check, "")
                if promise and not self.contract.promises(promise):
                    raise _LeftOpenError(f"the contract does not promise what {check} judges")
            observable = self.counted(shown)
            concurrency = round(self.number(step.concurrency, observable))
            times = (
                concurrency if step.times is None else round(self.number(step.times, observable))
            )
        except _LeftOpenError as error:
            for one in standing:
                one.missed = one.missed or (offer is None or one.concerns(offer))
            if not implied:  # an implied step repeats one that is written, and noted there
                self.skip(phase, text_of(step.name, step.outcomes), str(error), step.line)
            return None
        for one in standing:
            one.used = True
            one.reached = one.reached or one in under
        if times > _MOST:
            self.refuse(step.line, f"{key}.times", f"{times} operations; expected {_MOST} at most")
            return None
        return _Call(step, offer, times, min(concurrency, times), requires, under, implied)

    def demand_in_time(self, under: Sequence[_Standing]) -> None:
        """Raise _LeftOpenError where an answer is too late for who gives up as the contract says."""
        read = self.contract.timeouts.read
        for one in under:
            fault = one.fault
            if isinstance(fault, Latency) and read is not None:
                late = fault.delay + fault.jitter
                if late >= _IN_TIME * read:
                    raise _LeftOpenError(
                        f"{late:g} s late is not in time: the contract gives up after {read:g} s"
                    )

    def lacks(self, name: str) -> str:
        """Why an operation is not offered."""
        services = dict.fromkeys(offer.service for offer in self.offered)
        if name == "read.elsewhere" and len(services) == 1:
            return f"{self.subject} has one service"
        close = None
        if name not in ROLES:
            close = nearest(name, (offer.name for offer in self.offered))
        hint = f" (nearest: {close})" if close else ""
        return f"{self.subject} has no operation `{name}`{hint}"

    def checks(self, step: OperationStep, key: str) -> tuple[str, ...]:
        """The ids of the checks that a step requires."""
        found: list[str] = []
        for slug in step.requires:
            if slug in self.slugs:
                found.append(self.slugs[slug])
            elif slug in self.slugs.values():
                found.append(slug)
            else:
                close = nearest(slug, self.slugs)
                hint = f"nearest: {close}" if close else "faultlab list checks shows them"
                text = f"`{slug}` is not the slug of a check; {hint}"
                self.refuse(step.line, f"{key}.requires", text)
        return tuple(found)

    # --- injects

    def standing(self, step: InjectStep, key: str) -> _Standing:
        """An inject with its service, endpoint and numbers, or with the reason why it has none."""
        service, endpoint = step.service, step.endpoint
        known = tuple(dict.fromkeys(offer.service for offer in self.offered))
        if service is not None and service not in known:
            close = nearest(service, known)
            hint = f"nearest: {close}" if close else "known: " + ", ".join(known)
            text = f"{self.subject} has no service `{service}`; {hint}"
            self.refuse(step.line, f"{key}.service", text)
            return _Standing(step, None, text)
        if endpoint is not None and " " not in endpoint:
            offer = next((one for one in self.offered if one.name == endpoint), None)
            if offer is None:
                return _Standing(step, None, self.lacks(endpoint), service)
            if service is not None and service != offer.service:
                text = f"`{endpoint}` is an operation of {offer.service}, not of {service}"
                self.refuse(step.line, f"{key}.endpoint", text)
                return _Standing(step, None, text)
            service, endpoint = offer.service, offer.endpoint
        if service is None:
            service = self.home(endpoint)
        if service is None:
            return _Standing(step, None, f"{self.subject} has no `read` whose service it could be")
        if endpoint is not None and not self.serves(service, endpoint):
            served = ", ".join(
                dict.fromkeys(o.endpoint for o in self.offered if o.service == service)
            )
            text = f"no operation of {service} calls `{endpoint}`; they call {served}"
            self.refuse(step.line, f"{key}.endpoint", text)
            return _Standing(step, None, text)
        return self.made(step, key, service, endpoint)

    def made(self, step: InjectStep, key: str, service: str, endpoint: str | None) -> _Standing:
        """The inject's fault, once it is known where."""
        try:
            sketch = step.fault(service, endpoint, lambda quantity: quantity.amount)
            observable = self.counted(sketch.observable())
            fault = step.fault(service, endpoint, lambda one: self.number(one, observable))
        except _LeftOpenError as error:
            return _Standing(step, None, str(error), service)
        except ValidationError as error:
            text = error.errors()[0]["msg"].removeprefix("Value error, ")
            self.refuse(step.line, f"{key}.inject", text)
            return _Standing(step, None, text, service)
        return _Standing(step, fault, service=service)

    def home(self, endpoint: str | None) -> str | None:
        """The service of `read`; else the only one there is."""
        for offer in self.offered:
            if offer.name == "read":
                return offer.service
        services = {offer.service for offer in self.offered}
        if endpoint is not None:
            services = {one.service for one in self.offered if _overlaps(endpoint, one)}
        return next(iter(services)) if len(services) == 1 else None

    def serves(self, service: str, endpoint: str) -> bool:
        """Whether an operation of the service can be meant by an endpoint pattern."""
        return any(
            offer.service == service and _overlaps(endpoint, offer) for offer in self.offered
        )


_RESET = "breaker.reset_timeout"
_UNUSED = "no offered operation meets it"


def _overlaps(endpoint: str, offer: Offer) -> bool:
    return overlap(endpoint, offer.method, offer.path)


def _replaces(new: _Standing, old: _Standing) -> bool:
    if new.fault is None or old.fault is None:
        return (new.step.kind, new.step.service, new.step.endpoint) == (
            old.step.kind,
            old.step.service,
            old.step.endpoint,
        )
    return new.fault.slot() == old.fault.slot()
