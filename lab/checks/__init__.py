"""The closed table of checks, in order of their ids, and how all of them are put to a history.

What a check is given is in lab/checks/case.py, what it answers in lab/checks/finding.py; the
checks are grouped by reason to change. Nothing here knows the network.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..attempts import Reading
from ..contract import Contract
from ..oracle import Demands, demands
from . import (
    breaker,
    context,
    counting,
    errors,
    foreign,
    interruption,
    limits,
    meta,
    resources,
    retry,
    reuse,
    spread,
    timing,
    values,
)
from .case import Case, FreeRule, Rule
from .finding import RUN, STEP, CheckInfo, Finding, Outcome, Verdict

__all__ = ["ALL", "RUN", "STEP", "CheckInfo", "Finding", "Outcome", "Verdict", "by_slug", "put"]

_PROMISES: tuple[tuple[CheckInfo, Rule], ...] = (
    (retry.BOUNDED, retry.bounded),
    (retry.EXACT, retry.exact),
    (retry.RETRYABLE, retry.retryable),
    (retry.UNSAFE, retry.unsafe),
    (timing.BACKOFF, timing.backoff),
    (spread.GROWTH, spread.growth),
    (spread.JITTER, spread.jitter),
    (timing.RETRY_AFTER, timing.retry_after),
    (timing.ODD_RETRY_AFTER, timing.odd_retry_after),
    (timing.TIMEOUT, timing.timeout),
    (limits.DEADLINE, limits.deadline),
    (limits.POOL, limits.pool),
    (breaker.OPENS, breaker.opens),
    (breaker.EARLY, breaker.early),
    (breaker.COUNTS, breaker.counts),
    (counting.ONCE, counting.once),
    (breaker.HALF_OPENS, breaker.half_opens),
    (breaker.PERMITS, breaker.permits),
    (breaker.PROBES, breaker.probes),
    (counting.LATE, counting.late),
    (breaker.ISOLATED, breaker.isolated),
    (breaker.FAST, breaker.fast),
    (reuse.STALE, reuse.stale),
    (errors.DECLARED, errors.declared),
    (errors.RIGHT, errors.right),
)

_FREE: tuple[tuple[CheckInfo, FreeRule], ...] = (
    (limits.ENDS, limits.ends),
    (limits.SERIAL, limits.serial),
    (retry.STOPS, retry.stops),
    (retry.ONCE, retry.once),
    (context.CONTEXT, context.context),
    (errors.SWALLOW, errors.swallow),
    (foreign.FOREIGN, foreign.foreign),
    (errors.INTEGRITY, errors.integrity),
    (values.TYPE, values.stable),
    (interruption.CONTROL_FLOW, interruption.control_flow),
    (resources.LEAK, resources.leak),
    (resources.LEFTOVERS, resources.leftovers),
    (meta.FIRED, meta.fired),
    (meta.WORKLOAD, meta.workload),
    (meta.ATTRIBUTED, meta.attributed),
)

ALL: tuple[CheckInfo, ...] = tuple(
    sorted(
        (*(info for info, _ in _PROMISES), *(info for info, _ in _FREE), meta.BASELINE),
        key=lambda info: info.id,
    )
)
"""Every check, in order of ids. C92 judges a pair and is put by lab/verdict.py."""


def by_slug(name: str) -> CheckInfo:
    """The check of this slug or id; raises KeyError."""
    for info in ALL:
        if name in (info.slug, info.id):
            return info
    raise KeyError(name)


def put(
    reading: Reading, contract: Contract | None, demanded: Demands | None = None
) -> tuple[Finding, ...]:
    """One finding of each check but C92, in order of ids. A check that raises is an `error`.

    `demanded` is what the oracle says of this reading under this contract, if it was asked before.
    """
    found = [*_held(reading, contract, demanded), *_free(reading, contract)]
    return tuple(sorted(found, key=lambda finding: finding.check))


def _held(
    reading: Reading, contract: Contract | None, demanded: Demands | None
) -> Iterator[Finding]:
    promised = [
        (info, rule)
        for info, rule in _PROMISES
        if contract is not None and contract.promises(info.promise)
    ]
    kept = {info.id for info, _ in promised}
    yield from (info.says("not_promised") for info, _ in _PROMISES if info.id not in kept)
    if contract is None or not promised:
        return
    case: Case | Exception
    try:
        found = demands(contract, reading) if demanded is None else demanded
        case = Case(reading, contract, found)
    except Exception as error:  # noqa: BLE001  # the border: our own mistake is a verdict, too
        case = error
    for info, rule in promised:
        if isinstance(case, Exception):
            yield _crashed(info, case)
            continue
        try:
            yield info.settle(rule(case))
        except Exception as error:  # noqa: BLE001  # as above
            yield _crashed(info, error)


def _free(reading: Reading, contract: Contract | None) -> Iterator[Finding]:
    for info, rule in _FREE:
        try:
            yield info.settle(rule(reading, contract))
        except Exception as error:  # noqa: BLE001  # as above
            yield _crashed(info, error)


def _crashed(info: CheckInfo, error: Exception) -> Finding:
    return Finding(
        info.id,
        info.slug,
        "error",
        promised=info.claim,
        seen=f"the check crashed: {type(error).__name__}: {error}",
    )
