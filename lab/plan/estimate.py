"""How long a plan may take by its contract: for a header, and for the limit of a run.

Counterpart: the oracle, which says what is demanded once it is seen. Here nothing has happened
yet, so each operation is taken to meet the same thing every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import assert_never

from ...faults import AnyFault
from ..contract import Contract, lookup
from .scope import shows
from .slowness import lasts
from .steps import Clear, Enter, Fresh, Inject, Operate, Plan, Renew, SetClock, Wait

_UNTOLD = 10.0  # seconds that a time-out may take where the contract leaves it open


def about(found: Plan, contract: Contract) -> float:
    """Seconds that an armed run of the plan may take by the contract; an estimate for a header."""
    faults = found.faults()
    total = 0.1
    for step in found.steps:
        match step:
            case Wait():
                total += step.seconds
            case Operate():
                rounds = -(-len(step.ids) // step.concurrency)
                each = _one(step, [faults[one] for one in step.faults], contract)
                cut = inf if step.cancel_after is None else step.cancel_after
                total += rounds * min(each, cut)
            case Enter() | Inject() | Clear() | SetClock() | Fresh() | Renew():
                pass
            case _:
                assert_never(step)
    return round(total, 2)


def _one(step: Operate, faults: Sequence[AnyFault], contract: Contract) -> float:
    """Seconds of one operation, by the first outcome that it may have."""
    outcome = step.expect[0]
    quick = 0.01
    deadline = contract.deadline.total
    match outcome:
        case "ok" | "response":
            late = quick + sum(map(lasts, faults))
            return late if deadline is None else min(late, deadline)
        case "open":
            return quick
        case "cancelled":
            return inf  # as long as it is let
        case "deadline":
            return _seconds(deadline)
        case "connection":
            dark = any("connect_timeout" in fault.observable() for fault in faults)
            each = _seconds(contract.timeouts.connect) if dark else quick
        case "timeout":
            each = _seconds(contract.timeouts.read)
        case _:
            each = quick
    shown = next((one for fault in faults for one in shows(fault, step.expect)), "status:503")
    # a probe of a half-open breaker is taken to be a single attempt
    attempts = 1 if step.after_reset else attempts_of(step, shown, contract)
    asked = max((_asked(fault) for fault in faults), default=0.0)
    waits = sum(max(asked, _backoff(contract, retry)) for retry in range(1, attempts))
    total = attempts * each + waits
    return total if deadline is None else min(total, deadline)


def attempts_of(step: Operate, observable: str, contract: Contract) -> int:
    """How many attempts an operation makes that meets one observable all the time."""
    if step.attempts is not None:
        return step.attempts
    rules = contract.retry_on
    rule: str | None = lookup(rules.faults or {}, observable)
    if observable.startswith("status:"):
        listed = lookup(dict.fromkeys(rules.statuses or (), True), observable)
        rule = rules.methods if listed else "never"
    again = rule in ("always", "any") or (
        (step.idempotent or (step.keyed and rule == "idempotent_or_key"))
        and rule in ("idempotent", "idempotent_or_key")
    )
    most = contract.attempts.max
    return (3 if most is None else most) if again else 1


def _asked(fault: AnyFault) -> float:
    """Seconds of a fault's Retry-After header."""
    if fault.kind != "status":
        return 0.0
    values = [value for name, value in fault.headers if name.lower() == "retry-after"]
    return max((float(value) for value in values if value.isascii() and value.isdigit()), default=0)


def _backoff(contract: Contract, retry: int) -> float:
    return 0.0 if contract.backoff is None else sum(contract.backoff.interval(retry)) / 2


def _seconds(promised: float | None) -> float:
    return _UNTOLD if promised is None else promised


def longest(contract: Contract) -> float:
    """Seconds after which one operation is surely over, by the contract."""
    if contract.deadline.total is not None:
        return contract.deadline.total
    attempts = 3 if contract.attempts.max is None else contract.attempts.max
    each = _seconds(contract.timeouts.connect) + _seconds(contract.timeouts.read)
    return attempts * (each + _backoff(contract, attempts))
