"""An operation step made concrete, or the reason why it is not offered.

Counterpart: `injects.py`, the faults that it stands under.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...scenarios import OperationStep, PhaseName
from ...scenarios.errors import nearest
from .drafts import Call, Notes, Standing, seen
from .offered import Offered
from .slowness import silence
from .steps import Offer, text_of
from .terms import LeftOpenError, Terms

_IN_TIME = 0.8  # of a read time-out: what is later may or may not be in time
_LATE = {
    "latency": "an answer {:g} s late",
    "throttle": "a byte every {:g} s",
    "drip": "a piece every {:g} s",
}
_MOST = 10_000  # operations of one step


@dataclass(frozen=True, slots=True)
class Caller:
    """What it takes to tell whether a step is offered.

    `slugs` maps the slugs of checks to their ids, `promises` these to the contract field that each
    one judges (absent: a promise of every client).
    """

    offered: Offered
    terms: Terms
    notes: Notes
    slugs: Mapping[str, str]
    promises: Mapping[str, str]

    def call(
        self,
        phase: PhaseName,
        step: OperationStep,
        key: str,
        standing: Sequence[Standing],
        *,
        implied: bool,
    ) -> Call | None:
        """The call of a step, or None where it is not offered; the faults over it learn which."""
        requires = self._checks(step, key)
        offer = self.offered.named(step.name)
        under = tuple(one for one in standing if offer is not None and one.concerns(offer))
        try:
            if offer is None:
                raise LeftOpenError(self.offered.lacks(step.name))
            self._demand_offered(step, under, requires)
            times, concurrency = self._counts(step, under)
            cancel_after = self._cancel_after(step, offer)
        except LeftOpenError as error:
            for one in standing:
                one.missed = one.missed or (offer is None or one.concerns(offer))
            if not implied:  # an implied step repeats one that is written, and noted there
                self.notes.skip(phase, text_of(step.name, step.outcomes), str(error), step.line)
            return None
        for one in standing:
            one.used = True
            one.reached = one.reached or one in under
        if times > _MOST:
            text = f"{times} operations; expected {_MOST} at most"
            self.notes.refuse(step.line, f"{key}.times", text)
            return None
        at_once = min(concurrency, times)
        return Call(step, offer, times, at_once, cancel_after, requires, under, implied)

    def may_open(self, call: Call) -> bool:
        """Whether a step leaves it to the contract and is long enough to open a breaker."""
        if "contract" not in call.step.outcomes or not self.terms.has_breaker:
            return False
        limit = self.terms.opens_after(seen(call.under, call.step.outcomes))
        return limit is not None and call.times >= limit

    def _demand_offered(
        self, step: OperationStep, under: Sequence[Standing], requires: Sequence[str]
    ) -> None:
        """Raise LeftOpenError for a step that the contract or a fault over it takes out."""
        contract = self.terms.contract
        broken = next((one for one in under if one.fault is None), None)
        if broken is not None:
            raise LeftOpenError(f"it stands under `inject: {broken.step.kind}`: {broken.reason}")
        outcomes = set(step.outcomes)
        if outcomes == {"open"} and not self.terms.has_breaker:
            raise LeftOpenError("the contract has no breaker")
        if outcomes == {"deadline"} and contract.deadline.total is None:
            raise LeftOpenError("the contract has no deadline")
        if outcomes == {"response"} and any(map(contract.returns, seen(under, step.outcomes))):
            raise LeftOpenError("the contract returns an unusable answer as a value")
        if outcomes == {"ok"}:
            self._demand_in_time(under)
        for check in requires:
            promise = self.promises.get(check, "")
            if promise and not contract.promises(promise):
                raise LeftOpenError(f"the contract does not promise what {check} judges")

    def _demand_in_time(self, under: Sequence[Standing]) -> None:
        """Raise LeftOpenError where an answer is too late for who gives up as the contract says."""
        read = self.terms.contract.timeouts.read
        if read is None:
            return
        for one in under:
            silent = 0.0 if one.fault is None else silence(one.fault)
            if silent >= _IN_TIME * read and one.fault is not None:
                what = _LATE[one.fault.kind].format(silent)
                raise LeftOpenError(
                    f"{what} is not in time: the contract gives up after {read:g} s"
                )

    def _counts(self, step: OperationStep, under: Sequence[Standing]) -> tuple[int, int]:
        """How often, and how many at once. Raises LeftOpenError."""
        observable = self.terms.counted(seen(under, step.outcomes))
        concurrency = round(self.terms.number(step.concurrency, observable))
        if step.times is None:
            return concurrency, concurrency
        return round(self.terms.number(step.times, observable)), concurrency

    def _cancel_after(self, step: OperationStep, offer: Offer) -> float | None:
        """Seconds until each is cancelled. Raises LeftOpenError."""
        if step.cancel_after is None:
            return None
        if not offer.cancellable:
            raise LeftOpenError(f"`{offer.name}` is no async function: it can't be cancelled")
        return self.terms.number(step.cancel_after, None)

    def _checks(self, step: OperationStep, key: str) -> tuple[str, ...]:
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
                self.notes.refuse(step.line, f"{key}.requires", text)
        return tuple(found)
