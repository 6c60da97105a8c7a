"""In what two histories of the same plan differ, and not merely whether they do. Pure.

Times, ports, ids and headers may differ; attempts, outcomes, effects, order and the lives of breakers
may not. The digest of lab/attempts leaves out the same things.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations, zip_longest
from typing import Literal, TypeAlias, TypeVar

from faultlab.lab.attempts import Attempt, FaultRecord, Operation, Reading
from faultlab.lab.contract import Contract
from faultlab.lab.oracle import Episode, demands
from faultlab.lab.verdict import Judgement

T = TypeVar("T")

What: TypeAlias = Literal[
    "operations",
    "outcome",
    "attempts",
    "effects",
    "order",
    "breaker",
    "fault",
    "strays",
    "evidence",
    "verdict",
    "check",
]
Pair: TypeAlias = tuple[Operation, Operation]


@dataclass(frozen=True, slots=True)
class Unlike:
    """One thing that is not as in the other history: what, where, and what each of both tells."""

    what: What
    where: str
    one: str
    other: str

    def __str__(self) -> str:
        return f"{self.what} of {self.where}: {self.one} | {self.other}"


def unlike(contract: Contract, one: Reading, other: Reading) -> tuple[Unlike, ...]:
    """What differs between two readings of the same plan; nothing: they tell the same story."""
    pairs, alone = _paired(one.operations, other.operations)
    return (
        *alone,
        *(found for pair in pairs for found in _of_operations(*pair)),
        *_of_order(pairs),
        *_of_lives(contract, one, other),
        *_each("fault", one.faults, other.faults, _fault_place, _fault),
        *_counted("strays", "no operation", map(_met, one.strays), map(_met, other.strays)),
        *_counted(
            "evidence",
            "the run",
            (gap.what for gap in one.missing),
            (g.what for g in other.missing),
        ),
    )


def unlike_judgements(one: Judgement, other: Judgement) -> tuple[Unlike, ...]:
    """Where two judgements of the same plan come to different ends."""
    found = [Unlike("verdict", "the run", one.verdict, other.verdict)]
    ends: list[dict[str, str]] = [{}, {}]
    for judgement, told in zip((one, other), ends, strict=True):
        for part, findings in (("", judgement.findings), (" of the baseline", judgement.baseline)):
            told.update({f"{it.check} {it.slug}{part}": it.outcome for it in findings})
    for check in sorted(ends[0] | ends[1]):
        told_by = (each.get(check, "absent") for each in ends)
        found.append(Unlike("check", check, *told_by))
    return tuple(each for each in found if each.one != each.other)


def unexplained(found: Iterable[Unlike], explained: Sequence[str]) -> tuple[Unlike, ...]:
    """Those that no pattern (as of file names, over the whole text) explains."""
    return tuple(
        each for each in found if not any(fnmatchcase(str(each), one) for one in explained)
    )


# --- operations ----------------------------------------------------------------------------------


def _told(operation: Operation) -> tuple[str, ...]:
    return _outcome(operation), *map(_met, operation.attempts), str(operation.effects)


def _outcome(operation: Operation) -> str:
    what = operation.errors[0].classes[0] if operation.errors else operation.value
    return f"{operation.ending} {what}".strip()


def _met(attempt: Attempt) -> str:
    return " ".join(filter(None, (attempt.method, attempt.target, attempt.observable)))


def _place(operation: Operation) -> str:
    return " ".join(filter(None, (operation.phase, operation.name, operation.endpoint)))


def _paired(
    one: Sequence[Operation], other: Sequence[Operation]
) -> tuple[list[Pair], list[Unlike]]:
    """Operations of one place: first those that tell the same, then the rest in order of time."""
    pairs: list[Pair] = []
    alone: list[Unlike] = []
    ours, theirs = _grouped(one), _grouped(other)
    for place in sorted(ours.keys() | theirs.keys()):
        here, there = ours[place], theirs[place]
        if len(here) != len(there):
            alone.append(Unlike("operations", place, str(len(here)), str(len(there))))
        rest = []
        for operation in here:
            twin = next((it for it in there if _told(it) == _told(operation)), None)
            if twin is None:
                rest.append(operation)
            else:
                there.remove(twin)
                pairs.append((operation, twin))
        pairs += zip(rest, there, strict=False)
    return pairs, alone


def _grouped(operations: Iterable[Operation]) -> defaultdict[str, list[Operation]]:
    groups: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in sorted(operations, key=lambda it: it.invoked):
        groups[_place(operation)].append(operation)
    return groups


def _of_operations(one: Operation, other: Operation) -> Iterator[Unlike]:
    where = _place(one) + (f" #{one.id}" if one.id == other.id else f" #{one.id}/#{other.id}")
    if _outcome(one) != _outcome(other):
        yield Unlike("outcome", where, _outcome(one), _outcome(other))
    met, met_there = (", ".join(map(_met, it.attempts)) for it in (one, other))
    if met != met_there:
        yield Unlike("attempts", where, met or "none", met_there or "none")
    if one.effects != other.effects:
        yield Unlike("effects", where, str(one.effects), str(other.effects))


def _of_order(pairs: Sequence[Pair]) -> Iterator[Unlike]:
    """Operations one of which was over before the other began, and the reverse over there.

    Only where all of a place tell the same: else who stands for whom is a guess.
    """
    doubtful = {_place(one) for one, other in pairs if _told(one) != _told(other)}
    sure = [pair for pair in pairs if _place(pair[0]) not in doubtful]
    for (one, there), (two, two_there) in combinations(sure, 2):
        if (_before(one, two) and _before(two_there, there)) or (
            _before(two, one) and _before(there, two_there)
        ):
            first, second = sorted((one, two), key=lambda it: it.invoked)
            where = f"{_place(first)} #{first.id} and {_place(second)} #{second.id}"
            yield Unlike("order", where, "so", "the reverse")


def _before(one: Operation, other: Operation) -> bool:
    if one.ended is None:
        return False
    # No time may pass between two of them: then their places in the history tell.
    return (one.ended, one.events[-1]) < (other.invoked, other.events[0])


# --- breakers, faults ----------------------------------------------------------------------------


def _of_lives(contract: Contract, one: Reading, other: Reading) -> Iterator[Unlike]:
    """Each time that a breaker opened: what its probes made of it, and whom it refused."""
    here, there = (demands(contract, reading).episodes for reading in (one, other))
    yield from _each("breaker", here, there, lambda it: str(it.key), _life)


def _life(episode: Episode) -> str:
    became = ", ".join(became for _, became in episode.probes) or "none"
    end = "still open" if episode.closed is None else "closed"
    return f"probes became {became}, {len(episode.rejected)} refused, {end} at the end"


def _fault_place(fault: FaultRecord) -> str:
    return " ".join(filter(None, (fault.phase, fault.kind, fault.service)))


def _fault(fault: FaultRecord) -> str:
    return f"fired {fault.fired} times, {fault.effects} effects of its own"


def _each(
    what: What,
    ours: Iterable[T],
    theirs: Iterable[T],
    where: Callable[[T], str],
    told: Callable[[T], str],
) -> Iterator[Unlike]:
    """The k-th of each place against the k-th over there."""
    groups: defaultdict[str, tuple[list[T], list[T]]] = defaultdict(lambda: ([], []))
    for side, things in enumerate((ours, theirs)):
        for thing in things:
            groups[where(thing)][side].append(thing)
    for place, (here, there) in groups.items():
        for pair in zip_longest(here, there):
            one, other = ("none" if it is None else told(it) for it in pair)
            if one != other:
                yield Unlike(what, place, one, other)


def _counted(
    what: What, where: str, ours: Iterable[str], theirs: Iterable[str]
) -> Iterator[Unlike]:
    here, there = Counter(ours), Counter(theirs)
    for told in sorted(here.keys() | there.keys()):
        if here[told] != there[told]:
            yield Unlike(what, where, f"{here[told]} {told}", f"{there[told]} {told}")
