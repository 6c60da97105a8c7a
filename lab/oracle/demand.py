"""The oracle's words: what happened, as far as a contract cares, and what is demanded.

Values only, for the modules beside this one and for the checks. Nothing here decides.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import ClassVar, Literal

import msgspec

from ..contract import Scope
from ..tolerance import Answer

Start = Literal["must", "may", "must_not"]
Mode = Literal["closed", "open", "half_open"]
Since = Literal["start", "trip", "probe_failed", "probe_ok"]
Ran = Literal["yes", "no", "unseen"]


class Invoked(msgspec.Struct, frozen=True, gc=False):
    """An operation begins. `ran`: whether the client let it through, as far as could be seen.

    yes: an attempt of it began; no: it ended as `open` without one; unseen: neither. `moved`: the
    seconds by which the wall clock had been set until then.
    """

    t: float
    op: int
    service: str
    endpoint: str
    idempotent: bool
    keyed: bool
    life: int
    ran: Ran
    moved: float = 0.0


class AttemptBegan(msgspec.Struct, frozen=True, gc=False):
    """An attempt begins, by the client's own stamp where there is one; `late` as stamped."""

    t: float
    op: int
    number: int
    late: float | None = None


class AttemptEnded(msgspec.Struct, frozen=True, gc=False):
    """The client could see the end of an attempt.

    `low` and `high` bound the instant from which the client can have acted on it. `retry_after`
    is the header's text; `gave_up`: the client ended it; `late` as stamped by the client.
    """

    t: float
    op: int
    number: int
    observable: str
    low: float
    high: float
    retry_after: str | None = None
    gave_up: bool = False
    late: float | None = None


class Ended(msgspec.Struct, frozen=True, gc=False):
    """An operation ends; `keys` are what its exception may stand for.

    `lag`: seconds that its thread was kept waiting in all.
    """

    t: float
    op: int
    ending: Literal["ok", "failed", "cancelled", "unknown"]
    keys: frozenset[str] = frozenset()
    lag: float = 0.0


class CancelRequested(msgspec.Struct, frozen=True, gc=False):
    """The lab asked for an operation's cancellation."""

    t: float
    op: int


class Renewed(msgspec.Struct, frozen=True, gc=False):
    """The subject was opened anew: its breakers start closed."""

    op: ClassVar[None] = None  # it is of no operation

    t: float
    life: int


OracleEvent = Invoked | AttemptBegan | AttemptEnded | Ended | CancelRequested | Renewed


class Key(msgspec.Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """One circuit: the n-th breaker of the contract (from 0), for what it keeps apart.

    `life` counts how often the subject was opened before.
    """

    breaker: int
    scope: Scope
    service: str = ""
    endpoint: str = ""
    life: int = 0

    def __str__(self) -> str:
        named = (self.scope, self.service, self.endpoint)
        return " ".join(part for part in named if part)


class Demand(msgspec.Struct, frozen=True, gc=False):
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


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How one circuit stood when an operation asked; several modes where the order can't be told.

    `failures`: least and greatest count in a row while closed. `since`: what brought it into its
    mode. `until`: least and greatest instant at which the reset time of an open circuit is over;
    None: not open, or left open by the contract. `opened_by`: the operations whose results opened
    it. `probing`: the operations that held its half-open permits. `refuses`: whether it had to
    refuse: must_not let through, may, must let through.
    """

    key: Key
    modes: frozenset[Mode]
    failures: tuple[int, int] = (0, 0)
    since: frozenset[Since] = frozenset(("start",))
    until: tuple[float, float] | None = None
    opened_by: frozenset[int] = frozenset()
    probing: frozenset[int] = frozenset()
    start: Start = "must"


class Admission(msgspec.Struct, frozen=True, gc=False):
    """Whether the breakers had to let an operation through, and whether the client did.

    `demand.start` is must, may or must_not; `ran` what the client did (`Invoked.ran`).
    `explained`: some order of what was seen explains that (`unseen` always is). `probe`: whether
    it was a probe of a half-open circuit. `refusers`: circuits that had to refuse it, in the
    contract's order. `retry_in`: least and greatest wait in seconds that the refusal may name.
    `standings`: every circuit it had to ask, in the contract's order.
    """

    demand: Demand
    ran: Ran
    explained: bool = True
    probe: Literal["yes", "no", "maybe"] = "no"
    refusers: tuple[Key, ...] = ()
    retry_in: tuple[float, float] | None = None
    standings: tuple[Standing, ...] = ()


class Boundary(msgspec.Struct, frozen=True, gc=False):
    """What was demanded after one attempt, and what followed.

    `after` is the attempt's number, `fault` its observable. `gap`: seconds from its end, as the
    client could see it, to the begin of the next attempt; None if none followed. `in_time`: the
    judgement of that begin against `demand.earliest` and `latest`, with the tolerance `eps`.
    `wait`: least and greatest promised wait in seconds (greatest None: no bound). `asked`: the
    seconds that the answer's Retry-After asks for, as the contract reads it; None: nothing valid.
    `odd`: it carried one that asks for nothing valid, or for more than the contract's cap.
    `persists`: nothing but the count of attempts forbids a further one.
    """

    after: int
    fault: str
    demand: Demand
    followed: bool
    gap: float | None = None
    in_time: Answer = "yes"
    eps: float = 0.0
    wait: tuple[float, float | None] = (0.0, None)
    asked: float | None = None
    odd: bool = False
    persists: bool = False


class OperationDemand(msgspec.Struct, frozen=True, gc=False):
    """All that the contract demanded of one operation, given what its attempts met.

    `least` and `most` bound the number of its attempts: least counts one that had to follow and
    did not; most is None where nothing bounds it. `limit`: least and greatest number of attempts
    that a lasting retryable failure uses up ((1, 1) for a probe); None: left open. `ends_as`: the
    keys it may end as, after its last attempt. `why`: the field that bounds the attempts. `until`:
    by when it must be over on the history's clock, without tolerance; None: nothing promises it.
    """

    op: int
    admission: Admission
    boundaries: tuple[Boundary, ...]
    least: int
    most: int | None
    limit: tuple[int, int] | None
    ends_as: frozenset[str]
    why: str
    until: float | None = None


ProbeResult = Literal["ok", "failed", "neutral", "pending"]


class Episode(msgspec.Struct, frozen=True, gc=False):
    """One stay of a circuit outside its closed state, as the contract has it.

    `opened`: least and greatest instant of the trip; `by`: the operation whose result tripped it
    (None: it was never seen to trip). `half_open`: by when its first probe was let through.
    `probes`: the probes in order, with what became of them. `closed`: by when it was closed; None:
    never again. `rejected`: operations that it had to refuse. `certain`: every order agrees.
    """

    key: Key
    opened: tuple[float, float]
    by: int | None
    half_open: float | None = None
    probes: tuple[tuple[int, ProbeResult], ...] = ()
    closed: float | None = None
    rejected: tuple[int, ...] = ()
    certain: bool = True


class Demands(msgspec.Struct, frozen=True, gc=False):
    """The oracle's answers for a whole reading, operations in order of id, as there.

    `at_end`: the modes that each circuit that was ever asked may be in after the last event. An
    open circuit stays `open` until somebody asks, also when its reset time is over.
    """

    operations: tuple[OperationDemand, ...]
    episodes: tuple[Episode, ...]
    at_end: tuple[tuple[Key, frozenset[Mode]], ...]

    def of(self, op: int) -> OperationDemand:
        """The demand on this operation; raises KeyError."""
        at = bisect_left(self.operations, op, key=lambda demand: demand.op)
        if at == len(self.operations) or self.operations[at].op != op:
            raise KeyError(op)
        return self.operations[at]
