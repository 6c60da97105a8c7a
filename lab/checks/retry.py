"""Checks about whether an operation is tried again, and how often.

Counterpart: the oracle says at each end of an attempt whether another must, may or must not
begin; these ask nothing else, so that no two of them can demand opposite things.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..attempts import Attempt, Operation, Reading, doubt
from ..contract import Contract, mapped_by
from ..oracle import Boundary
from .case import Case, attempts
from .finding import CheckInfo, Finding

BOUNDED = CheckInfo(
    "C01",
    "bounded-retries",
    "an operation never makes more attempts than promised",
    "an operation's first attempt failed",
    "attempts.max",
)
EXACT = CheckInfo(
    "C02",
    "exact-retries",
    "under a lasting retryable failure an operation makes exactly the promised attempts",
    "every attempt of an operation failed in a way that is retried",
    "attempts.max",
)
STOPS = CheckInfo(
    "C03",
    "stops-at-success",
    "no attempt follows one that succeeded",
    "an attempt succeeded",
)
RETRYABLE = CheckInfo(
    "C04",
    "retryable-set",
    "what is declared retryable is retried, and nothing else",
    "an attempt failed while attempts were left",
    "retry_on",
)
UNSAFE = CheckInfo(
    "C05",
    "unsafe-not-retried",
    "an operation that is not idempotent is not repeated once any of it was sent",
    "an attempt of an operation without idempotency failed after it was sent",
    "retry_on",
)
ONCE = CheckInfo(
    "C06",
    "at-most-once",
    "an operation that is not idempotent has at most one effect, and one if it succeeded",
    "such an operation was sent",
)

IDLE_ENDS = frozenset(("stale_eof", "stale_reset"))
"""What an attempt meets on a connection that the server had ended while it was idle: C72's."""

# RFC 9110 section 9.2.2: of these a server may carry out each copy.
_UNSAFE_METHODS = {"POST", "PATCH"}


def bounded(case: Case) -> Iterator[Finding]:
    """C01. Precondition: an operation's first attempt failed. Claim: attempts <= the promised most.

    A probe's attempts are C45's. Witness: its attempts. Source: Gremlin's HasBoundedRetries.
    """
    for operation, demand in case.demanded():
        if (
            demand.limit is None
            or demand.admission.probe == "yes"
            or not _failed_at_first(operation)
        ):
            continue
        made, most = len(operation.attempts), demand.limit[1]
        unsure = case.doubt(operation)
        if made > most and operation.certainty == "exact":
            yield _count(BOUNDED, case, operation, most)
        elif unsure:
            yield _unsure(BOUNDED, operation, unsure)
        else:
            yield BOUNDED.passed(operation.id)


def exact(case: Case) -> Iterator[Finding]:
    """C02. Precondition: each attempt failed in a way that is retried, and nothing but the count
    stopped a further one.

    Claim: the attempts on the wire are exactly those promised, the first included. Witness: the
    attempts. Source: segment analytics-next#824 (retries taken for attempts), restate#3774.
    """
    for operation, demand in case.demanded():
        if not operation.attempts and (unseen := case.hidden(operation)):
            yield _unsure(EXACT, operation, unseen)
        if demand.limit is None or demand.admission.probe == "yes" or not demand.boundaries:
            continue
        if operation.ending == "cancelled" or not all(b.persists for b in demand.boundaries):
            continue
        made, (least, most) = len(operation.attempts), demand.limit
        unsure = case.doubt(operation)
        if made > most and operation.certainty == "exact":
            yield _count(EXACT, case, operation, most)
        elif unsure:
            yield _unsure(EXACT, operation, unsure)
        elif made < least and made == 1 and operation.attempts[0].observable in IDLE_ENDS:
            continue  # C72 has it
        elif made < least:
            yield _count(EXACT, case, operation, least)
        else:
            yield EXACT.passed(operation.id)


def stops(reading: Reading, _: Contract | None) -> Iterator[Finding]:
    """C03. Precondition: an attempt succeeded. Claim: none of its operation begins after that.

    Witness: the successful attempt and the one that followed. Source: Polly's retry semantics.
    """
    for operation in reading.operations:
        done = next((a for a in operation.attempts if a.observable == "ok"), None)
        if done is None:
            continue
        again = next(
            (a for a in operation.attempts if done.seen is not None and a.begun > done.seen), None
        )
        if operation.certainty == "inferred":
            yield _unsure(STOPS, operation, doubt(reading, operation))
        elif again is not None:
            yield STOPS.failed(
                f"attempt {done.number} of `{operation.name}` succeeded, and attempt "
                f"{again.number} began",
                operation=operation.id,
                events=(*done.events, *again.events),
                marks=_begin(again, "<- after a success"),
            )
        else:
            yield STOPS.passed(operation.id)


def retryable(case: Case) -> Iterator[Finding]:
    """C04. Precondition: an attempt failed, and what the contract retries decides on another.

    Claim: what is retryable by one rule is retried at least once by that operation, what is not is
    never.
    How often is C02's, operations that are not idempotent are C05's, what is not got over on a stale
    connection is C72's. Witness: the attempt, and the one that followed. Source: WASABI IF in both
    directions.
    """
    for operation, boundary, attempt, after in case.failures:
        if boundary.demand.start == "must_not":
            if not forbidden(boundary) or guarded(operation, attempt):
                continue
            if after is not None and operation.certainty == "exact":
                yield RETRYABLE.failed(
                    f"attempt {attempt.number} of `{operation.name}` met {attempt.observable}, "
                    f"and attempt {after.number} began",
                    promised=f"{attempt.observable} is not retried",
                    field=boundary.demand.why,
                    operation=operation.id,
                    events=(*attempt.events, *after.events),
                    marks=_begin(after, f"<- after {attempt.observable}"),
                )
                continue
        elif attempt.observable in IDLE_ENDS:
            continue
        elif boundary.demand.start == "must":
            faults = case.contract.retry_on.faults or {}
            once_more = any(
                b.followed and mapped_by(faults, b.fault) == mapped_by(faults, boundary.fault)
                for b in case.demands.of(operation.id).boundaries
            )
            if not once_more and not case.doubt(operation) and operation.ending != "cancelled":
                yield RETRYABLE.failed(
                    f"attempt {attempt.number} of `{operation.name}` met {attempt.observable}, "
                    "and none followed",
                    promised=f"{attempt.observable} is retried",
                    field=_rule(case.contract, attempt.observable),
                    operation=operation.id,
                    events=(*operation.events, *attempt.events),
                    marks=_end(operation, "<- no further attempt"),
                )
                continue
        else:
            continue
        unsure = case.doubt(operation)
        yield _unsure(RETRYABLE, operation, unsure) if unsure else RETRYABLE.passed(operation.id)


def unsafe(case: Case) -> Iterator[Finding]:
    """C05. Precondition: an attempt of an operation that is neither idempotent nor keyed failed
    after some of it was sent, and the contract does not retry that.

    Claim: none follows. Witness: both attempts. Source: RFC 9110 section 9.2.2; aiohttp#7363.
    """
    for operation, boundary, attempt, after in case.failures:
        if attempt.observable in IDLE_ENDS or not guarded(operation, attempt):
            continue
        if boundary.demand.start != "must_not" or not forbidden(boundary):
            continue
        unsure = case.doubt(operation)
        if after is not None and operation.certainty == "exact":
            yield UNSAFE.failed(
                f"{operation.endpoint or operation.name} was sent, met {attempt.observable}, "
                "and was sent again",
                field=boundary.demand.why,
                operation=operation.id,
                events=(*attempt.events, *after.events),
                marks=_begin(after, "<- sent again"),
            )
        elif unsure:
            yield _unsure(UNSAFE, operation, unsure)
        else:
            yield UNSAFE.passed(operation.id)


def once(reading: Reading, _: Contract | None) -> Iterator[Finding]:
    """C06. Precondition: an operation that is neither idempotent nor keyed was sent.

    Claim: the backend applied at most one effect for it, late requests included, and one if an
    attempt succeeded. Witness: its attempts. Source: boto3#1104 (eight effects of one call),
    Rainmaker.
    """
    for operation in reading.operations:
        if operation.idempotent or operation.keyed:
            continue
        if all(attempt.headless for attempt in operation.attempts):
            continue
        events = (*operation.events, *(i for a in operation.attempts for i in a.events))
        succeeded = any(attempt.observable == "ok" for attempt in operation.attempts)
        if operation.certainty == "inferred":
            yield _unsure(ONCE, operation, doubt(reading, operation))
        elif operation.effects is None:
            sent = sum(not attempt.headless for attempt in operation.attempts)
            if sent == 1:  # one request has at most one effect, ledger or not
                yield ONCE.passed(operation.id)
                continue
            yield ONCE.unknown(
                reading.lacks("effects") or "this backend keeps no ledger of its effects",
                known=f"{attempts(sent)} of `{operation.name}` were sent",
                to_know="serve it by a stub",
                operation=operation.id,
                events=events,
            )
        elif operation.effects > 1:
            yield ONCE.failed(
                f"one call of `{operation.name}` had {operation.effects} effects",
                promised="at most one effect",
                operation=operation.id,
                events=events,
                marks=_begin(operation.attempts[-1], "<- and again"),
            )
        elif succeeded and operation.effects == 0 and operation.method in _UNSAFE_METHODS:
            yield ONCE.failed(
                f"`{operation.name}` was answered with success and had no effect",
                promised="one effect",
                operation=operation.id,
                events=events,
            )
        else:
            yield ONCE.passed(operation.id)


def _failed_at_first(operation: Operation) -> bool:
    return bool(operation.attempts) and operation.attempts[0].observable not in ("ok", "cancelled")


def forbidden(boundary: Boundary) -> bool:
    """Whether it is what the attempt met that forbids another: not the count, not the time."""
    return boundary.demand.why.startswith("retry_on")


def _rule(contract: Contract, observable: str) -> str:
    """The field that has this retried."""
    rules = contract.retry_on
    key = mapped_by(rules.faults or {}, observable)
    if key is None:
        return f"retry_on.statuses: {observable.removeprefix('status:')}"
    return f"retry_on.faults.{key}: {(rules.faults or {})[key]}"


def guarded(operation: Operation, attempt: Attempt) -> bool:
    """Whether repeating this attempt could do the operation's work twice."""
    return not operation.idempotent and not operation.keyed and not attempt.headless


def _count(info: CheckInfo, case: Case, operation: Operation, promised: int) -> Finding:
    made = len(operation.attempts)
    most = case.contract.attempts.max
    mark = (
        _begin(operation.attempts[promised], f"<- attempt {promised + 1} of {promised}")
        if made > promised
        else _end(operation, f"<- {made} of {promised}")
    )
    return info.failed(
        f"`{operation.name}` made {attempts(made)}, not {promised}",
        promised=f"{attempts(promised)}, the first included",
        field=f"attempts.max: {most}",
        operation=operation.id,
        events=(*operation.events, *(i for a in operation.attempts for i in a.events)),
        marks=mark,
    )


def _unsure(info: CheckInfo, operation: Operation, why: str) -> Finding:
    return info.unknown(
        why,
        known=f"seen of `{operation.name}`: {attempts(len(operation.attempts))}",
        operation=operation.id,
        events=(*operation.events, *(i for a in operation.attempts for i in a.events)),
    )


def _begin(attempt: Attempt, remark: str) -> tuple[tuple[int, str], ...]:
    return ((attempt.events[0], remark),) if attempt.events else ()


def _end(operation: Operation, remark: str) -> tuple[tuple[int, str], ...]:
    return ((operation.events[-1], remark),) if operation.events else ()
