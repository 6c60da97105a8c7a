"""Breakers: who had to be let through, and what results do, over every order that explains it.

Counterparts: state.py is what moves here, retries.py knows all that needs no breaker.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Literal

from ..contract import Breaker, Contract, Vote, groups_of
from .demand import (
    Admission,
    AttemptBegan,
    AttemptEnded,
    CancelRequested,
    Demand,
    Ended,
    Invoked,
    Key,
    OracleEvent,
    Ran,
    Renewed,
    Standing,
)
from .state import Call, Circuit, Permit, State, World

_MANY = 512  # worlds that are followed at most


def fold(contract: Contract, state: State, event: OracleEvent) -> State:
    """The state after an event. Events come in order of `t`."""
    return step(contract, state, event)[0]


def step(contract: Contract, state: State, event: OracleEvent) -> tuple[State, Admission | None]:
    """The state after an event, and what was demanded of the admission that it settles."""
    match event:
        case Invoked():
            call = Call(event, keys_of(contract, event))
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
        state, admission = admit(contract, state, call_before, event.t)
    elif call_before.idle and isinstance(event, AttemptBegan):
        state, admission = _another(contract, state, call_before, event.t)
    asking = call_before.asking and admission is None
    call = replace(call_before, asking=asking).seen(event)
    state = replace(state, calls={**state.calls, event.op: call})
    if not isinstance(event, Ended):
        return state, admission
    if event.ending != "unknown":
        state = _settle(contract, state, call, event.t)
        if contract.counts_attempts and call.idle:
            refused = "open" in event.keys
            again = _asking(state, call, "no" if refused else "unseen")
            after, admission = admit(contract, again, again.calls[event.op], event.t)
            state = after if refused else state
        worlds = frozenset(world.without(event.op) for world in state.worlds)
        state = replace(state, worlds=worlds)
    calls = {op: known for op, known in state.calls.items() if op != event.op}
    return replace(state, calls=calls), admission


def _another(
    contract: Contract, state: State, call: Call, now: float
) -> tuple[State, Admission | None]:
    """A further attempt began: orders in which the last one's result was taken are none.

    Where breakers count attempts, the result is taken, and the breakers are asked again.
    """
    op = call.invoked.op
    if contract.counts_attempts:
        state = _settle(contract, state, call, now)
        state = replace(state, worlds=frozenset(world.without(op) for world in state.worlds))
        state = _asking(state, call, "yes")
        return admit(contract, state, state.calls[op], now)
    worlds = frozenset(world for world in state.worlds if op not in world.taken)
    return (replace(state, worlds=worlds) if worlds else state), None


def _asking(state: State, call: Call, ran: Ran) -> State:
    """The state in which an operation asks again, since its last attempt ended."""
    asked = replace(call.invoked, t=call.ended[-1].low, ran=ran)
    return replace(
        state, calls={**state.calls, asked.op: replace(call, invoked=asked, asking=True)}
    )


def keys_of(contract: Contract, invoked: Invoked) -> tuple[Key, ...]:
    """The circuits that an operation asks, in the order of the contract."""
    keys = []
    for number, breaker in enumerate(contract.breaker or ()):
        service = "" if breaker.scope == "client" else invoked.service
        endpoint = invoked.endpoint if breaker.scope == "endpoint" else ""
        keys.append(Key(number, breaker.scope, service, endpoint, invoked.life))
    return tuple(keys)


def _breaker(contract: Contract, key: Key) -> Breaker:
    assert contract.breaker is not None
    return contract.breaker[key.breaker]


def _answers(
    contract: Contract, state: State, world: World, key: Key, low: float, high: float
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


def _let_through(world: World, call: Call) -> World:
    """The world in which every circuit of an operation gave it leave."""
    op = call.invoked.op
    changed: dict[Key, Circuit] = {}
    permits = []
    for key in call.keys:
        circuit = world.circuit(key)
        probe = circuit.mode != "closed"
        if circuit.mode == "open":
            circuit = replace(circuit, mode="half_open", successes=0, probes=frozenset())
        if probe:
            circuit = replace(circuit, probes=circuit.probes | {op})
            changed[key] = circuit
        permits.append(Permit(key, probe))
    return world.with_circuits(changed).with_permit(op, tuple(permits))


def _refusers(
    contract: Contract, state: State, world: World, call: Call, now: float, *, surely: bool
) -> tuple[Key, ...]:
    """The circuits that could (`surely`: had to) refuse an operation in a world."""
    found = []
    for key in call.keys:
        answers = _answers(contract, state, world, key, call.invoked.t, now)
        if "refuse" in answers and not (surely and "admit" in answers):
            found.append(key)
    return tuple(found)


def _excuse(contract: Contract, state: State, world: World, calls: Iterable[Call]) -> World:
    """Note the refused operations that can have been refused as the world stands now."""
    excused = {
        call.invoked.op
        for call in calls
        if call.asking
        and call.invoked.ran == "no"
        and _refusers(contract, state, world, call, call.invoked.t, surely=False)
    }
    return replace(world, excused=world.excused | excused) if excused else world


def admit(contract: Contract, state: State, call: Call, now: float) -> tuple[State, Admission]:
    """Settle whether an operation was let through, at `now` by the latest."""
    op, ran = call.invoked.op, call.invoked.ran
    state = replace(state, calls={**state.calls, op: call})
    state = _earlier(contract, state, op, now)
    admitted: set[World] = set()
    refused: set[World] = set()
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


def _deviated(contract: Contract, state: State, call: Call, now: float) -> Iterator[World]:
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
    contract: Contract, admit: bool, refuse: bool, state: State, call: Call, now: float
) -> Demand:
    if not refuse:
        return Demand("must", earliest=call.invoked.t, why=_why_admitted(state, call))
    why = _why_refused(contract, state, call, now)
    if admit:
        return Demand("may", why=why)
    return Demand("must_not", ends_as=frozenset(("open",)), why=why)


def _why_admitted(state: State, call: Call) -> str:
    if not call.keys:
        return "breaker: none"
    modes = {world.circuit(key).mode for world in state.worlds for key in call.keys}
    return "breaker: closed" if modes == {"closed"} else "breaker.half_open.probes"


def _why_refused(contract: Contract, state: State, call: Call, now: float) -> str:
    for world in sorted(state.worlds, key=World.order):
        for key in _refusers(contract, state, world, call, now, surely=False):
            breaker = _breaker(contract, key)
            if world.circuit(key).mode == "half_open":
                return f"breaker.half_open.probes: {breaker.half_open.probes} ({key})"
            return f"breaker.reset_timeout: {breaker.reset_timeout} ({key})"
    return "breaker"


def _agreed_refusers(contract: Contract, state: State, call: Call, now: float) -> tuple[Key, ...]:
    lists = [_refusers(contract, state, world, call, now, surely=False) for world in state.worlds]
    return tuple(key for key in call.keys if all(key in refusers for refusers in lists))


def _retry_in(
    contract: Contract, state: State, call: Call, now: float
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


def _standings(contract: Contract, state: State, call: Call, now: float) -> tuple[Standing, ...]:
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


def _settle(contract: Contract, state: State, call: Call, now: float) -> State:
    """Take the result of an operation (or of its last attempt), at `now` by the latest."""
    op = call.invoked.op
    if not call.keys:
        return state
    state = _earlier(contract, state, op, now)
    worlds: set[World] = set()
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
    contract: Contract, state: State, world: World, call: Call, now: float
) -> Iterator[World]:
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


def _settled_from(call: Call) -> float:
    """From when on the client can have known the result."""
    return call.ended[-1].low if call.ended else call.first


def _results(call: Call) -> frozenset[str]:
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
    circuit: Circuit,
    permit: Permit,
    result: str,
    op: int,
    opened: tuple[float, float],
) -> Iterator[Circuit]:
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
    breaker: Breaker, circuit: Circuit, vote: Vote, op: int, opened: tuple[float, float]
) -> Iterator[Circuit]:
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
                yield Circuit(since="probe_ok")
        case "success", _:
            yield circuit


def _waiting(state: State, but: Call) -> list[Call]:
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

    def __init__(self, worlds: Iterable[World]) -> None:
        self.worlds: dict[World, World] = {}
        self.todo: list[World] = []
        for world in worlds:
            self.add(world)

    def add(self, world: World) -> None:
        """Take in a world, and put it among those to go on from if it says anything new."""
        shape = self._shape(world)
        known = self.worlds.get(shape)
        if known is not None:
            world = _both(known, world)
            if world == known:
                return
        self.worlds[shape] = world
        self.todo.append(world)

    def next(self) -> World | None:
        """One to go on from; a world that has become a wider one is passed over."""
        while self.todo:
            world = self.todo.pop()
            if self.worlds[self._shape(world)] == world:
                return world
        return None

    @staticmethod
    def _shape(world: World) -> World:
        return replace(
            world,
            circuits=tuple(
                (key, replace(circuit, opened=(0.0, 0.0), by=frozenset()))
                for key, circuit in world.circuits
            ),
        )


def _both(one: World, other: World) -> World:
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


def _reach(state: State, this: Call) -> set[Key]:
    """The circuits that an operation's own hang together with through what is in flight."""
    keys = set(this.keys)
    while True:
        more = {key for call in state.calls.values() if set(call.keys) & keys for key in call.keys}
        if more <= keys:
            return keys
        keys |= more


def _results_next(
    contract: Contract, state: State, world: World, results: list[Call], now: float
) -> Iterator[World]:
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
    contract: Contract, state: State, world: World, asking: list[Call], now: float
) -> Iterator[World]:
    for call in asking:
        if world.permit(call.invoked.op) is not None:
            continue
        if all(world.circuit(key).mode == "closed" for key in call.keys):
            continue
        if not _refusers(contract, state, world, call, now, surely=True):
            yield _let_through(world, call)
