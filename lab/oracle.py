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
            boundary.followed, boundary.in_time    # and what happened
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

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import product
from typing import Literal

from .attempts import Attempt, Operation, Reading
from .contract import (
    Breaker,
    Contract,
    RetryAfter,
    Scope,
    Vote,
    error_keys,
    groups_of,
    lookup,
    mapped_by,
    members,
)
from .tolerance import AT_ONCE, Answer, eps, within

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
Ran = Literal["yes", "no", "unseen"]


# --- what happened, as far as a contract cares ---------------------------------------------------


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
    ran: Ran


@dataclass(frozen=True, slots=True)
class AttemptBegan:
    """An attempt begins, by the client's own stamp where there is one; `late` as stamped."""

    t: float
    op: int
    number: int
    late: float | None = None


@dataclass(frozen=True, slots=True)
class AttemptEnded:
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


@dataclass(frozen=True, slots=True)
class Ended:
    """An operation ends; `keys` are what its exception may stand for.

    `lag`: seconds that its thread was kept waiting in all.
    """

    t: float
    op: int
    ending: Literal["ok", "failed", "cancelled", "unknown"]
    keys: frozenset[str] = frozenset()
    lag: float = 0.0


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


# --- what is demanded ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Key:
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


@dataclass(frozen=True, slots=True)
class Admission:
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


@dataclass(frozen=True, slots=True)
class Boundary:
    """What was demanded after one attempt, and what followed.

    `after` is the attempt's number, `fault` its observable. `gap`: seconds from its end, as the
    client could see it, to the begin of the next attempt; None if none followed. `in_time`: the
    judgement of that begin against `demand.earliest` and `latest`, with the tolerance `eps`.
    `wait`: least and greatest promised wait in seconds (greatest None: no bound). `asked`: the
    seconds that the answer's Retry-After asks for, as the contract reads it; None: nothing valid.
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
    persists: bool = False


@dataclass(frozen=True, slots=True)
class OperationDemand:
    """All that the contract demanded of one operation, given what its attempts met.

    `least` and `most` bound the number of its attempts: least counts one that had to follow and
    did not; most is None where nothing bounds it. `limit`: least and greatest number of attempts
    that a lasting retryable failure uses up ((1, 1) for a probe); None: left open. `ends_as`: the
    keys it may end as, after its last attempt. `why`: the field that bounds the attempts.
    """

    op: int
    admission: Admission
    boundaries: tuple[Boundary, ...]
    least: int
    most: int | None
    limit: tuple[int, int] | None
    ends_as: frozenset[str]
    why: str


ProbeResult = Literal["ok", "failed", "neutral", "pending"]


@dataclass(frozen=True, slots=True)
class Episode:
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


@dataclass(frozen=True, slots=True)
class Demands:
    """The oracle's answers for a whole reading, operations in the order of the reading.

    `at_end`: the modes that each circuit that was ever asked may be in after the last event. An
    open circuit stays `open` until somebody asks, also when its reset time is over.
    """

    operations: tuple[OperationDemand, ...]
    episodes: tuple[Episode, ...]
    at_end: tuple[tuple[Key, frozenset[Mode]], ...]

    def of(self, op: int) -> OperationDemand:
        """The demand on this operation; raises KeyError."""
        for demand in self.operations:
            if demand.op == op:
                return demand
        raise KeyError(op)


# --- worlds --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Circuit:
    """One circuit in one world. `by`: the operations of which one opened it."""

    mode: Mode = "closed"
    failures: int = 0
    successes: int = 0
    since: Since = "start"
    opened: tuple[float, float] = (0.0, 0.0)
    by: frozenset[int] = frozenset()
    probes: frozenset[int] = frozenset()


_CLOSED = _Circuit()


@dataclass(frozen=True, slots=True)
class _Permit:
    """Leave that one circuit gave to one operation; `late`: its mode has changed since."""

    key: Key
    probe: bool
    late: bool = False


@dataclass(frozen=True, slots=True)
class _World:
    """One order of things that explains what was seen.

    `permits`: operations let through whose result is not taken yet. `taken`: operations whose
    result was taken before they were seen to end. `excused`: operations still asking that could
    have been refused at some moment.
    """

    circuits: tuple[tuple[Key, _Circuit], ...] = ()
    permits: tuple[tuple[int, tuple[_Permit, ...]], ...] = ()
    taken: frozenset[int] = frozenset()
    excused: frozenset[int] = frozenset()

    def circuit(self, key: Key) -> _Circuit:
        return next((circuit for known, circuit in self.circuits if known == key), _CLOSED)

    def permit(self, op: int) -> tuple[_Permit, ...] | None:
        return next((permits for known, permits in self.permits if known == op), None)

    def with_circuits(self, changed: Mapping[Key, _Circuit]) -> _World:
        """With these circuits changed; who was let through by another mode of them is late."""
        moved = {key for key, circuit in changed.items() if circuit.mode != self.circuit(key).mode}
        circuits = tuple(sorted({**dict(self.circuits), **changed}.items(), key=lambda i: i[0]))
        permits = self.permits
        if moved:
            permits = tuple(
                (op, tuple(replace(p, late=True) if p.key in moved else p for p in held))
                for op, held in permits
            )
        return replace(self, circuits=circuits, permits=permits)

    def with_permit(self, op: int, permits: tuple[_Permit, ...]) -> _World:
        held = {**dict(self.permits), op: permits}
        return replace(self, permits=tuple(sorted(held.items())), excused=self.excused - {op})

    def without(self, op: int) -> _World:
        """The world without any trace of an operation that is over."""
        return replace(
            self,
            permits=tuple(item for item in self.permits if item[0] != op),
            taken=self.taken - {op},
            excused=self.excused - {op},
        )

    def order(self) -> str:
        """Something to sort worlds by, the same in every process."""
        return repr((self.circuits, self.permits, sorted(self.taken), sorted(self.excused)))


@dataclass(frozen=True, slots=True)
class _Call:
    """One operation, as far as it has been seen. `asking`: a breaker's answer is still out."""

    invoked: Invoked
    keys: tuple[Key, ...]
    asking: bool = True
    began: tuple[AttemptBegan, ...] = ()
    ended: tuple[AttemptEnded, ...] = ()
    cancel: float | None = None
    end: Ended | None = None

    @property
    def idle(self) -> bool:
        """Its last attempt is over: it waits, or its result is being taken."""
        return not self.asking and 0 < len(self.began) == len(self.ended)

    @property
    def first(self) -> float:
        """By when it had begun to work, by the latest."""
        return self.began[0].t if self.began else self.invoked.t

    def seen(self, event: OracleEvent) -> _Call:
        """With one more event of its own."""
        match event:
            case AttemptBegan():
                return replace(self, began=(*self.began, event))
            case AttemptEnded():
                return replace(self, ended=(*self.ended, event))
            case CancelRequested():
                return replace(self, cancel=event.t)
            case Ended():
                return replace(self, end=event)
            case Invoked() | Renewed():
                return self


@dataclass(frozen=True, slots=True)
class State:
    """What an oracle remembers; made by `begin` and `fold` only.

    `blurred`: more orders were possible than are followed, so nothing is called a deviation.
    """

    early: float = 0.001
    wall: float | None = None
    worlds: frozenset[_World] = frozenset((_World(),))
    calls: Mapping[int, _Call] = field(default_factory=dict)
    blurred: bool = False


_MANY = 512  # worlds that are followed at most


def begin(early: float = 0.001, wall: float | None = None) -> State:
    """The state before anything happened.

    `early`: the resolution of the client's clock in seconds. `wall`: the wall clock at t = 0, in
    seconds since 1970, for Retry-After dates; None: not known.
    """
    return State(early, wall)


def fold(contract: Contract, state: State, event: OracleEvent) -> State:
    """The state after an event. Events come in order of `t`."""
    return _step(contract, state, event)[0]


def _step(contract: Contract, state: State, event: OracleEvent) -> tuple[State, Admission | None]:
    """The state after an event, and what was demanded of the admission that it settles."""
    match event:
        case Invoked():
            call = _Call(event, _keys(contract, event))
            worlds = frozenset(_excuse(contract, state, world, [call]) for world in state.worlds)
            return replace(state, worlds=worlds, calls={**state.calls, event.op: call}), None
        case Renewed():
            kept = frozenset(
                replace(
                    world,
                    circuits=tuple(
                        (key, circuit) for key, circuit in world.circuits if key.life >= event.life
                    ),
                )
                for world in state.worlds
            )
            return replace(state, worlds=kept, blurred=False), None
        case CancelRequested() | AttemptBegan() | AttemptEnded() | Ended():
            pass
    call_before = state.calls.get(event.op)
    if call_before is None:
        return state, None
    admission: Admission | None = None
    if call_before.asking and isinstance(event, AttemptBegan | Ended):
        state, admission = _admit(contract, state, call_before, event.t)
    elif call_before.idle and isinstance(event, AttemptBegan):
        state, admission = _another(contract, state, call_before, event.t)
    asking = call_before.asking and admission is None
    call = replace(call_before, asking=asking).seen(event)
    state = replace(state, calls={**state.calls, event.op: call})
    if not isinstance(event, Ended):
        return state, admission
    if event.ending != "unknown":
        state = _settle(contract, state, call, event.t)
        if _per_attempt(contract) and call.idle:
            refused = "open" in event.keys
            again = _asking(state, call, "no" if refused else "unseen")
            after, admission = _admit(contract, again, again.calls[event.op], event.t)
            state = after if refused else state
        worlds = frozenset(world.without(event.op) for world in state.worlds)
        state = replace(state, worlds=worlds)
    calls = {op: known for op, known in state.calls.items() if op != event.op}
    return replace(state, calls=calls), admission


def _another(
    contract: Contract, state: State, call: _Call, now: float
) -> tuple[State, Admission | None]:
    """A further attempt began: orders in which the last one's result was taken are none.

    Where breakers count attempts, the result is taken, and the breakers are asked again.
    """
    op = call.invoked.op
    if _per_attempt(contract):
        state = _settle(contract, state, call, now)
        state = replace(state, worlds=frozenset(world.without(op) for world in state.worlds))
        state = _asking(state, call, "yes")
        return _admit(contract, state, state.calls[op], now)
    worlds = frozenset(world for world in state.worlds if op not in world.taken)
    return (replace(state, worlds=worlds) if worlds else state), None


def _asking(state: State, call: _Call, ran: Ran) -> State:
    """The state in which an operation asks again, since its last attempt ended."""
    asked = replace(call.invoked, t=call.ended[-1].low, ran=ran)
    return replace(
        state, calls={**state.calls, asked.op: replace(call, invoked=asked, asking=True)}
    )


def _per_attempt(contract: Contract) -> bool:
    return any(breaker.layer == "per_attempt" for breaker in contract.breaker or ())


def _keys(contract: Contract, invoked: Invoked) -> tuple[Key, ...]:
    keys = []
    for number, breaker in enumerate(contract.breaker or ()):
        service = "" if breaker.scope == "client" else invoked.service
        endpoint = invoked.endpoint if breaker.scope == "endpoint" else ""
        keys.append(Key(number, breaker.scope, service, endpoint, invoked.life))
    return tuple(keys)


def _breaker(contract: Contract, key: Key) -> Breaker:
    assert contract.breaker is not None
    return contract.breaker[key.breaker]


# --- admission -----------------------------------------------------------------------------------


def _answers(
    contract: Contract, state: State, world: _World, key: Key, low: float, high: float
) -> frozenset[Literal["admit", "refuse"]]:
    """What one circuit can have answered at some instant from `low` to `high`."""
    circuit, breaker = world.circuit(key), _breaker(contract, key)
    match circuit.mode:
        case "closed":
            return frozenset(("admit",))
        case "half_open":
            free = len(circuit.probes) < breaker.half_open.probes
            return frozenset(("admit" if free else "refuse",))
        case "open":
            if breaker.reset_timeout is None:
                return frozenset(("admit", "refuse"))
            answers: set[Literal["admit", "refuse"]] = set()
            if low < circuit.opened[1] + breaker.reset_timeout + state.early:
                answers.add("refuse")
            if high >= circuit.opened[0] + breaker.reset_timeout - state.early:
                answers.add("admit")
            return frozenset(answers)


def _let_through(world: _World, call: _Call) -> _World:
    """The world in which every circuit of an operation gave it leave."""
    op = call.invoked.op
    changed: dict[Key, _Circuit] = {}
    permits = []
    for key in call.keys:
        circuit = world.circuit(key)
        probe = circuit.mode != "closed"
        if circuit.mode == "open":
            circuit = replace(circuit, mode="half_open", successes=0, probes=frozenset())
        if probe:
            circuit = replace(circuit, probes=circuit.probes | {op})
            changed[key] = circuit
        permits.append(_Permit(key, probe))
    return world.with_circuits(changed).with_permit(op, tuple(permits))


def _refusers(
    contract: Contract, state: State, world: _World, call: _Call, now: float, *, surely: bool
) -> tuple[Key, ...]:
    """The circuits that could (`surely`: had to) refuse an operation in a world."""
    found = []
    for key in call.keys:
        answers = _answers(contract, state, world, key, call.invoked.t, now)
        if "refuse" in answers and not (surely and "admit" in answers):
            found.append(key)
    return tuple(found)


def _excuse(contract: Contract, state: State, world: _World, calls: Iterable[_Call]) -> _World:
    """Note the refused operations that can have been refused as the world stands now."""
    excused = {
        call.invoked.op
        for call in calls
        if call.asking
        and call.invoked.ran == "no"
        and _refusers(contract, state, world, call, call.invoked.t, surely=False)
    }
    return replace(world, excused=world.excused | excused) if excused else world


def _admit(contract: Contract, state: State, call: _Call, now: float) -> tuple[State, Admission]:
    """Settle whether an operation was let through, at `now` by the latest."""
    op, ran = call.invoked.op, call.invoked.ran
    state = replace(state, calls={**state.calls, op: call})
    state = _earlier(contract, state, op, now)
    admitted: set[_World] = set()
    refused: set[_World] = set()
    for world in state.worlds:
        if world.permit(op) is not None:
            admitted.add(world)
            continue
        if op in world.excused:
            refused.add(world)
        could = _refusers(contract, state, world, call, now, surely=False)
        surely = _refusers(contract, state, world, call, now, surely=True)
        if could:
            refused.add(world)
        if not surely and op not in world.excused:
            admitted.add(_let_through(world, call))
    demand = _admission_demand(contract, bool(admitted), bool(refused), state, call, now)
    worlds = {"yes": admitted, "no": refused, "unseen": admitted | refused}[ran]
    explained = bool(worlds) or state.blurred
    if contract.breaker is None:
        worlds, explained = set(state.worlds), True
        demand = Demand("may", why="breaker: left open")
    elif state.blurred:
        demand = Demand("may", why="more orders than can be told apart")
    if not worlds:
        worlds = set(_deviated(contract, state, call, now))
    probes = {any(permit.probe for permit in world.permit(op) or ()) for world in worlds}
    admission = Admission(
        demand=demand,
        ran=ran,
        explained=explained,
        probe="maybe" if len(probes) > 1 else "yes" if True in probes else "no",
        refusers=_agreed_refusers(contract, state, call, now) if demand.start == "must_not" else (),
        retry_in=_retry_in(contract, state, call, now) if refused else None,
        standings=_standings(contract, state, call, now),
    )
    others = _waiting(state, call)
    noted = frozenset(_excuse(contract, state, world, others) for world in worlds)
    return replace(state, worlds=noted), admission


def _deviated(contract: Contract, state: State, call: _Call, now: float) -> Iterator[_World]:
    """Worlds to go on with after a deviation: as the contract has it, and as the client seems to."""
    op = call.invoked.op
    for world in state.worlds:
        if call.invoked.ran == "no":
            yield world  # a refusal out of nothing
            for key in call.keys:
                breaker, circuit = _breaker(contract, key), world.circuit(key)
                opened = replace(
                    circuit,
                    mode="open",
                    since="trip",
                    opened=(call.invoked.t - (breaker.reset_timeout or 0.0), now),
                    by=frozenset(),
                    failures=0,
                    probes=frozenset(),
                )
                yield world.with_circuits({key: opened})
        else:
            yield world.with_permit(op, ())  # its result counts nowhere
            yield _let_through(world, call)  # it was taken for a probe


def _admission_demand(
    contract: Contract, admit: bool, refuse: bool, state: State, call: _Call, now: float
) -> Demand:
    if not refuse:
        return Demand("must", earliest=call.invoked.t, why=_why_admitted(state, call))
    why = _why_refused(contract, state, call, now)
    if admit:
        return Demand("may", why=why)
    return Demand("must_not", ends_as=frozenset(("open",)), why=why)


def _why_admitted(state: State, call: _Call) -> str:
    if not call.keys:
        return "breaker: none"
    modes = {world.circuit(key).mode for world in state.worlds for key in call.keys}
    return "breaker: closed" if modes == {"closed"} else "breaker.half_open.probes"


def _why_refused(contract: Contract, state: State, call: _Call, now: float) -> str:
    for world in sorted(state.worlds, key=_World.order):
        for key in _refusers(contract, state, world, call, now, surely=False):
            breaker = _breaker(contract, key)
            if world.circuit(key).mode == "half_open":
                return f"breaker.half_open.probes: {breaker.half_open.probes} ({key})"
            return f"breaker.reset_timeout: {breaker.reset_timeout} ({key})"
    return "breaker"


def _agreed_refusers(contract: Contract, state: State, call: _Call, now: float) -> tuple[Key, ...]:
    lists = [_refusers(contract, state, world, call, now, surely=False) for world in state.worlds]
    return tuple(key for key in call.keys if all(key in refusers for refusers in lists))


def _retry_in(
    contract: Contract, state: State, call: _Call, now: float
) -> tuple[float, float] | None:
    """The longest wait among the refusing circuits, in any world; a held probe names 0."""
    low, high = math.inf, 0.0
    for world in state.worlds:
        waits = [(0.0, 0.0)]
        for key in _refusers(contract, state, world, call, now, surely=False):
            circuit, reset = world.circuit(key), _breaker(contract, key).reset_timeout
            if circuit.mode == "open":
                if reset is None:
                    return None
                waits.append((circuit.opened[0] + reset - now, circuit.opened[1] + reset))
        low = min(low, max(wait[0] for wait in waits))
        high = max(high, *(wait[1] - call.invoked.t for wait in waits))
    return max(0.0, low), max(0.0, high)


def _standings(contract: Contract, state: State, call: _Call, now: float) -> tuple[Standing, ...]:
    found = []
    for key in call.keys:
        circuits = [
            world.circuit(key) for world in state.worlds if world.permit(call.invoked.op) is None
        ] or [world.circuit(key) for world in state.worlds]
        answers = {
            answer
            for world in state.worlds
            if world.permit(call.invoked.op) is None
            for answer in _answers(contract, state, world, key, call.invoked.t, now)
        }
        reset = _breaker(contract, key).reset_timeout
        opened = [circuit.opened for circuit in circuits if circuit.mode == "open"]
        found.append(
            Standing(
                key=key,
                modes=frozenset(circuit.mode for circuit in circuits),
                failures=(min(c.failures for c in circuits), max(c.failures for c in circuits)),
                since=frozenset(circuit.since for circuit in circuits),
                until=None
                if not opened or reset is None
                else (min(o[0] for o in opened) + reset, max(o[1] for o in opened) + reset),
                opened_by=frozenset(op for c in circuits if c.mode != "closed" for op in c.by),
                probing=frozenset(op for circuit in circuits for op in circuit.probes),
                start="must_not"
                if answers == {"refuse"}
                else "may"
                if "refuse" in answers
                else "must",
            )
        )
    return tuple(found)


# --- results -------------------------------------------------------------------------------------


def _settle(contract: Contract, state: State, call: _Call, now: float) -> State:
    """Take the result of an operation (or of its last attempt), at `now` by the latest."""
    op = call.invoked.op
    if not call.keys:
        return state
    state = _earlier(contract, state, op, now)
    worlds: set[_World] = set()
    for world in state.worlds:
        if op in world.taken or world.permit(op) is None:
            worlds.add(world)
        else:
            worlds.update(_taken(contract, state, world, call, now))
    waiting = _waiting(state, call)
    return replace(
        state,
        worlds=frozenset(_excuse(contract, state, world, waiting) for world in worlds),
    )


def _taken(
    contract: Contract, state: State, world: _World, call: _Call, now: float
) -> Iterator[_World]:
    """The worlds in which the circuits take an operation's result next."""
    op = call.invoked.op
    permits = world.permit(op) or ()
    opened = (min(_settled_from(call), now), now)
    released = replace(world, permits=tuple(item for item in world.permits if item[0] != op))
    released = replace(released, taken=released.taken | {op})
    for result in sorted(_results(call)):
        choices = [
            [
                (permit.key, circuit)
                for circuit in _after_vote(
                    _breaker(contract, permit.key),
                    world.circuit(permit.key),
                    permit,
                    result,
                    op,
                    opened,
                )
            ]
            for permit in permits
        ]
        for choice in product(*choices):
            changed = dict(choice)
            trips = any(
                circuit.mode == "open" and world.circuit(key).mode == "closed"
                for key, circuit in changed.items()
            )
            yield released.with_circuits(changed)
            if trips:
                # Whoever was still asking may have been let through before the trip.
                through = released
                for other in _waiting(state, call):
                    admissible = all(through.circuit(k).mode == "closed" for k in other.keys)
                    if (
                        other.invoked.ran == "yes"
                        and admissible
                        and through.permit(other.invoked.op) is None
                    ):
                        through = _let_through(through, other)
                if through is not released:
                    yield through.with_circuits(changed)


def _settled_from(call: _Call) -> float:
    """From when on the client can have known the result."""
    return call.ended[-1].low if call.ended else call.first


def _results(call: _Call) -> frozenset[str]:
    """The keys that an operation's result may be to a breaker; `unknown` stands for any."""
    if call.end is not None and call.end.ending == "cancelled":
        return frozenset(("cancelled",))
    if not call.ended or len(call.ended) < len(call.began):
        keys = call.end.keys if call.end is not None else frozenset[str]()
        alone = keys & {"pool_exhausted", "local", "deadline"}
        return alone if alone and not call.began else frozenset(("unknown",))
    last = call.ended[-1].observable
    results = {"unknown" if last in ("unknown", "pending") else last}
    if call.end is not None and call.end.keys and not _stands_for(call.end.keys, last):
        # It ended as something that no attempt shows: it may have failed here, not there.
        results |= call.end.keys & {"pool_exhausted", "local"}
    return frozenset(results)


def _stands_for(keys: frozenset[str], observable: str) -> bool:
    return any(key in keys for key in (observable, *groups_of(observable)))


_VOTES: tuple[Vote, ...] = ("counts", "success", "neutral")


def _after_vote(
    breaker: Breaker,
    circuit: _Circuit,
    permit: _Permit,
    result: str,
    op: int,
    opened: tuple[float, float],
) -> Iterator[_Circuit]:
    """What a circuit may be after it took a result."""
    vote = None if result == "unknown" else breaker.vote(result)
    circuit = replace(circuit, probes=circuit.probes - {op})
    if permit.late and breaker.late_results != "count":
        yield circuit
        if breaker.late_results == "ignore":
            return
    for each in (vote,) if vote is not None else _VOTES:
        yield from _voted(breaker, circuit, each, op, opened)


def _voted(
    breaker: Breaker, circuit: _Circuit, vote: Vote, op: int, opened: tuple[float, float]
) -> Iterator[_Circuit]:
    tripped = replace(
        circuit,
        mode="open",
        failures=0,
        successes=0,
        opened=opened,
        by=frozenset((op,)),
        probes=frozenset(),
        since="probe_failed" if circuit.mode == "half_open" else "trip",
    )
    match vote, circuit.mode:
        case "neutral", _:
            yield circuit
        case "counts", "closed":
            failures = circuit.failures + 1
            if breaker.fail_max is None or failures >= breaker.fail_max:
                yield tripped
            if breaker.fail_max is None or failures < breaker.fail_max:
                yield replace(circuit, failures=failures)
        case "success", "closed":
            yield replace(circuit, failures=0)
        case "counts", _:
            yield tripped
        case "success", "half_open":
            if circuit.successes + 1 < breaker.half_open.success_threshold:
                yield replace(circuit, successes=circuit.successes + 1)
            else:
                yield _Circuit(since="probe_ok")
        case "success", _:
            yield circuit


# --- orders --------------------------------------------------------------------------------------


def _waiting(state: State, but: _Call) -> list[_Call]:
    """The operations that are asking, in order, but one."""
    return [
        call
        for op, call in sorted(state.calls.items())
        if call.asking and op != but.invoked.op and call.invoked.life == but.invoked.life
    ]


def _earlier(contract: Contract, state: State, op: int, now: float) -> State:
    """Add the worlds in which other pending things came before what is settled now.

    Only things that can change a circuit are tried: results, and admissions to a circuit that is
    not closed. Results of one kind are tried in the order in which their attempts ended.
    """
    this = state.calls[op]
    if not this.keys or state.blurred:
        return state
    results = [
        call
        for other, call in sorted(state.calls.items())
        if other != op and call.idle and set(call.keys) & _reach(state, this)
    ]
    results.sort(key=lambda call: call.ended[-1].low)
    asking = [call for call in _waiting(state, this) if call.invoked.ran != "no"]
    everyone = _waiting(state, this) + ([this] if this.asking else [])
    found = _Found(_excuse(contract, state, world, everyone) for world in state.worlds)
    while (world := found.next()) is not None:
        for next_world in (
            *_results_next(contract, state, world, results, now),
            *_admissions_next(contract, state, world, asking, now),
        ):
            found.add(_excuse(contract, state, next_world, everyone))
        if len(found.worlds) >= _MANY:
            return replace(state, blurred=True)
    return replace(state, worlds=frozenset(found.worlds.values()))


class _Found:
    """Worlds by all in which they must not differ to be taken for one.

    Worlds that differ only in when a circuit opened, and by whom, are one with the wider span.
    """

    def __init__(self, worlds: Iterable[_World]) -> None:
        self.worlds: dict[_World, _World] = {}
        self.todo: list[_World] = []
        for world in worlds:
            self.add(world)

    def add(self, world: _World) -> None:
        """Take in a world, and put it among those to go on from if it says anything new."""
        shape = self._shape(world)
        known = self.worlds.get(shape)
        if known is not None:
            world = _both(known, world)
            if world == known:
                return
        self.worlds[shape] = world
        self.todo.append(world)

    def next(self) -> _World | None:
        """One to go on from; a world that has become a wider one is passed over."""
        while self.todo:
            world = self.todo.pop()
            if self.worlds[self._shape(world)] == world:
                return world
        return None

    @staticmethod
    def _shape(world: _World) -> _World:
        return replace(
            world,
            circuits=tuple(
                (key, replace(circuit, opened=(0.0, 0.0), by=frozenset()))
                for key, circuit in world.circuits
            ),
        )


def _both(one: _World, other: _World) -> _World:
    return replace(
        one,
        circuits=tuple(
            (
                key,
                replace(
                    a,
                    opened=(min(a.opened[0], b.opened[0]), max(a.opened[1], b.opened[1])),
                    by=a.by | b.by,
                ),
            )
            for (key, a), (_, b) in zip(one.circuits, other.circuits, strict=True)
        ),
    )


def _reach(state: State, this: _Call) -> set[Key]:
    """The circuits that an operation's own hang together with through what is in flight."""
    keys = set(this.keys)
    while True:
        more = {key for call in state.calls.values() if set(call.keys) & keys for key in call.keys}
        if more <= keys:
            return keys
        keys |= more


def _results_next(
    contract: Contract, state: State, world: _World, results: list[_Call], now: float
) -> Iterator[_World]:
    tried: set[tuple[frozenset[str], tuple[Key, ...], tuple[tuple[bool, bool], ...]]] = set()
    for call in results:
        permits = world.permit(call.invoked.op)
        if not permits or call.invoked.op in world.taken:
            continue
        kind = (
            _results(call),
            call.keys,
            tuple((permit.probe, permit.late) for permit in permits),
        )
        if kind in tried:
            continue
        tried.add(kind)
        for taken in _taken(contract, state, world, call, now):
            if taken.circuits != world.circuits:
                yield taken


def _admissions_next(
    contract: Contract, state: State, world: _World, asking: list[_Call], now: float
) -> Iterator[_World]:
    for call in asking:
        if world.permit(call.invoked.op) is not None:
            continue
        if all(world.circuit(key).mode == "closed" for key in call.keys):
            continue
        if not _refusers(contract, state, world, call, now, surely=True):
            yield _let_through(world, call)


# --- attempts ------------------------------------------------------------------------------------

_PHASES = ("connect", "headers", "body")


def _phase_of(observable: str) -> str:
    if observable in members("connect"):
        return "connect"
    if observable == "read_timeout_body" or observable in members("body") | members("unusable"):
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


def _asked(rules: RetryAfter, text: str, wall: float | None) -> tuple[float, float] | None:
    """Least and greatest seconds that a Retry-After asks for; None: nothing valid.

    `wall`: the wall clock at that time. Without it a date may ask for anything.
    """
    text = text.strip(" \t")
    if ("s" in rules.forms and _WHOLE.fullmatch(text)) or (
        "float" in rules.forms and _FRACTION.fullmatch(text)
    ):
        return float(text), float(text)
    if "date" not in rules.forms:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return None
    if wall is None:
        return 0.0, math.inf
    seconds = date.replace(tzinfo=date.tzinfo or UTC).timestamp() - wall
    return max(0.0, seconds - _DATE_SLACK), max(0.0, seconds + _DATE_SLACK)


@dataclass(frozen=True, slots=True)
class _Wait:
    """The promised wait before a further attempt, and whether it lets one happen at all."""

    low: float = 0.0
    high: float | None = None
    asked: float | None = None
    start: Start = "must"
    why: str = ""


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
    if asked is None:
        start: Start = "must" if rules.invalid == "backoff" else "must_not"
        return _Wait(low, high, start=start, why=f"retry_after.invalid: {rules.invalid}")
    if rules.cap is not None and asked[1] > rules.cap and rules.over_cap != "obey":
        if rules.over_cap == "no_retry":
            start = "must_not" if asked[0] > rules.cap else "may"
            return _Wait(
                asked[0], None, asked[0], start, f"retry_after.over_cap: no_retry ({rules.cap:g} s)"
            )
        asked = (min(asked[0], rules.cap), rules.cap)
    why = f"retry_after.beats_backoff: {rules.beats_backoff}"
    if rules.beats_backoff == "replace":
        return _Wait(asked[0], _finite(asked[1]), asked[0], why=why)
    longest = None if high is None else _finite(max(high, asked[1]))
    return _Wait(max(low, asked[0]), longest, asked[0], why=why)


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None


def _in_deadline(contract: Contract, call: _Call, last: AttemptEnded, wait: _Wait) -> Start:
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


def _limit(
    contract: Contract, probe: Literal["yes", "no", "maybe"]
) -> tuple[tuple[int, int] | None, str]:
    """Least and greatest promised number of attempts, and the field that says so."""
    most = contract.attempts.max
    probing = [b.half_open.attempts for b in contract.breaker or () if b.half_open.attempts]
    short = min(probing) if probing else None
    if probe == "no" or short is None:
        return (None if most is None else (most, most)), f"attempts.max: {most}"
    least = short if most is None else min(short, most)
    if probe == "yes":
        return (least, least), f"breaker.half_open.attempts: {short}"
    return (None if most is None else (least, most)), f"attempts.max: {most}"


_ORDER: tuple[Start, ...] = ("must_not", "may", "must")


def _boundary(
    contract: Contract,
    call: _Call,
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
    at = None if wall is None else wall + last.high
    wait = _wait(contract, number, last.retry_after, at)
    limit, limiting = _limit(contract, probe)
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
    retried = _retried(contract, call.invoked, last.observable)
    rest: list[tuple[Start, str]] = [
        retried,
        (cancelled, "cancelled"),
        (wait.start, wait.why),
        (_in_deadline(contract, call, last, wait), f"deadline.total: {contract.deadline.total}"),
        (stopped, "the run ended"),
    ]
    if again is not None:
        rest.append((again.start, again.why))
    start, why = min([retried, (count, limiting), *rest[1:]], key=lambda r: _ORDER.index(r[0]))
    following = call.began[number] if number < len(call.began) else None
    earliest = last.low + wait.low
    latest = None if wait.high is None else last.high + wait.high
    ended_late, began_late = last.late, following.late if following is not None else None
    tolerance = eps(ended_late or 0.0, began_late or 0.0)
    if ended_late is None or began_late is None:  # then the whole operation's must do
        tolerance = eps(0.0, call.end.lag if call.end is not None else 0.0)
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
        persists=all(each == "must" for each, _ in rest),
    )


def _ends_as(contract: Contract, call: _Call, number: int, early: float) -> frozenset[str]:
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
    if _per_attempt(contract) and last.observable != "ok":
        keys.add("open")
    return frozenset(keys)


def _ends_without(
    contract: Contract, call: _Call, admission: Admission, early: float
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


def next_demand(contract: Contract, state: State, op: int, now: float) -> Demand:
    """What the contract demands of an operation at `now`, which no event recorded may follow.

    Raises KeyError for an operation that is not under way.
    """
    call = state.calls[op]
    if call.asking:
        asked = replace(call, invoked=replace(call.invoked, ran="unseen"))
        return _admit(contract, state, asked, now)[1].demand
    if not call.idle:
        return Demand("must_not", why="an attempt is in flight")
    probes = {any(permit.probe for permit in world.permit(op) or ()) for world in state.worlds}
    probe: Literal["yes", "no", "maybe"] = (
        "maybe" if len(probes) > 1 else "yes" if True in probes else "no"
    )
    return _boundary(contract, call, len(call.ended), probe, state.wall, state.early).demand


# --- a whole reading -----------------------------------------------------------------------------


def timeline(contract: Contract, reading: Reading) -> tuple[OracleEvent, ...]:
    """What happened in a reading, as oracle events in order of `t`."""
    events: list[OracleEvent] = [
        Renewed(life.opened, number) for number, life in enumerate(reading.incarnations) if number
    ]
    for operation in reading.operations:
        events += _told(contract, operation)
    return tuple(
        sorted(events, key=lambda event: event.t)
    )  # stable: each operation keeps its order


def _told(contract: Contract, operation: Operation) -> Iterator[OracleEvent]:
    keys = error_keys(contract, operation.errors)
    ran: Ran = "unseen"
    if operation.attempts:
        ran = "yes"
    elif operation.ending == "failed" and "open" in keys:
        ran = "no"
    yield Invoked(
        t=operation.invoked,
        op=operation.id,
        service=operation.service,
        endpoint=operation.endpoint,
        idempotent=operation.idempotent,
        keyed=operation.keyed,
        life=operation.incarnation,
        ran=ran,
    )
    if operation.cancel_requested is not None:
        yield CancelRequested(operation.cancel_requested, operation.id)
    now = operation.invoked
    for number, attempt in enumerate(operation.attempts, 1):
        now = max(now, _began_at(attempt))
        yield AttemptBegan(now, operation.id, number, _began_late(attempt))
        later = operation.attempts[number:]
        until = _began_at(later[0]) if later else operation.ended
        ended = _end_of(operation.id, number, attempt, now, until)
        if ended is not None:
            now = max(now, ended.t)
            yield replace(ended, t=now)
    if operation.ended is not None:
        yield Ended(max(now, operation.ended), operation.id, operation.ending, keys, operation.lag)


def _began_at(attempt: Attempt) -> float:
    return attempt.begun if attempt.told.begun is None else attempt.told.begun


def _began_late(attempt: Attempt) -> float | None:
    return None if attempt.told.begun is None else attempt.told.begun_late


def _end_of(
    op: int, number: int, attempt: Attempt, began: float, until: float | None
) -> AttemptEnded | None:
    """An attempt's end with the span in which the client can have learnt of it.

    What the lab did is stamped before the client could see it. What the client did (it gave up)
    is stamped when it arrived, which may be late; its own stamp then bounds it from below.
    """
    told = attempt.told.ended
    if attempt.seen is None and told is None and until is None:
        return None
    seen = attempt.seen if attempt.seen is not None else told if told is not None else until
    assert seen is not None
    high = seen if told is None else max(seen, told)
    if attempt.gave_up or attempt.observable in ("connect_timeout", "pending", "unknown"):
        blind = told is None or attempt.observable == "read_timeout_body"  # told of its head only
        low = seen - AT_ONCE if blind or told is None else min(seen, told)
        low = max(began, low)
    elif told is not None and not attempt.headless:
        low = max(seen, told) if told >= began else seen
    else:
        low = seen
    if until is not None:
        low, high = min(low, until), min(high, until)
    return AttemptEnded(
        t=low,
        op=op,
        number=number,
        observable=attempt.observable,
        low=low,
        high=high,
        retry_after=attempt.retry_after,
        gave_up=attempt.gave_up,
        late=None if told is None else attempt.told.ended_late,
    )


def demands(contract: Contract, reading: Reading) -> Demands:
    """Fold a whole reading, and collect what was demanded at each point of it."""
    early = reading.header.early
    state = begin(early, _wall(reading.header.wall))
    calls: dict[int, _Call] = {}
    admissions: dict[int, Admission] = {}
    again: dict[tuple[int, int], Demand] = {}
    lives = _Lives()
    for event in timeline(contract, reading):
        state, admission = _step(contract, state, event)
        if isinstance(event, Invoked):
            calls[event.op] = _Call(event, _keys(contract, event))
            lives.asked.update(calls[event.op].keys)
        elif not isinstance(event, Renewed):
            calls[event.op] = calls[event.op].seen(event)
            if admission is not None:
                if event.op in admissions:
                    again[event.op, len(calls[event.op].ended)] = admission.demand
                admissions.setdefault(event.op, admission)
                lives.refused(event.op, admission)
        lives.follow(state, event)
    for op, call in calls.items():
        if op not in admissions:  # it never ended
            admissions[op] = _admit(contract, state, call, max(reading.end, call.invoked.t))[1]
    operations = tuple(
        _of_operation(contract, calls[each.id], admissions[each.id], state, again)
        for each in reading.operations
    )
    return Demands(operations, lives.episodes(), lives.at_end(state))


def _wall(text: str) -> float | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when.replace(tzinfo=when.tzinfo or UTC).timestamp()


def _of_operation(
    contract: Contract,
    call: _Call,
    admission: Admission,
    state: State,
    again: Mapping[tuple[int, int], Demand],
) -> OperationDemand:
    boundaries = tuple(
        _boundary(
            contract,
            call,
            number,
            admission.probe,
            state.wall,
            state.early,
            again.get((call.invoked.op, number)),
        )
        for number in range(1, len(call.ended) + 1)
    )
    limit, limiting = _limit(contract, admission.probe)
    begun = len(call.began)
    if not begun:
        start = admission.demand.start
        ends = _ends_without(contract, call, admission, state.early)
        most = 0 if start == "must_not" else limit[1] if limit is not None else None
        least = 1 if start == "must" else 0
        return OperationDemand(
            call.invoked.op, admission, (), least, most, limit, ends, admission.demand.why
        )
    least, most, why = begun, limit[1] if limit is not None else None, limiting
    for boundary in boundaries:
        if boundary.demand.start != "must":
            least = min(least, boundary.after)
        if boundary.demand.start == "must_not":
            most = boundary.after if most is None else min(most, boundary.after)
            why = boundary.demand.why
            break
    else:
        if len(boundaries) == begun and boundaries[-1].demand.start == "must":
            least = least + 1 if least == begun else least
            why = boundaries[-1].demand.why
    if admission.demand.start == "must_not":
        least, most, why = 0, 0, admission.demand.why
    ends_as = boundaries[-1].demand.ends_as if len(boundaries) == begun else frozenset[str]()
    return OperationDemand(call.invoked.op, admission, boundaries, least, most, limit, ends_as, why)


class _Lives:
    """Collects the episodes of every circuit while a reading is folded."""

    def __init__(self) -> None:
        self.asked: set[Key] = set()
        self._last: dict[Key, _Circuit] = {}
        self._open: dict[Key, Episode] = {}
        self._over: list[Episode] = []

    def refused(self, op: int, admission: Admission) -> None:
        """Note an operation that circuits had to refuse."""
        for key in admission.refusers:
            if key in self._open:
                known = self._open[key]
                self._open[key] = replace(known, rejected=(*known.rejected, op))

    def follow(self, state: State, event: OracleEvent) -> None:
        """Note what an event changed, in the first world, and whether all agree."""
        first = min(state.worlds, key=_World.order)
        for key, circuit in first.circuits:
            before = self._last.get(key, _CLOSED)
            self._last[key] = circuit
            if circuit == before and key not in self._open:
                continue
            agreed = all(world.circuit(key).mode == circuit.mode for world in state.worlds)
            if circuit.mode != "closed" and key not in self._open:
                self._open[key] = Episode(key, circuit.opened, min(circuit.by, default=None))
            if key in self._open:
                self._change(key, before, circuit, event.t, agreed=agreed)
        for key in [key for key in self._open if key not in dict(first.circuits)]:
            self._over.append(self._open.pop(key))  # the subject was opened anew
            self._last.pop(key, None)

    def _change(
        self, key: Key, before: _Circuit, after: _Circuit, now: float, *, agreed: bool
    ) -> None:
        known = replace(self._open[key], certain=self._open[key].certain and agreed)
        result: ProbeResult = "neutral"
        if after.mode != "half_open":
            result = "ok" if after.mode == "closed" else "failed"
        gone = before.probes - after.probes
        probes = tuple(
            (op, result if op in gone and became == "pending" else became)
            for op, became in known.probes
        )
        begun = sorted(after.probes - before.probes)
        pending: ProbeResult = "pending"
        known = replace(known, probes=(*probes, *((op, pending) for op in begun)))
        if known.half_open is None and after.mode == "half_open":
            known = replace(known, half_open=now)
        if after.mode == "closed":
            self._over.append(replace(known, closed=now))
            del self._open[key]
        else:
            self._open[key] = known

    def episodes(self) -> tuple[Episode, ...]:
        """All of them, in order of their opening."""
        every = [*self._over, *self._open.values()]
        return tuple(sorted(every, key=lambda episode: (episode.opened, episode.key)))

    def at_end(self, state: State) -> tuple[tuple[Key, frozenset[Mode]], ...]:
        """How each circuit that was asked may stand now."""
        return tuple(
            (key, frozenset(world.circuit(key).mode for world in state.worlds))
            for key in sorted(self.asked)
        )
