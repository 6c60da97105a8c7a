"""What a contract demands next: the one oracle that every check on whether, when and how often reads.

Counterpart: lab/attempts.py reads a history, lab/contract.py declares promises; lab/checks asks.
Pure. It knows no check, and judges nothing: it says what was demanded, where, and by which field.

How to use it:

    found = demands(contract, reading)
    for operation in reading.operations:
        demand = found.of(operation.id)
        demand.admission   # did the breakers have to admit it: must, may, must_not; which and why
        demand.least, demand.most, demand.limit    # attempts, given what each attempt met
        for boundary in demand.boundaries:         # one after each attempt, the last included
            boundary.demand.start                  # must a further attempt begin, may it, must it not
            boundary.demand.earliest, .latest      # and when, on the history's clock
            boundary.followed, boundary.gap, boundary.eps   # and what happened
        demand.ends_as     # the keys that it may end as
    found.episodes         # the life of each circuit that left its closed state

How it works. An operation is admitted at some instant between `op.invoked` and its first attempt,
and a breaker takes its result between the end of its last attempt and `op.ended`. Instants whose
spans overlap may have come in either order, so the state is a set of worlds, one for each order
that explains what was seen; a demand on which the worlds agree is `must` or `must_not`, else it
is `may`. An operation that no world explains is a deviation (`Admission.explained`): the state
then goes on both as the contract would have it and as the client seems to see it, so that what
follows from one deviation is not reported again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .attempts import Reading
from .contract import Contract, Scope

__all__ = [
    "Admission",
    "AttemptBegan",
    "AttemptEnded",
    "Boundary",
    "CancelRequested",
    "Demand",
    "Demands",
    "Ended",
    "Episode",
    "Invoked",
    "Key",
    "OperationDemand",
    "OracleEvent",
    "Renewed",
    "Standing",
    "Start",
    "State",
    "begin",
    "demands",
    "fold",
    "next_demand",
    "timeline",
]

Start = Literal["must", "may", "must_not"]
Mode = Literal["closed", "open", "half_open"]
Since = Literal["start", "trip", "probe_failed", "probe_ok"]


# --- what happened, as far as a contract cares -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Invoked:
    """An operation begins. `ran`: whether the client let it through, as far as could be seen.

    yes: an attempt of it began; no: it ended as `open` without one; unseen: neither.
    """

    t: float
    op: int
    service: str
    endpoint: str
    idempotent: bool
    keyed: bool
    life: int
    ran: Literal["yes", "no", "unseen"]


@dataclass(frozen=True, slots=True)
class AttemptBegan:
    """An attempt begins on the wire; `late` as stamped."""

    t: float
    op: int
    number: int
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """The client could see the end of an attempt. `retry_after` is the header's text."""

    t: float
    op: int
    number: int
    observable: str
    retry_after: str | None = None
    gave_up: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """An operation ends; `keys` are what its exception may stand for, `ok` for a value."""

    t: float
    op: int
    ending: Literal["ok", "failed", "cancelled", "unknown"]
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The lab asked for an operation's cancellation."""

    t: float
    op: int


@dataclass(frozen=True, slots=True)
class Renewed:
    """The subject was opened anew: its breakers start closed."""

    t: float
    life: int


OracleEvent = Invoked | AttemptBegan | AttemptEnded | Ended | CancelRequested | Renewed


# --- what is demanded ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One circuit: the n-th breaker of the contract (from 0), for what it keeps apart."""

    breaker: int
    scope: Scope
    service: str = ""
    endpoint: str = ""
    life: int = 0

    def __str__(self) -> str:
        named = (self.scope, self.service, self.endpoint)
        return " ".join(part for part in named if part)


@dataclass(frozen=True, slots=True)
class Demand:
    """What the contract demands of an operation at one point.

    `start`: whether an attempt is to begin. `earliest` and `latest` bound its begin, in seconds
    on the history's clock without tolerance; None: no bound is promised. `ends_as`: the keys that
    the operation may end as now (`ok` for a value), empty where nothing is said. `why` names the
    contract's field and value that decide, e.g. `attempts.max: 3`.
    """

    start: Start
    earliest: float | None = None
    latest: float | None = None
    max_in_flight: int = 1
    ends_as: frozenset[str] = frozenset()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one circuit stood when an operation asked; several modes where the order can't be told.

    `failures`: least and greatest count in a row while closed. `since`: what brought it into its
    mode. `refused`: it was among those that had to refuse. `until`: least and greatest instant at
    which its reset time was over (None: not open, or left open by the contract). `probing`: ids
    of the operations that held its permits.
    """

    key: Key
    modes: frozenset[Mode]
    failures: tuple[int, int] = (0, 0)
    since: frozenset[Since] = frozenset(("start",))
    until: tuple[float, float] | None = None
    probing: frozenset[int] = frozenset()
    refused: bool = False
    opened_by: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether the breakers had to let an operation through, and whether the client did.

    `demand.start` is must, may or must_not; `ran` what the client did (`Invoked.ran`).
    `explained`: some order of what was seen explains that (`unseen` always is). `probe`: whether
    it was a probe of a half-open circuit. `refusers`: circuits that had to refuse it.
    `standings`: every circuit it had to ask, in the contract's order.
    """

    demand: Demand
    ran: Literal["yes", "no", "unseen"]
    explained: bool
    probe: Literal["yes", "no", "maybe"] = "no"
    refusers: tuple[Key, ...] = ()
    standings: tuple[Standing, ...] = ()


@dataclass(frozen=True, slots=True)
class Boundary:
    """What was demanded after one attempt, and what followed.

    `gap`: seconds from the end of attempt `after` (as the client could see it) to the begin of
    the next; None if none followed or the end is not known. `eps`: the tolerance for it.
    `wait`: least and greatest promised wait in seconds (greatest None: no bound). `asked`: what
    the answer's Retry-After asked for in seconds, as the contract reads it; None: nothing valid.
    `fault`: the attempt's observable. `persists`: a further attempt was stopped by nothing but
    the count.
    """

    after: int
    fault: str
    demand: Demand
    followed: bool
    gap: float | None = None
    eps: float = 0.0
    wait: tuple[float, float | None] | None = None
    asked: float | None = None
    persists: bool = False


@dataclass(frozen=True, slots=True)
class OperationDemand:
    """All that the contract demanded of one operation, given what its attempts met.

    `least` and `most` bound the number of its attempts: least counts one that had to follow and
    did not; most is None where nothing bounds it. `limit`: the attempts that a lasting retryable
    failure uses up, (least, greatest); it is (1, 1) for a probe; None: left open.
    `ends_as`: the keys it may end as, after its last attempt.
    """

    op: int
    admission: Admission
    boundaries: tuple[Boundary, ...]
    least: int
    most: int | None
    limit: tuple[int, int] | None
    ends_as: frozenset[str]
    why: str


@dataclass(frozen=True, slots=True)
class Episode:
    """One stay of a circuit outside its closed state, as the contract has it.

    `opened`: least and greatest instant of the trip; `by`: the operation whose result tripped it
    (None: can't be told). `half_open`: when its first probe was admitted. `probes`: operations
    that were probes, in order, with what became of them. `closed`: None while it was never
    closed again. `rejected`: operations that it had to refuse. `certain`: every order agrees.
    """

    key: Key
    opened: tuple[float, float]
    by: int | None
    half_open: float | None
    probes: tuple[tuple[int, Literal["ok", "failed", "neutral", "pending"]], ...]
    closed: float | None
    rejected: tuple[int, ...]
    certain: bool


@dataclass(frozen=True, slots=True)
class Demands:
    """The oracle's answers for a whole reading, in the order of `reading.operations`."""

    operations: tuple[OperationDemand, ...]
    episodes: tuple[Episode, ...]

    def of(self, op: int) -> OperationDemand:
        """The demand on this operation; raises KeyError."""
        for demand in self.operations:
            if demand.op == op:
                return demand
        raise KeyError(op)

    def at_end(self) -> Mapping[Key, frozenset[Mode]]:
        """The modes that each circuit that was ever asked may be in after the last event."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class State:
    """What an oracle remembers; made by `begin` and `fold` only."""

    early: float = 0.001
    worlds: frozenset[object] = field(default=frozenset())


def begin(early: float = 0.001) -> State:
    """The state before anything happened. `early`: resolution of the client's clock in seconds."""
    return State(early)


def timeline(contract: Contract, reading: Reading) -> tuple[OracleEvent, ...]:
    """What happened in a reading, as oracle events in order of `t`."""
    raise NotImplementedError


def fold(contract: Contract, state: State, event: OracleEvent) -> State:
    """The state after an event. Events come in order of `t`."""
    raise NotImplementedError


def next_demand(contract: Contract, state: State, op: int, now: float) -> Demand:
    """What the contract demands of an operation at `now`, which nothing recorded may precede."""
    raise NotImplementedError


def demands(contract: Contract, reading: Reading) -> Demands:
    """Fold a whole reading, and collect what was demanded at each point of it."""
    raise NotImplementedError
