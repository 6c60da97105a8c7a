"""Checks about many waits at once: that they grow from retry to retry, and differ among operations.

Counterpart: timing.py judges each wait by its own bounds. What one wait can't show is judged here
over all waits of a history, as a test of statistics: a client that keeps its promise fails it by
chance once in a million histories (`FALSE_ALARM`), and a history that holds too few waits to tell
a client that breaks it from chance does not exercise the check.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, exp, lgamma, log, log1p
from statistics import median

from ..attempts import Attempt, Operation
from ..contract import Backoff
from ..tolerance import BASE
from .case import Case, seconds
from .finding import CheckInfo, Finding

__all__ = ["FALSE_ALARM", "GROWTH", "JITTER", "LATE", "as_close", "as_many", "growth", "jitter"]

FALSE_ALARM = 1e-6
"""The chance that a client which keeps its promise fails one such judgement."""

LATE = 0.005
"""Seconds by which waits that are meant to be equal differ on a machine that is not busy."""

GROWTH = CheckInfo(
    "C21",
    "backoff-growth",
    "the waits between attempts grow from retry to retry until their cap",
    "enough operations were retried twice: 1 without jitter or with equal, 20 with full",
    "backoff",
)
JITTER = CheckInfo(
    "C22",
    "jitter",
    "the waits before the same retry differ from operation to operation",
    "enough operations were retried: 6 where it spreads them over a quarter of a second",
    "backoff",
)

_SHOWN = 3  # waits that a witness of many equal ones shows


@dataclass(frozen=True, slots=True)
class _Gap:
    """The wait between two attempts of an operation, in seconds."""

    operation: Operation
    attempt: Attempt
    after: Attempt
    seconds: float


def growth(case: Case) -> Iterator[Finding]:
    """C21. Precondition: operations waited twice by their backoff, which grows between the two, and
    so often that a wait which does not would be no chance.

    Claim: most waits before retry i+1 are longer than the longest promised before retry i. Of n
    waits k that are not are a failure if k is more than half, and a client which draws its waits
    evenly, as promised, would show as many once in a million histories (`as_many`). None may be
    shorter without jitter, and with equal jitter of factor 2: one such wait is enough. With full
    jitter half of them are, and it takes 20. Power: a client that waits the same each time, or
    begins anew, is found with that many; waits that come late may hide it. Witness: the three
    attempts of one operation. Source: WASABI's WHEN bugs; Gremlin's spacing.
    """
    backoff = case.contract.backoff
    if backoff is None:
        return
    gaps = _gaps(case)
    for retry in sorted(gaps):
        now, later = backoff.interval(retry), backoff.interval(retry + 1)
        waits = gaps.get(retry + 1, ())
        if later[1] <= now[1] or not waits:
            continue
        early = case.reading.header.early
        bounds = (now[1] - early, now[1] + BASE)
        if as_many(len(waits), len(waits), _share(later, bounds[0])) > FALSE_ALARM:
            continue
        if any(_stays(waits, bound, _share(later, bound)) for bound in bounds):
            yield _same(backoff, retry, gaps[retry], waits)
        else:
            yield GROWTH.passed()


def jitter(case: Case) -> Iterator[Finding]:
    """C22. Precondition: the backoff has jitter, and so many operations waited before the same
    retry that waits within `LATE` of each other would be no chance.

    Claim: neither all of them nor three quarters lie so close together that a client which draws
    them evenly, as promised, would show it once in a million histories (`as_close`). It takes n
    waits, for a jitter that spreads them over so many seconds: 0.025: 12; 0.05: 9; 0.25: 6; 1: 5.
    Power: a client whose waits come as late as each other within `LATE` is found with that many, a
    busier one with more. Witness: three of the waits. Source: AWS, "Exponential backoff and
    jitter".
    """
    backoff = case.contract.backoff
    if backoff is None:
        return
    for retry, waits in sorted(_gaps(case).items()):
        low, high = backoff.interval(retry)
        spread, total = high - low, len(waits)
        if spread <= LATE or as_close(total, total, LATE / spread) > FALSE_ALARM / 2:
            continue
        for among in (total, ceil(0.75 * total)):
            close = _closest(waits, among)
            width = close[-1].seconds - close[0].seconds
            if as_close(total, among, width / spread) <= FALSE_ALARM / 2:
                yield _alike(backoff, retry, total, close)
                break
        else:
            yield JITTER.passed()


def as_many(total: int, among: int, share: float) -> float:
    """The chance that at least `among` of `total` draws fall into a part of their range.

    `share` is the size of that part, from 0 to 1.
    """
    if not 0 < share < 1:  # all of them, or none
        return float(among <= (total if share >= 1 else 0))
    # by logarithms: of some thousand draws the number of choices is beyond a float
    inside, outside = log(share), log1p(-share)
    return sum(
        exp(_log_choices(total, k) + k * inside + (total - k) * outside)
        for k in range(among, total + 1)
    )


def _log_choices(total: int, among: int) -> float:
    return lgamma(total + 1) - lgamma(among + 1) - lgamma(total - among + 1)


def as_close(total: int, among: int, share: float) -> float:
    """The greatest chance that `among` of `total` draws lie within a window of their range.

    `share` is the window's size, from 0 to 1. It holds as well where each comes late by a time of
    its own: a bound over the draw that is the first in the window.
    """
    return min(1.0, total * as_many(total - 1, among - 1, share)) if share < 1 else 1.0


def _gaps(case: Case) -> dict[int, list[_Gap]]:
    """The waits that the backoff alone decides, by the number of the retry, from 1."""
    found: dict[int, list[_Gap]] = defaultdict(list)
    for operation, boundary, attempt, after in case.failures:
        if after is None or boundary.gap is None or boundary.demand.start == "must_not":
            continue
        if boundary.asked is not None or boundary.odd:
            continue
        if not case.doubt(operation):
            found[attempt.number].append(_Gap(operation, attempt, after, boundary.gap))
    return found


def _share(interval: tuple[float, float], bound: float) -> float:
    """The share of waits in an interval that are no longer than a bound."""
    low, high = interval
    if bound < low:
        return 0.0
    return 1.0 if bound >= high else (bound - low) / (high - low)


def _stays(waits: Sequence[_Gap], bound: float, share: float) -> bool:
    """Whether more waits are no longer than this bound than chance would have."""
    short = sum(gap.seconds <= bound for gap in waits)
    return 2 * short > len(waits) and as_many(len(waits), short, share) <= FALSE_ALARM


def _same(backoff: Backoff, retry: int, before: Sequence[_Gap], waits: Sequence[_Gap]) -> Finding:
    was, became = (median(gap.seconds for gap in gaps) for gaps in (before, waits))
    last = min(waits, key=lambda gap: gap.seconds)
    first = next((gap for gap in before if gap.operation == last.operation), before[0])
    operations = "operation" if len(waits) == 1 else "operations"
    return GROWTH.failed(
        f"the median wait of {len(waits)} {operations} was {seconds(was)} before attempt "
        f"{retry + 1}, and {seconds(became)} before attempt {retry + 2}",
        promised=f"waits grow: up to {backoff.interval(retry)[1]:g} s, then up to "
        f"{backoff.interval(retry + 1)[1]:g} s",
        field=f"backoff.factor: {backoff.factor:g}",
        operation=last.operation.id,
        events=(*first.attempt.events, *last.attempt.events, *last.after.events),
        marks=(*_mark(first), *_mark(last)),
    )


def _closest(waits: Sequence[_Gap], among: int) -> Sequence[_Gap]:
    """So many of the waits that lie closest together, in order of length."""
    ordered = sorted(waits, key=lambda gap: gap.seconds)
    windows = (ordered[at : at + among] for at in range(len(ordered) - among + 1))
    return min(windows, key=lambda window: window[-1].seconds - window[0].seconds)


def _alike(backoff: Backoff, retry: int, total: int, close: Sequence[_Gap]) -> Finding:
    low, high = backoff.interval(retry)
    of = "" if len(close) == total else f" of {total}"
    shown = close[:_SHOWN]
    return JITTER.failed(
        f"{len(close)}{of} waits before attempt {retry + 1} lie within "
        f"{seconds(close[-1].seconds - close[0].seconds)}",
        promised=f"they differ, over {low:g} to {high:g} s",
        field=f"backoff.jitter: {backoff.jitter}",
        operation=shown[0].operation.id,
        events=[index for gap in shown for index in (*gap.attempt.events, *gap.after.events)],
        marks=[mark for gap in shown for mark in _mark(gap)],
    )


def _mark(gap: _Gap) -> tuple[tuple[int, str], ...]:
    return ((gap.after.events[0], f"<- {seconds(gap.seconds)}"),) if gap.after.events else ()
