"""How often, how long and how patiently: the client's settings and the decisions they imply.

Pure: chance comes from the generator that is passed in, times are arguments. What a failure is
stands in `failure.py`; who sleeps and sends, in `send.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from .failure import Failure, Kind

__all__ = [
    "IDEMPOTENT_METHODS",
    "RETRIED_STATUSES",
    "BreakerPolicy",
    "Policy",
    "Timeouts",
    "backoff_interval",
    "may_repeat",
    "next_wait",
]

IDEMPOTENT_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"})
"""RFC 9110 9.2.2: what may be sent again although it may have been carried out."""

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})

_DOUBLINGS = 64  # more would only overflow: the cap rules long before


def _seconds(name: str, value: object, *, zero: bool = True) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number of seconds, got {value!r}")
    if value < 0.0 or (value == 0.0 and not zero):
        raise ValueError(f"{name} must be {'at least' if zero else 'above'} 0, got {value!r}")


def _count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds that one attempt may spend in each phase; `read` and `write` from byte to byte."""

    connect: float = 2.0
    read: float = 10.0
    write: float = 10.0
    pool: float = 2.0

    def __post_init__(self) -> None:
        for name in ("connect", "read", "write", "pool"):
            _seconds(f"timeouts.{name}", getattr(self, name), zero=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """A breaker opens at `fail_max` failures in a row, for `reset_timeout` seconds."""

    fail_max: int = 5
    reset_timeout: float = 30.0

    def __post_init__(self) -> None:
        _count("breaker.fail_max", self.fail_max)
        _seconds("breaker.reset_timeout", self.reset_timeout, zero=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything the client promises in numbers; times in seconds.

    `attempts` includes the first. `deadline` bounds a whole operation, waits included.
    A ValueError or TypeError names the setting that makes no sense.
    """

    attempts: int = 3
    backoff_base: float = 0.5
    backoff_cap: float = 8.0
    retry_after_cap: float = 30.0
    timeouts: Timeouts = Timeouts()
    deadline: float = 40.0
    breaker: BreakerPolicy = BreakerPolicy()
    max_connections: int = 100

    def __post_init__(self) -> None:
        _count("attempts", self.attempts)
        if not isinstance(self.timeouts, Timeouts):
            raise TypeError(f"timeouts must be Timeouts, got {self.timeouts!r}")
        if not isinstance(self.breaker, BreakerPolicy):
            raise TypeError(f"breaker must be a BreakerPolicy, got {self.breaker!r}")
        _seconds("backoff_base", self.backoff_base)
        _seconds("backoff_cap", self.backoff_cap)
        _seconds("retry_after_cap", self.retry_after_cap)
        _seconds("deadline", self.deadline, zero=False)
        _count("max_connections", self.max_connections)


def backoff_interval(policy: Policy, attempt: int) -> tuple[float, float]:
    """Return the least and greatest wait, in seconds, after the failed attempt of this number."""
    greatest = min(policy.backoff_cap, policy.backoff_base * 2.0 ** min(attempt - 1, _DOUBLINGS))
    return greatest / 2, greatest


def may_repeat(failure: Failure, *, repeatable: bool) -> bool:
    """Say whether this failure allows another attempt.

    `repeatable`: the method is idempotent, or the caller passed an idempotency key. Where nothing
    was sent that does not matter.
    """
    if failure.cut:
        return False
    match failure.kind:
        case Kind.CONNECT:
            return True
        case Kind.BROKEN | Kind.TIMEOUT:
            return repeatable
        case Kind.STATUS:
            return repeatable and failure.status in RETRIED_STATUSES
        case Kind.UNUSABLE | Kind.POOL | Kind.LOCAL:
            return False


def next_wait(
    policy: Policy,
    failure: Failure,
    *,
    attempt: int,
    attempts: int,
    repeatable: bool,
    elapsed: float,
    random: Random,
) -> float | None:
    """Return the seconds to wait before the next attempt; None: this failure is the operation's.

    `attempt` has just failed, `elapsed` seconds after the operation began; `attempts` is its
    limit, a probe's being lower than the policy's.
    """
    if attempt >= attempts or not may_repeat(failure, repeatable=repeatable):
        return None
    asked = 0.0 if failure.retry_after is None else failure.retry_after
    if asked > policy.retry_after_cap:
        return None
    wait = max(asked, random.uniform(*backoff_interval(policy, attempt)))
    return wait if elapsed + wait < policy.deadline else None
