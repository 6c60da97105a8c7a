"""Whether an operation had to be let through, over every world: the demand, and what explains it.

Counterpart: orders.py finds the worlds. Where the worlds disagree, the answer is `may`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from ..contract import Contract
from .answers import answers_of, breaker_of, excuse, let_through, refusers, waiting
from .demand import (
    Admission,
    Demand,
    Key,
    Mode,
    Standing,
)
from .orders import undisturbed, with_earlier
from .state import Call, Circuit, State, World
from .worlds import merged


def admit(contract: Contract, state: State, call: Call, now: float) -> tuple[State, Admission]:
    """Settle whether an operation was let through, at `now` by the latest."""
    op, ran = call.invoked.op, call.invoked.ran
    only = undisturbed(contract, state, call)
    if only is not None and ran != "no" and only.permit(op) is None:
        through = frozenset((let_through(state, only, call),))
        state = replace(state, worlds=through, calls={**state.calls, op: call})
        return state, unrefused(contract, only, call)
    state = replace(state, calls={**state.calls, op: call})
    state = with_earlier(contract, state, op, now)
    admitted: set[World] = set()
    refused: set[World] = set()
    for world in state.worlds:
        if world.permit(op) is not None:
            admitted.add(world)
            continue
        if op in world.excused:
            refused.add(world)
        could = refusers(contract, state, world, call, now, surely=False)
        surely = refusers(contract, state, world, call, now, surely=True)
        if could:
            refused.add(world)
        if not surely and op not in world.excused:
            admitted.add(let_through(state, world, call))
    demand = _admission_demand(contract, bool(admitted), bool(refused), state, call, now)
    worlds = {"yes": admitted, "no": refused, "unseen": admitted | refused}[ran]
    explained = bool(worlds)
    if contract.breaker is None:
        worlds, explained = set(state.worlds), True
        demand = Demand("may", why="breaker: left open")
    if not worlds:
        worlds = set(_deviated(contract, state, call, now))
    probes = {any(permit.probe for permit in world.permit(op) or ()) for world in worlds}
    if not state.cloud.isdisjoint(call.keys):
        probes |= {False, True}
    admission = Admission(
        demand=demand,
        ran=ran,
        explained=explained,
        probe="maybe" if len(probes) > 1 else "yes" if True in probes else "no",
        refusers=_agreed_refusers(contract, state, call, now) if demand.start == "must_not" else (),
        retry_in=_retry_in(contract, state, call, now) if refused else None,
        standings=_standings(contract, state, call, now),
    )
    others = waiting(state, call)
    noted = (excuse(contract, state, world, others) for world in worlds)
    return merged(state, call, noted), admission


def unrefused(contract: Contract, world: World, call: Call) -> Admission:
    """What is demanded where all that is asked is closed, and nothing pending can change that."""
    demand = Demand(
        "must",
        earliest=call.invoked.t,
        why="breaker: closed" if call.keys else "breaker: none",
    )
    if contract.breaker is None:
        demand = Demand("may", why="breaker: left open")
    return Admission(
        demand=demand,
        ran=call.invoked.ran,
        standings=tuple(_closed(key, world.circuit(key)) for key in call.keys),
    )


def _closed(key: Key, circuit: Circuit) -> Standing:
    """How a closed circuit stands where only one order is possible."""
    return Standing(
        key=key,
        modes=_CLOSED,
        failures=(circuit.failures, circuit.failures),
        since=frozenset((circuit.since,)),
    )


_CLOSED: frozenset[Mode] = frozenset(("closed",))


def _deviated(contract: Contract, state: State, call: Call, now: float) -> Iterator[World]:
    """Worlds to go on with after a deviation: as the contract has it, and as the client seems to."""
    op = call.invoked.op
    for world in state.worlds:
        if call.invoked.ran == "no":
            yield world  # a refusal out of nothing
            for key in call.keys:
                if key in state.cloud:
                    continue
                breaker, circuit = breaker_of(contract, key), world.circuit(key)
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
            yield let_through(state, world, call)  # it was taken for a probe


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
    for world in _in_order(state.worlds):
        for key in refusers(contract, state, world, call, now, surely=False):
            breaker = breaker_of(contract, key)
            if key in state.cloud:
                return f"more orders than can be told apart ({key})"
            if world.circuit(key).mode == "half_open":
                return f"breaker.half_open.probes: {breaker.half_open.probes} ({key})"
            return f"breaker.reset_timeout: {breaker.reset_timeout} ({key})"
    return "breaker"


def _in_order(worlds: frozenset[World]) -> Iterable[World]:
    return worlds if len(worlds) == 1 else sorted(worlds, key=World.order)


def _agreed_refusers(contract: Contract, state: State, call: Call, now: float) -> tuple[Key, ...]:
    lists = [refusers(contract, state, world, call, now, surely=False) for world in state.worlds]
    return tuple(key for key in call.keys if all(key in refusers for refusers in lists))


def _retry_in(
    contract: Contract, state: State, call: Call, now: float
) -> tuple[float, float] | None:
    """The longest wait among the refusing circuits, in any world; a held probe names 0."""
    low, high = math.inf, 0.0
    for world in state.worlds:
        waits = [(0.0, 0.0)]
        for key in refusers(contract, state, world, call, now, surely=False):
            circuit, reset = world.circuit(key), breaker_of(contract, key).reset_timeout
            if key in state.cloud:
                return None
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
        if key in state.cloud:
            found.append(_any_standing(contract, key))
            continue
        circuits = [
            world.circuit(key) for world in state.worlds if world.permit(call.invoked.op) is None
        ] or [world.circuit(key) for world in state.worlds]
        answers = {
            answer
            for world in state.worlds
            if world.permit(call.invoked.op) is None
            for answer in answers_of(contract, state, world, key, call.invoked.t, now)
        }
        reset = breaker_of(contract, key).reset_timeout
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


def _any_standing(contract: Contract, key: Key) -> Standing:
    """How a circuit may stand of which nothing can be told."""
    return Standing(
        key=key,
        modes=frozenset(("closed", "open", "half_open")),
        failures=(0, breaker_of(contract, key).fail_max or 0),
        since=frozenset(("start", "trip", "probe_failed", "probe_ok")),
        start="may",
    )
