"""Breakers over a history: what each event does to the state, and the admissions that it settles.

Counterparts: state.py is what moves here, admission.py what is demanded, retries.py knows all that
needs no breaker.
"""

from __future__ import annotations

from msgspec.structs import replace

from ..contract import Contract
from .admission import admit, unrefused
from .answers import all_closed, excuse, keys_of, let_through, waiting
from .demand import (
    Admission,
    AttemptBegan,
    AttemptEnded,
    CancelRequested,
    Ended,
    Invoked,
    OracleEvent,
    Ran,
    Renewed,
)
from .orders import undisturbed, with_earlier
from .state import Call, State, World
from .votes import may_move, settled, taken
from .worlds import cleared, merged


def fold(contract: Contract, state: State, event: OracleEvent) -> State:
    """The state after an event. Events come in order of `t`."""
    return step(contract, state, event)[0]


def step(contract: Contract, state: State, event: OracleEvent) -> tuple[State, Admission | None]:
    """The state after an event, and what was demanded of the admission that it settles."""
    match event:
        case Invoked():
            call = Call(event, keys_of(contract, event))
            state = cleared(contract, state, call.keys, event.t)
            worlds = frozenset(excuse(contract, state, world, [call]) for world in state.worlds)
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
            cloud = frozenset(key for key in state.cloud if key.life >= event.life)
            return replace(state, worlds=kept, cloud=cloud), None
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


def passed(contract: Contract, state: State, call: Call) -> tuple[State, Admission] | None:
    """What `step` makes of all events of an operation that none other overlaps, at once.

    None: it has to be taken step by step. Most operations need not: all that they ask is closed,
    in the one world that there is, and whoever succeeds leaves it as it was.
    """
    if state.calls or len(state.worlds) > 1 or contract.counts_attempts:
        return None
    if call.end is None or call.end.ending == "unknown":
        return None
    (world,) = state.worlds
    if call.invoked.ran == "no" or not all_closed(state, world, call):
        return None
    admission = unrefused(contract, world, call)
    if may_move(contract, world, call):
        op = call.invoked.op
        through = frozenset((let_through(state, world, call),))
        state = replace(state, worlds=through, calls={op: call})
        state = _settle(contract, state, call, call.end.t)
        after = frozenset(world.without(op) for world in state.worlds)
        state = replace(state, worlds=after, calls={})
    return state, admission


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


def _settle(contract: Contract, state: State, call: Call, now: float) -> State:
    """Take the result of an operation (or of its last attempt), at `now` by the latest."""
    op = call.invoked.op
    if not call.keys:
        return state
    only = undisturbed(contract, state, call)
    if only is not None and not may_move(contract, only, call) and only.permit(op) is not None:
        return replace(state, worlds=frozenset((settled(only, op),)))
    state = with_earlier(contract, state, op, now)
    worlds: set[World] = set()
    for world in state.worlds:
        if op in world.taken or world.permit(op) is None:
            worlds.add(world)
        else:
            worlds.update(taken(contract, state, world, call, now))
    others = waiting(state, call)
    return merged(state, call, (excuse(contract, state, world, others) for world in worlds))
