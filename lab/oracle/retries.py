"""After an attempt: whether another one must begin, when, and as what the operation may end.

Counterpart: admission.py, which says whether an operation is let through at all.
"""

from __future__ import annotations

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

import msgspec

from ..contract import Contract, RetryAfter, groups_of, lookup, mapped_by, members
from ..tolerance import AT_ONCE, eps, within
from .demand import Admission, AttemptEnded, Boundary, Demand, Invoked, Start
from .state import Call

IN_ANSWER = frozenset(("read_timeout_body", "slow_drip"))
"""What a client gives up on after its answer has begun."""

_PHASES = ("connect", "headers", "body")


def _phase_of(observable: str) -> str:
    if observable in members("connect"):
        return "connect"
    if observable in IN_ANSWER or observable in members("body") | members("unusable"):
        return "body"
    return "headers"


def _allowed(rule: str, invoked: Invoked) -> bool:
    return (
        rule in ("always", "any")
        or (rule != "never" and invoked.idempotent)
        or (rule == "idempotent_or_key" and invoked.keyed)
    )


def _retried(contract: Contract, invoked: Invoked, observable: str) -> tuple[Start, str]:
    """Whether the contract tries again after this, the number of attempts left aside."""
    rules = contract.retry_on
    if observable == "ok":
        return "must_not", "the attempt succeeded"
    if observable == "cancelled":
        return "must_not", "the operation was cancelled"
    if observable in ("unknown", "pending"):
        return "may", f"what attempt met is {observable}"
    late = rules.until and _PHASES.index(_phase_of(observable)) > _PHASES.index(rules.until)
    if late:
        return "must_not", f"retry_on.until: {rules.until}"
    if "status" in groups_of(observable):
        if rules.statuses is None:
            return "may", "retry_on.statuses: left open"
        if not any(key in rules.statuses for key in (observable, *groups_of(observable))):
            return "must_not", f"retry_on.statuses: not {observable.removeprefix('status:')}"
        if rules.methods is None:
            return "may", "retry_on.methods: left open"
        where, rule = "methods", str(rules.methods)
    else:
        if rules.faults is None:
            return "may", "retry_on.faults: left open"
        found = lookup(rules.faults, observable)
        if found is None:
            return "may", f"retry_on.faults: {observable} is not mapped"
        where, rule = f"faults.{mapped_by(rules.faults, observable)}", str(found)
    return ("must" if _allowed(rule, invoked) else "must_not"), f"retry_on.{where}: {rule}"


_WHOLE = re.compile(r"[0-9]+")
_FRACTION = re.compile(r"[0-9]+(\.[0-9]+)?")
_DATE_SLACK = 1.0  # a date has whole seconds, which a client may round either way

# RFC 9110 section 5.6.7: the three forms of a date, all of them in GMT
_DAY, _TIME = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)", "[0-9]{2}:[0-9]{2}:[0-9]{2}"
_MONTH = "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DATES = re.compile(
    f"{_DAY}, [0-9]{{2}} {_MONTH} [0-9]{{4}} {_TIME} GMT"
    f"|(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, [0-9]{{2}}-{_MONTH}-[0-9]{{2}} {_TIME} GMT"
    f"|{_DAY} {_MONTH} ([0-9]{{2}}| [0-9]) {_TIME} [0-9]{{4}}"
)


class _Asked(msgspec.Struct, frozen=True, gc=False):
    """Least and greatest seconds that a Retry-After asks for.

    `loose`: by no grammar, so that a client may as well take it for none: a date without its
    zone, or in another one.
    """

    low: float
    high: float
    loose: bool = False


def _asked(rules: RetryAfter, text: str, wall: float | None) -> _Asked | None:
    """What a Retry-After asks for; None: nothing valid.

    `wall`: the wall clock at that time. Without it a date may ask for anything.
    """
    text = text.strip(" \t")
    if ("s" in rules.forms and _WHOLE.fullmatch(text)) or (
        "float" in rules.forms and _FRACTION.fullmatch(text)
    ):
        return _Asked(float(text), float(text))
    if "date" not in rules.forms:
        return None
    loose = _DATES.fullmatch(text) is None
    try:
        date = parsedate_to_datetime(text)
        at = date.replace(tzinfo=date.tzinfo or UTC).timestamp()
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    if wall is None:
        return _Asked(0.0, math.inf, loose)
    seconds = at - wall
    return _Asked(max(0.0, seconds - _DATE_SLACK), max(0.0, seconds + _DATE_SLACK), loose)


class _Wait(msgspec.Struct, frozen=True, gc=False):
    """The promised wait before a further attempt, and whether it lets one happen at all."""

    low: float = 0.0
    high: float | None = None
    asked: float | None = None
    start: Start = "must"
    why: str = ""
    odd: bool = False


def _wait(contract: Contract, retry: int, text: str | None, wall: float | None) -> _Wait:
    backoff = contract.backoff
    low, high = (0.0, None) if backoff is None else backoff.interval(retry)
    why = "" if backoff is None else f"backoff: {low:g} to {high:g} s"
    rules = contract.retry_after
    if text is None:
        return _Wait(low, high, why=why)
    if rules is None:
        return _Wait(0.0, None, why="retry_after: left open")
    asked = _asked(rules, text, wall)
    start: Start = "must" if rules.invalid == "backoff" else "must_not"
    why = f"retry_after.invalid: {rules.invalid}"
    if asked is None:
        return _Wait(low, high, start=start, why=why, odd=True)
    if asked.loose:
        longest = None if high is None else _finite(max(high, asked.high))
        return _Wait(min(low, asked.low), longest, start="may", why=why, odd=True)
    capped = rules.cap is not None and asked.high > rules.cap and rules.over_cap != "obey"
    if rules.cap is not None and capped:
        if rules.over_cap == "no_retry":
            start = "must_not" if asked.low > rules.cap else "may"
            why = f"retry_after.over_cap: no_retry ({rules.cap:g} s)"
            return _Wait(asked.low, None, asked.low, start, why, odd=True)
        asked = _Asked(min(asked.low, rules.cap), rules.cap)
    why = f"retry_after.beats_backoff: {rules.beats_backoff}"
    if rules.beats_backoff == "replace":
        return _Wait(asked.low, _finite(asked.high), asked.low, why=why, odd=capped)
    longest = None if high is None else _finite(max(high, asked.high))
    return _Wait(max(low, asked.low), longest, asked.low, why=why, odd=capped)


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None


def _in_deadline(contract: Contract, call: Call, last: AttemptEnded, wait: _Wait) -> Start:
    """Whether a further attempt after this wait still lies within the operation's deadline."""
    total, enforced = contract.deadline.total, contract.deadline.enforced
    if total is None or enforced == "none":
        return "must"
    least, most = (0.0, 0.0) if enforced == "after_failure" else (wait.low, wait.high)
    if last.low + least >= call.first + total:
        return "must_not"
    if most is None or last.high + most + AT_ONCE >= call.invoked.t + total:
        return "may"
    return "must"


def over_by(contract: Contract, call: Call) -> float | None:
    """By when an operation must be over, whatever it is busy with; None: nothing promises it."""
    total = contract.deadline.total
    if total is None or contract.deadline.enforced != "hard":
        return None
    return call.invoked.t + total


def limit_of(
    contract: Contract, probe: Literal["yes", "no", "maybe"]
) -> tuple[tuple[int, int] | None, str]:
    """Least and greatest promised number of attempts, and the field that says so."""
    most = contract.attempts.max
    promised = f"attempts.max: {'left open' if most is None else most}"
    always = None if most is None else (most, most)
    if probe == "no":
        return always, promised
    probing = [b.half_open.attempts for b in contract.breaker or () if b.half_open.attempts]
    if not probing:
        return always, promised
    short = min(probing)
    least = short if most is None else min(short, most)
    if probe == "yes":
        return (least, least), f"breaker.half_open.attempts: {short}"
    return (None if most is None else (least, most)), promised


_ORDER: tuple[Start, ...] = ("must_not", "may", "must")


def boundary_after(
    contract: Contract,
    call: Call,
    number: int,
    probe: Literal["yes", "no", "maybe"],
    wall: float | None,
    early: float,
    again: Demand | None = None,
) -> Boundary:
    """What was demanded after attempt `number` of an operation, and what followed.

    `again`: what breakers that count attempts demand of the next one.
    """
    last = call.ended[number - 1]
    at = None if wall is None else wall + call.invoked.moved + last.high
    wait = _wait(contract, number, last.retry_after, at)
    start, why, persists = _another(contract, call, number, probe, wait, again)
    following = call.began[number] if number < len(call.began) else None
    earliest = last.low + wait.low
    latest = None if wait.high is None else last.high + wait.high
    ended_late, began_late = last.late, following.late if following is not None else None
    if ended_late is None or began_late is None:  # then the whole operation's must do
        tolerance = eps(0.0, call.end.lag if call.end is not None else 0.0)
    else:
        tolerance = eps(ended_late, began_late)
    return Boundary(
        after=number,
        fault=last.observable,
        demand=Demand(
            start,
            earliest if start != "must_not" else None,
            latest if start != "must_not" else None,
            ends_as=_ends_as(contract, call, number, early),
            why=wait.why if start == "must" else why,
        ),
        followed=following is not None,
        gap=None if following is None else following.t - last.low,
        in_time="yes"
        if following is None
        else within(following.t, earliest, latest, tolerance, early),
        eps=tolerance,
        wait=(wait.low, wait.high),
        asked=wait.asked,
        odd=wait.odd,
        persists=persists,
    )


def _another(
    contract: Contract,
    call: Call,
    number: int,
    probe: Literal["yes", "no", "maybe"],
    wait: _Wait,
    again: Demand | None,
) -> tuple[Start, str, bool]:
    """Whether a further attempt had to begin, which field decides, and if only their count may.

    The strictest decides; of several, what the attempt met before all others.
    """
    last = call.ended[number - 1]
    retried = _retried(contract, call.invoked, last.observable)
    if last.observable == "ok":
        return *retried, False
    limit, limiting = limit_of(contract, probe)
    count: Start = "must"
    if limit is None:
        count, limiting = "may", "attempts.max: left open"
    elif number >= limit[1]:
        count = "must_not"
    elif number >= limit[0]:
        count = "may"
    cancelled: Start = "must"
    if call.cancel is not None:
        cancelled = "must_not" if call.cancel < last.low else "may"
    stopped: Start = "may" if call.end is not None and call.end.ending == "unknown" else "must"
    rest: list[tuple[Start, str]] = [
        (cancelled, "cancelled"),
        (wait.start, wait.why),
        (_in_deadline(contract, call, last, wait), f"deadline.total: {contract.deadline.total}"),
        (stopped, "the run ended"),
    ]
    if again is not None:
        rest.append((again.start, again.why))
    start, why = min([retried, (count, limiting), *rest], key=lambda rule: _ORDER.index(rule[0]))
    return start, why, all(each == "must" for each, _ in (retried, *rest))


def _ends_as(contract: Contract, call: Call, number: int, early: float) -> frozenset[str]:
    """The keys that an operation may end as after its attempt `number`."""
    last = call.ended[number - 1]
    if last.observable in ("unknown", "pending"):
        return frozenset()
    keys = {last.observable}
    total = contract.deadline.total
    hard = contract.deadline.enforced == "hard" and last.gave_up
    if hard and total is not None and last.high >= call.invoked.t + total - early:
        keys.add("deadline")
        silent = last.low - call.began[number - 1].t
        in_connect = _phase_of(last.observable) == "connect"
        patience = contract.timeouts.connect if in_connect else contract.timeouts.read
        if patience is not None and silent < patience - AT_ONCE:
            keys.discard(last.observable)  # no other time-out can have cut it
    if call.cancel is not None:
        keys.add("cancelled")
    if any(breaker.trip_raises == "open" for breaker in contract.breaker or ()):
        keys.add("open")
    if contract.counts_attempts and last.observable != "ok":
        keys.add("open")
    return frozenset(keys)


def ends_without(
    contract: Contract, call: Call, admission: Admission, early: float
) -> frozenset[str]:
    """The keys that an operation without any attempt may end as."""
    keys = set(admission.demand.ends_as)
    if admission.demand.start == "may":
        keys.add("open")
    if call.cancel is not None:
        keys.add("cancelled")
    if call.end is not None and admission.demand.start != "must_not":
        spent = call.end.t - call.invoked.t
        for key, time in (
            ("pool_exhausted", contract.timeouts.pool),
            ("deadline", contract.deadline.total),
        ):
            if time is not None and spent >= time - early:
                keys.add(key)
    return frozenset(keys)
