"""What circuits answer to who asks them: the leave that they give or refuse, in one world.

Counterparts: votes.py is what results do to them, state.py the values. Decides nothing over worlds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec.structs import replace

from ..contract import Breaker, Contract
from .demand import (
    Invoked,
    Key,
)
from .state import Call, Circuit, Permit, State, World


def keys_of(contract: Contract, invoked: Invoked) -> tuple[Key, ...]:
    """The circuits that an operation asks, in the order of the contract."""
    keys = []
    for number, breaker in enumerate(contract.breaker or ()):
        service = "" if breaker.scope == "client" else invoked.service
        endpoint = invoked.endpoint if breaker.scope == "endpoint" else ""
        keys.append(Key(number, breaker.scope, service, endpoint, invoked.life))
    return tuple(keys)


def breaker_of(contract: Contract, key: Key) -> Breaker:
    """What the contract promises of a circuit."""
    assert contract.breaker is not None
    return contract.breaker[key.breaker]


def waiting(state: State, but: Call) -> list[Call]:
    """The operations that are asking, in order, but one."""
    return [
        call
        for op, call in sorted(state.calls.items())
        if call.asking and op != but.invoked.op and call.invoked.life == but.invoked.life
    ]


Answer = Literal["admit", "refuse"]
_ADMIT: frozenset[Answer] = frozenset(("admit",))
_REFUSE: frozenset[Answer] = frozenset(("refuse",))
_EITHER = _ADMIT | _REFUSE


def answers_of(
    contract: Contract, state: State, world: World, key: Key, low: float, high: float
) -> frozenset[Answer]:
    """What one circuit can have answered at some instant from `low` to `high`."""
    if key in state.cloud:
        return _EITHER
    circuit, breaker = world.circuit(key), breaker_of(contract, key)
    match circuit.mode:
        case "closed":
            return _ADMIT
        case "half_open":
            free = len(circuit.probes) < breaker.half_open.probes
            return _ADMIT if free else _REFUSE
        case "open":
            if breaker.reset_timeout is None:
                return _EITHER
            answers: set[Answer] = set()
            if low < circuit.opened[1] + breaker.reset_timeout + state.early:
                answers.add("refuse")
            if high >= circuit.opened[0] + breaker.reset_timeout - state.early:
                answers.add("admit")
            return frozenset(answers)


def refusers(
    contract: Contract, state: State, world: World, call: Call, now: float, *, surely: bool
) -> tuple[Key, ...]:
    """The circuits that could (`surely`: had to) refuse an operation in a world."""
    found = []
    for key in call.keys:
        possible = answers_of(contract, state, world, key, call.invoked.t, now)
        if "refuse" in possible and not (surely and "admit" in possible):
            found.append(key)
    return tuple(found)


def all_closed(state: State, world: World, call: Call) -> bool:
    """Whether everything that an operation asks is surely closed in a world."""
    return all(key not in state.cloud and world.circuit(key).mode == "closed" for key in call.keys)


def let_through(state: State, world: World, call: Call) -> World:
    """The world in which every circuit of an operation gave it leave."""
    op = call.invoked.op
    changed: dict[Key, Circuit] = {}
    permits = []
    for key in call.keys:
        if key in state.cloud:
            continue
        circuit = world.circuit(key)
        probe = circuit.mode != "closed"
        if circuit.mode == "open":
            circuit = replace(circuit, mode="half_open", successes=0, probes=frozenset())
        if probe:
            circuit = replace(circuit, probes=circuit.probes | {op})
            changed[key] = circuit
        permits.append(Permit(key, probe))
    return world.with_circuits(changed).with_permit(op, tuple(permits))


def excuse(contract: Contract, state: State, world: World, calls: Iterable[Call]) -> World:
    """Note the rejected operations that can have been rejected as the world stands now."""
    excused = {
        call.invoked.op
        for call in calls
        if call.asking
        and call.invoked.ran == "no"
        and refusers(contract, state, world, call, call.invoked.t, surely=False)
    }
    return replace(world, excused=world.excused | excused) if excused else world
