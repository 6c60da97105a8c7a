"""What a step's outcome means: how an operation ended, which checks that implies, met or not.

Pure. Counterparts: `lab.plan` says what the file expects, the oracle what the contract demanded.
A step can be met or not; whether a promise was kept is for lab/checks to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..faults import AnyFault
from .attempts import Operation, Reading, doubt
from .contract import OUTCOME_GROUPS, Contract, error_keys, groups_of, members
from .oracle import Demands
from .plan import Operate, Plan, attempts_of, shows

__all__ = [
    "OTHER",
    "StepFinding",
    "implied",
    "judge_steps",
    "not_ok",
    "outcome_of",
    "outcome_of_key",
    "required",
]

OTHER = "other"
"""The outcome of an operation whose exception is none of the declared, and that met nothing."""

_OUTCOME = {
    **{leaf: group for group in OUTCOME_GROUPS for leaf in members(group)},
    "slow_drip": "deadline",
}
_UNSEEN = ("unknown", "pending")


# --- outcomes ------------------------------------------------------------------------------------


def outcome_of_key(key: str) -> str:
    """The outcome that a contract key stands for: `connect_timeout` is `connection`.

    A key that stands for several (`transport`), or for none, is given back.
    """
    leaves = {_OUTCOME.get(leaf, leaf) for leaf in members(key)}
    return leaves.pop() if len(leaves) == 1 else key


def outcome_of(operation: Operation, contract: Contract) -> str:
    """How an operation ended, by its last attempt, the most specific class first.

    The contract's `errors` says what an exception stands for; where it says nothing, what the
    last attempt met does. A returned answer of an error status counts as that status where the
    contract returns it or is silent. Besides the outcomes of a file: `cancelled`, `unknown`
    (still running), `status` (a status error that no answer explains), `other`.
    """
    met = operation.attempts[-1].observable if operation.attempts else ""
    match operation.ending:
        case "ok":
            returned = met.startswith("status:") and _returns(contract, met) is not False
            return met if returned else "ok"
        case "failed":
            return _failed(operation, contract, met)
        case ending:
            return ending


def not_ok(baseline: Reading, contract: Contract) -> tuple[Operation, ...]:
    """The operations of a baseline that did not end ok; with one, nothing can be concluded."""
    return tuple(one for one in baseline.operations if outcome_of(one, contract) != "ok")


def _returns(contract: Contract, status: str) -> bool | None:
    return contract.returns(status, exhausted=contract.exhausted == "last_response")


def _failed(operation: Operation, contract: Contract, met: str) -> str:
    keys = error_keys(contract, operation.errors)
    if not keys:
        return OTHER if met in ("", "ok", *_UNSEEN) else outcome_of_key(met)
    if met in keys or set(groups_of(met)) & keys:
        return outcome_of_key(met)
    outcomes = sorted({_of_error(key) for key in keys})
    return outcomes[0] if len(outcomes) == 1 else _nearest(outcomes, met)


def _of_error(key: str) -> str:
    """A declared class for any status stands for no single one."""
    return "status" if key in ("status", "m2xx", "m3xx", "m4xx", "m5xx") else outcome_of_key(key)


def _nearest(outcomes: Sequence[str], met: str) -> str:
    """Of several that a class may stand for: what the last attempt met, else the first."""
    return outcome_of_key(met) if outcome_of_key(met) in outcomes else outcomes[0]


# --- implied requirements ------------------------------------------------------------------------


def implied(step: Operate, contract: Contract, faults: Sequence[AnyFault] = ()) -> frozenset[str]:
    """The checks that a step's outcomes imply: those that each of its alternatives implies.

    `faults`: those that the step stands under. A check without a promise is never implied.
    """
    each = [_implied_by(outcome, step, contract, faults) for outcome in step.expect]
    found = frozenset.intersection(*each)
    if step.after_reset and contract.breaker:
        found |= {"C44", "C46"}
    return found


def _implied_by(
    outcome: str, step: Operate, contract: Contract, faults: Sequence[AnyFault]
) -> frozenset[str]:
    if outcome in ("ok", "contract"):
        return frozenset()
    if outcome == "cancelled":
        return frozenset(("C67",))
    raised = not (outcome.startswith("status:") and _returns(contract, outcome) is not False)
    found = {"C60", "C61"} if raised and contract.errors else set[str]()
    if outcome == "open":
        return frozenset(found | {"C40", "C49"})
    if outcome == "deadline" and contract.promises("deadline"):
        found.add("C27")
    shown = next((one for fault in faults for one in shows(fault, (outcome,))), None)
    if shown is not None and attempts_of(step, shown, contract) > 1:
        if contract.promises("attempts.max"):
            found.add("C02")
        if contract.promises("backoff") and not any(_asks(fault) for fault in faults):
            found.add("C20")
    return frozenset(found)


def _asks(fault: AnyFault) -> bool:
    """Whether a fault's answers carry a Retry-After, which decides the wait instead."""
    return fault.kind == "status" and any(
        name.lower() == "retry-after" for name, _ in fault.headers
    )


def required(plan: Plan, contract: Contract) -> dict[str, tuple[Operate, ...]]:
    """Check id -> the steps that imply or name it, in order of the ids."""
    armed = plan.faults()
    found: dict[str, list[Operate]] = {}
    for step in plan.operations():
        under = [armed[ident] for ident in step.faults]
        for check in implied(step, contract, under) | set(step.requires):
            found.setdefault(check, []).append(step)
    return {check: tuple(found[check]) for check in sorted(found)}


# --- judging steps -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StepFinding:
    """Whether one step of the plan was met.

    `operation`: the one that shows it, None for a step that was met. `promised` and `seen` are a
    sentence each; `contract` names what the oracle demanded, where it said something; `missing`
    the evidence that an unknown lacks. `events`: the witness. `more`: operations of this step
    that came out the same.
    """

    step: Operate
    outcome: Literal["pass", "fail", "unknown"]
    operation: int | None = None
    promised: str = ""
    seen: str = ""
    contract: str = ""
    missing: str = ""
    events: tuple[int, ...] = ()
    more: int = 0


def judge_steps(
    plan: Plan, reading: Reading, contract: Contract, demands: Demands
) -> tuple[StepFinding, ...]:
    """One finding for each step that calls the subject, in order: the first of its worst.

    A step of the control phase never fails: what does not work without a fault proves nothing.
    """
    played = {operation.id: operation for operation in reading.operations}
    return tuple(_settled(step, played, reading, contract, demands) for step in plan.operations())


def _settled(
    step: Operate,
    played: Mapping[int, Operation],
    reading: Reading,
    contract: Contract,
    demands: Demands,
) -> StepFinding:
    found: list[StepFinding] = []
    for ident in step.ids:
        if ident not in played:
            found.append(_not_played(step, ident))
        else:
            found.extend(_judged(step, played[ident], reading, contract, demands))
    for outcome in ("fail", "unknown"):
        same = [finding for finding in found if finding.outcome == outcome]
        if same:
            more = len({finding.operation for finding in same}) - 1
            return _tempered(replace(same[0], more=more))
    return StepFinding(step, "pass")


def _tempered(finding: StepFinding) -> StepFinding:
    """In the control phase a failure is unknown: it says nothing about faults."""
    if finding.step.phase != "control" or finding.outcome != "fail":
        return finding
    return replace(
        finding, outcome="unknown", missing=f"it does not work without the fault: {finding.seen}"
    )


def _not_played(step: Operate, ident: int) -> StepFinding:
    return StepFinding(
        step,
        "unknown",
        operation=ident,
        promised=_expected(step),
        missing=f"operation {ident} was not played: the run ended before it",
    )


def _judged(
    step: Operate,
    operation: Operation,
    reading: Reading,
    contract: Contract,
    demands: Demands,
) -> Iterator[StepFinding]:
    """What is wrong with one operation: its outcome, its attempts."""
    blank = StepFinding(
        step,
        "unknown",
        operation=operation.id,
        promised=_expected(step),
        events=_witness(operation),
    )
    if operation.ending == "unknown":
        yield _hanging(blank, operation, reading, contract)
        return
    demand = demands.of(operation.id)
    outcome = outcome_of(operation, contract)
    allowed = {outcome_of_key(key) for key in demand.ends_as}
    seen = f"`{step.name}` ended as {outcome}{_met(operation)}"
    if outcome not in step.expect:
        demanded = f"{' or '.join(sorted(allowed))} ({demand.why})" if allowed else ""
        missing = doubt(reading, operation)
        if outcome in allowed:
            if "contract" not in step.expect:
                yield replace(
                    blank,
                    seen=seen,
                    contract=demanded,
                    missing=f"the contract demands what the file does not expect: {demanded}",
                )
        elif missing:
            yield replace(blank, seen=seen, missing=missing)
        elif allowed or "contract" not in step.expect:
            yield replace(blank, outcome="fail", seen=seen, contract=demanded)
    made = len(operation.attempts)
    if step.attempts is not None and made != step.attempts:
        seen = f"`{step.name}` made {made} attempts"
        missing = doubt(reading, operation)
        if missing:
            yield replace(blank, seen=seen, missing=missing)
        elif demand.least <= made and (demand.most is None or made <= demand.most):
            yield replace(
                blank,
                seen=seen,
                contract=demand.why,
                missing=f"the contract allows what the file does not expect: {demand.why}",
            )
        else:
            yield replace(blank, outcome="fail", seen=seen, contract=demand.why)


def _expected(step: Operate) -> str:
    outcomes = " or ".join(
        "what the contract demands" if one == "contract" else one for one in step.expect
    )
    if step.attempts is None:
        return f"`{step.name}` ends as {outcomes}"
    return f"`{step.name}` ends as {outcomes}, in {step.attempts} attempts"


def _met(operation: Operation) -> str:
    """What its last attempt met, where that adds something."""
    if not operation.attempts:
        return ", without an attempt"
    last = operation.attempts[-1].observable
    return f"; its last attempt met {last}"


def _hanging(
    blank: StepFinding, operation: Operation, reading: Reading, contract: Contract
) -> StepFinding:
    """Still running when the run ended: a failure where the contract bounds it by less."""
    ran = reading.end - operation.invoked
    seen = f"`{operation.name}` was still running after {ran:.1f} s"
    bound = contract.deadline.total
    if bound is not None and contract.deadline.enforced == "hard" and ran > 2 * bound:
        promise = f"deadline.total: {bound:g}"
        return replace(blank, outcome="fail", seen=seen, contract=promise)
    if operation.hung is not None:
        never = f"how `{operation.name}` ends: nothing is left to happen that could end it"
        return replace(blank, seen=seen, missing=never)
    cut = f"the run was cut after {reading.end:.1f} s"
    return replace(blank, seen=seen, missing=f"how `{operation.name}` would have ended; {cut}")


def _witness(operation: Operation) -> tuple[int, ...]:
    own = (*operation.events, *(one for attempt in operation.attempts for one in attempt.events))
    return tuple(sorted({index for index in own if index > 0}))
