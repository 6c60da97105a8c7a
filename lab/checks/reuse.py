"""Checks about connections that a client takes from its pool.

Counterpart: what an attempt on one meets is told by `stale_eof` and `stale_reset`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..attempts import Attempt, Operation
from ..contract import mapped_by
from .case import Case
from .finding import CheckInfo, Finding
from .retry import IDLE_ENDS, forbidden, guarded

STALE = CheckInfo(
    "C72",
    "stale-connection",
    "a connection that the server had ended while it was idle does not fail what may be repeated, "
    "and repeats nothing else",
    "an attempt took a connection that the server had ended",
    "retry_on",
)


def stale(case: Case) -> Iterator[Finding]:
    """C72. Precondition: an attempt took a connection that the server had ended while it was idle,
    and the contract retries that, or the operation is neither idempotent nor keyed.

    Claim: another attempt follows where the contract retries it, and none where it does not, since
    what was sent may have been read. How often is C02's, when C20's. Witness: the attempt, and how
    the operation ended or what followed. Source: httpx#3515, huggingface_hub#4398, daytona#4214.
    """
    for operation, boundary, attempt, after in case.failures:
        if attempt.observable not in IDLE_ENDS or operation.cancelled_at is not None:
            continue
        match boundary.demand.start:
            case "must" if not _got_over(case, operation) and not case.doubt(operation):
                yield _surfaced(case, operation, attempt)
            case "must":
                yield _held(case, operation, attempt)
            case "must_not" if forbidden(boundary) and guarded(operation, attempt):
                if after is not None and operation.certainty == "exact":
                    yield _repeated(operation, attempt, after, boundary.demand.why)
                else:
                    yield _held(case, operation, attempt)
            case _:  # the count or the time forbids it, or the contract says that it fails by that
                continue


def _held(case: Case, operation: Operation, attempt: Attempt) -> Finding:
    unsure = case.doubt(operation)
    if unsure:
        return STALE.unknown(unsure, operation=operation.id, events=_events(operation, attempt))
    return STALE.passed(operation.id)


def _got_over(case: Case, operation: Operation) -> bool:
    """Whether an attempt followed one that met such a connection."""
    boundaries = case.demands.of(operation.id).boundaries
    return any(one.followed and one.fault in IDLE_ENDS for one in boundaries)


def _surfaced(case: Case, operation: Operation, attempt: Attempt) -> Finding:
    faults = case.contract.retry_on.faults or {}
    key = mapped_by(faults, attempt.observable)
    return STALE.failed(
        f"`{operation.name}` took a connection that the server had ended, met "
        f"{attempt.observable}, and was not tried again",
        promised="it is tried again on another connection",
        field="" if key is None else f"retry_on.faults.{key}: {faults[key]}",
        operation=operation.id,
        events=_events(operation, attempt),
        marks=tuple((index, "<- no further attempt") for index in operation.events[-1:]),
    )


def _repeated(operation: Operation, attempt: Attempt, after: Attempt, why: str) -> Finding:
    return STALE.failed(
        f"{operation.endpoint or operation.name} was sent on a connection that the server had "
        f"ended, met {attempt.observable}, and was sent again",
        promised="what may have been read is not sent again",
        field=why,
        operation=operation.id,
        events=(*_events(operation, attempt), *after.events),
        marks=tuple((index, "<- sent again") for index in after.events[:1]),
    )


def _events(operation: Operation, attempt: Attempt) -> tuple[int, ...]:
    return (*operation.events, *attempt.events)
