"""One set of time constants for subject and contract together, so that a story needs seconds.

Counterpart: lab/subjects hands a tune to the subject, lab/plan puts the same one on its contract.
Whoever tunes one of the two alone judges a client by promises that it was not given. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from .contract import Contract, Timeouts

__all__ = ["FAST", "TUNES", "Tune", "tuned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tune:
    """Time constants in seconds. The Retry-After cap and the age of cached health stay as they are."""

    connect: float
    read: float
    write: float
    pool: float
    deadline: float
    backoff_base: float
    backoff_cap: float
    reset_timeout: float


FAST = Tune(
    connect=0.3,
    read=0.7,
    write=0.7,
    pool=0.7,
    deadline=4.0,
    backoff_base=0.05,
    backoff_cap=0.4,
    reset_timeout=1.0,
)

TUNES: dict[str, Tune | None] = {"fast": FAST, "none": None}
"""By the names that scenario files and the command line use."""


def tuned(contract: Contract, tune: Tune | None) -> Contract:
    """The contract with a tune's times; only fields that it promises change, None changes none."""
    if tune is None:
        return contract
    timeouts = Timeouts(
        connect=_if(contract.timeouts.connect, tune.connect),
        read=_if(contract.timeouts.read, tune.read),
        write=_if(contract.timeouts.write, tune.write),
        pool=_if(contract.timeouts.pool, tune.pool),
    )
    deadline = contract.deadline.model_copy(
        update={"total": _if(contract.deadline.total, tune.deadline)}
    )
    backoff = contract.backoff and contract.backoff.model_copy(
        update={"base": tune.backoff_base, "max": _if(contract.backoff.max, tune.backoff_cap)}
    )
    breaker = contract.breaker and tuple(
        one.model_copy(update={"reset_timeout": _if(one.reset_timeout, tune.reset_timeout)})
        for one in contract.breaker
    )
    return contract.model_copy(
        update={
            "timeouts": timeouts,
            "deadline": deadline,
            "backoff": backoff,
            "breaker": breaker,
        }
    )


def _if(own: float | None, other: float) -> float | None:
    return None if own is None else other
