"""Checks about when: the wait before a retry, and how long silence is borne.

Counterparts: the oracle's windows, and lab/tolerance.py, the one place where a measured time meets
a promised one.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..attempts import Attempt, Operation
from ..contract import Backoff, Contract, error_keys
from ..oracle import Boundary
from ..tolerance import AT_ONCE, eps, within
from .case import Case, seconds
from .finding import CheckInfo, Finding

BACKOFF = CheckInfo(
    "C20",
    "backoff",
    "the wait before each retry lies within the declared bounds",
    "an operation was retried without a Retry-After",
    "backoff",
)
RETRY_AFTER = CheckInfo(
    "C24",
    "retry-after",
    "the next attempt waits as long as the server asked",
    "a failed answer carried a Retry-After that the contract honours",
    "retry_after",
)
ODD_RETRY_AFTER = CheckInfo(
    "C25",
    "retry-after-robust",
    "a Retry-After that makes no sense neither crashes an operation nor moves its wait",
    "a failed answer carried a Retry-After that is not valid, or asks for more than the cap",
    "retry_after",
)
TIMEOUT = CheckInfo(
    "C26",
    "attempt-timeout",
    "a silent connect or answer is given up within the declared timeout",
    "a connect or an answer stayed silent",
    "timeouts",
)


def backoff(case: Case) -> Iterator[Finding]:
    """C20. Precondition: an operation was retried, and no Retry-After decided the wait.

    Claim: the gap from the end of an attempt, as the client could see it, to the begin of the next
    lies in the declared interval. Witness: both attempts. Source: Gremlin, AWS, Polly.
    """
    for operation in case.reading.operations:
        if not operation.attempts and (unseen := case.hidden(operation)):
            yield BACKOFF.unknown(unseen, operation=operation.id, events=operation.events)
    for operation, boundary, attempt, after in case.failures:
        if after is None or boundary.demand.start == "must_not":
            continue
        if boundary.asked is not None or boundary.odd:
            continue
        yield _waited(
            BACKOFF,
            case,
            operation,
            boundary,
            attempt,
            after,
            _bounds(boundary),
            field=_declared(case.contract.backoff),
        )


def retry_after(case: Case) -> Iterator[Finding]:
    """C24. Precondition: a failed answer carried a Retry-After, and the contract reads it.

    Claim: the next attempt, if there is one, waits as long as the contract makes of it; past the
    declared cap none begins. Witness: both attempts. Source: RFC 9110 section 10.2.3;
    urllib3#1338.
    """
    for operation, boundary, attempt, after in case.failures:
        if boundary.asked is None:
            continue
        if boundary.demand.start == "must_not":
            if not boundary.demand.why.startswith("retry_after"):
                continue
            if after is None:
                yield RETRY_AFTER.passed(operation.id)
                continue
            yield RETRY_AFTER.failed(
                f"a {attempt.status} asked for {boundary.asked:g} s, and another attempt began",
                promised="no retry when the server asks for more than the cap",
                field=boundary.demand.why,
                operation=operation.id,
                events=(*attempt.events, *after.events),
                marks=_mark(after, 0, "<- not to begin"),
            )
        elif after is not None:
            promised = case.contract.retry_after
            rule = promised.beats_backoff if promised is not None else ""
            text = "max(Retry-After, backoff)" if rule == "max" else "what Retry-After asks"
            yield _waited(
                RETRY_AFTER,
                case,
                operation,
                boundary,
                attempt,
                after,
                f"the next attempt waits {text}",
                field=f"retry_after.beats_backoff: {rule}",
                asked=f"a {attempt.status} asked for {boundary.asked:g} s; ",
            )


def odd_retry_after(case: Case) -> Iterator[Finding]:
    """C25. Precondition: a failed answer carried a Retry-After that the contract can't follow:
    words, a fraction, less than nothing, another zone than GMT, or more than the cap.

    Claim: the operation goes on as if there had been none, or, past the cap, ends at once; it
    never ends by an error of its own, and sleeps no longer. Witness: the attempt, and the one that
    followed or the operation. Source: urllib3#1896, httpx-retries#58; urllib3#1338.
    """
    for operation, boundary, attempt, after in case.boundaries:
        if not boundary.odd:
            continue
        if after is None:
            yield from _odd_end(case, operation, boundary, attempt)
        elif boundary.asked is None and boundary.demand.start != "must_not":
            yield _waited(
                ODD_RETRY_AFTER,
                case,
                operation,
                boundary,
                attempt,
                after,
                f"{_bounds(boundary)}, as without a Retry-After",
                field=boundary.demand.why,
                asked=f"a {attempt.status} asked for `{attempt.retry_after}`; ",
            )
        elif boundary.demand.start != "must_not":
            yield ODD_RETRY_AFTER.passed(operation.id)  # how long it waited is C24's


def _odd_end(
    case: Case, operation: Operation, boundary: Boundary, attempt: Attempt
) -> Iterator[Finding]:
    """Whether an operation that ended after an odd Retry-After did so by right, and in time."""
    text = f"a {attempt.status} asked for `{attempt.retry_after}`"
    events = (*operation.events, *attempt.events)
    over = case.reading.end if operation.ended is None else operation.ended
    told = attempt.told.ended
    since = over if attempt.seen is None else max(attempt.seen, told or attempt.seen)
    waits = boundary.wait[1] if boundary.demand.start != "must_not" else 0.0
    answer = within(over - since, None, waits, AT_ONCE + eps(0.0, operation.lag))
    slept, unsure = seconds(over - since), case.doubt(operation)
    foreign = case.contract.errors and not error_keys(case.contract, operation.errors)
    if operation.ending == "cancelled" or (operation.ending == "unknown" and answer != "no"):
        return
    if answer == "no":
        ended = "was still under way" if operation.ending == "unknown" else "ended"
        yield ODD_RETRY_AFTER.failed(
            f"{text}; the operation {ended} {slept} later",
            promised="it is not slept on",
            field=_cap(case.contract),
            operation=operation.id,
            events=events,
            marks=((operation.events[-1], f"<- {slept}"),),
        )
    elif answer == "unknown":
        yield ODD_RETRY_AFTER.unknown(
            f"{slept} is within the tolerance", operation=operation.id, events=events
        )
    elif unsure:
        yield ODD_RETRY_AFTER.unknown(unsure, operation=operation.id, events=events)
    elif boundary.demand.start == "must" or (operation.ending == "failed" and foreign):
        error = operation.errors[0].classes[0] if operation.errors else operation.ending
        yield ODD_RETRY_AFTER.failed(
            f"{text}; the operation ended as {error}",
            promised="it is as if there had been none",
            field=boundary.demand.why,
            operation=operation.id,
            events=events,
            marks=((operation.events[-1], "<- not to end so"),),
        )
    else:
        yield ODD_RETRY_AFTER.passed(operation.id)


def timeout(case: Case) -> Iterator[Finding]:
    """C26. Precondition: a connect or an answer was silent for as long as the declared time-out.

    Claim: the client gave it up within that time. An answer that begins too late was waited for
    too long; an attempt still silent when the run ended, too. Witness: the attempt. Source:
    Gremlin's HasTimeouts; requests without a timeout.
    """
    for operation in case.reading.operations:
        for attempt in operation.attempts:
            name, limit = (
                ("connect", case.contract.timeouts.connect)
                if attempt.headless
                else ("answer", case.contract.timeouts.read)
            )
            silence = _silence(case, operation, attempt)
            if limit is None or silence is None:
                continue
            waited, given_up = silence
            if not given_up and waited < limit - case.reading.header.early:
                continue
            known = given_up or attempt.answered is not None  # else it may be given up any moment
            exact = not attempt.headless or len(attempt.events) > 1
            told = attempt.told
            kept_waiting = (
                (0.0, operation.lag)
                if told.begun is None or told.ended is None
                else (told.begun_late, told.ended_late)
            )
            match within(waited, None, limit, eps(*kept_waiting)):
                case "yes":
                    if known:
                        yield TIMEOUT.passed(operation.id)
                case "no" if exact:
                    ended = "was given up after" if given_up else "was borne for"
                    yield TIMEOUT.failed(
                        f"the silent {name} of attempt {attempt.number} {ended} {seconds(waited)}",
                        promised=f"a silent {name} is given up within {limit:g} s",
                        field=f"timeouts.{'connect' if attempt.headless else 'read'}: {limit:g}",
                        operation=operation.id,
                        events=(*operation.events, *attempt.events),
                        marks=_mark(attempt, -1, f"<- {seconds(waited)}, not {limit:g}"),
                    )
                case "no" | "unknown":
                    yield TIMEOUT.unknown(
                        f"{seconds(waited)} is within the tolerance of {limit:g} s"
                        if exact
                        else "when the connect was given up: this client's attempts are not tagged",
                        operation=operation.id,
                        events=attempt.events,
                    )


def _silence(case: Case, operation: Operation, attempt: Attempt) -> tuple[float, bool] | None:
    """For how long an attempt met silence, and whether the client gave it up; None: no silence."""
    over = operation.ended if operation.ended is not None else case.reading.end
    if "to_backend" in attempt.paced:
        return None  # for part of the time the client was still writing
    if attempt.paced and attempt.observable != "read_timeout_headers":
        return None  # bytes of its head came before the head was whole
    if attempt.answered is not None:
        return attempt.answered - attempt.begun, False
    match attempt.observable:
        case "connect_timeout" | "read_timeout_headers":
            seen = attempt.seen if attempt.told.ended is None else attempt.told.ended
            return (over if seen is None else seen) - attempt.begun, seen is not None
        case "pending":
            return over - attempt.begun, False
        case _:
            return None


def _mark(attempt: Attempt, which: int, remark: str) -> tuple[tuple[int, str], ...]:
    return ((attempt.events[which], remark),) if attempt.events else ()


def _bounds(boundary: Boundary) -> str:
    low, high = boundary.wait
    return f"a wait from {low:g} s" if high is None else f"a wait of {low:g} to {high:g} s"


def _waited(
    info: CheckInfo,
    case: Case,
    operation: Operation,
    boundary: Boundary,
    attempt: Attempt,
    after: Attempt,
    promised: str,
    *,
    field: str,
    asked: str = "",
) -> Finding:
    """Whether the gap at a boundary lies in its promised wait."""
    events = (*attempt.events, *after.events)
    unsure = case.doubt(operation)
    if operation.certainty == "inferred" or boundary.gap is None:
        why = unsure if unsure else f"when attempt {attempt.number} ended"
        return info.unknown(why, operation=operation.id, events=events)
    low, high = boundary.wait
    answer = boundary.in_time
    late = high is not None and boundary.gap > high
    if answer == "no" and late:
        if unsure:  # an attempt that was not seen may lie between the two
            return info.unknown(unsure, operation=operation.id, events=events)
        if attempt.told.ended is None or after.told.begun is None:
            # The stamps are the proxy's, and say nothing of how long the client was kept waiting.
            answer = within(boundary.gap, None, high, eps(0.0, operation.lag))
    match answer:
        case "yes":
            return info.passed(operation.id)
        case "unknown":
            return info.unknown(
                f"{seconds(boundary.gap)} is within the tolerance of {high} s",
                operation=operation.id,
                events=events,
            )
        case "no":
            bound = high if late else low
            return info.failed(
                f"{asked}the next attempt began {seconds(boundary.gap)} later",
                promised=promised,
                field=field,
                operation=operation.id,
                events=events,
                marks=_mark(after, 0, f"<- {seconds(boundary.gap)}, not {bound:g}"),
            )


def _cap(contract: Contract) -> str:
    rules = contract.retry_after
    if rules is None or rules.cap is None:
        return "retry_after"
    return f"retry_after.cap: {rules.cap:g}, over_cap: {rules.over_cap}"


def _declared(backoff: Backoff | None) -> str:
    if backoff is None:
        return "backoff"
    most = "" if backoff.max is None else f", max {backoff.max:g}"
    return (
        f"backoff: base {backoff.base:g}, factor {backoff.factor:g}{most}, jitter {backoff.jitter}"
    )
