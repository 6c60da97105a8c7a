"""The orders in which what was pending can have come: a world for each that explains what was seen.

Instants whose spans overlap may have come in either order. Counterparts: answers.py and votes.py say
what one thing does to one world; here all of them are tried, and worlds.py keeps their number small.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ..contract import Contract
from .answers import all_closed, excuse, let_through, refusers, waiting
from .demand import (
    Key,
)
from .state import Call, State, World
from .votes import may_move, results_of, taken, votes_of
from .worlds import Found, clouded, reach


def undisturbed(contract: Contract, state: State, this: Call) -> World | None:
    """The only world, if whatever is asked by anybody is closed in it, and no result may change it.

    Then it does not matter in which order things came.
    """
    if len(state.worlds) > 1:
        return None
    (world,) = state.worlds
    if not all_closed(state, world, this):
        return None
    for op, call in state.calls.items():
        if op == this.invoked.op:
            continue
        if not all_closed(state, world, call) or (call.idle and may_move(contract, world, call)):
            return None
    return world


def with_earlier(contract: Contract, state: State, op: int, now: float) -> State:
    """Add the worlds in which other pending things came before what is settled now.

    Only things that can change a circuit are tried: results, and admissions to a circuit that is
    not closed. Results of one kind are tried in the order in which their attempts ended. A success
    that changes nothing is tried beside a failure: after it, it would.
    """
    this = state.calls[op]
    if not this.keys:
        return state
    results: list[Call] = []
    asking: list[Call] = []
    everyone = [this] if this.asking else []
    if len(state.calls) > 1:
        near = reach(state, this)
        results = [
            call
            for other, call in sorted(state.calls.items())
            if other != op and call.idle and not near.isdisjoint(call.keys)
        ]
        results.sort(key=lambda call: call.ended[-1].low)
        others = [call for call in waiting(state, this) if not near.isdisjoint(call.keys)]
        asking = [call for call in others if call.invoked.ran != "no"]
        everyone = others + everyone
    if not results and not asking:
        worlds = frozenset(excuse(contract, state, world, everyone) for world in state.worlds)
        return state if worlds == state.worlds else replace(state, worlds=worlds)
    pending = results if this.asking else [*results, this]
    votes = {vote for call in pending for vote in votes_of(contract, call)}
    ordered = {"counts", "success"} <= votes
    found = Found(excuse(contract, state, world, everyone) for world in state.worlds)
    while (world := found.next()) is not None:
        for next_world in (
            *_results_next(contract, state, world, results, now, ordered=ordered),
            *_admissions_next(contract, state, world, asking, now),
        ):
            found.add(excuse(contract, state, next_world, everyone))
        if len(found.worlds) > state.most:
            return clouded(replace(state, worlds=frozenset(found.worlds.values())), this)
    return replace(state, worlds=frozenset(found.worlds.values()))


def _results_next(
    contract: Contract,
    state: State,
    world: World,
    results: list[Call],
    now: float,
    *,
    ordered: bool,
) -> Iterator[World]:
    tried: set[tuple[frozenset[str], tuple[Key, ...], tuple[tuple[bool, bool], ...]]] = set()
    for call in results:
        permits = world.permit(call.invoked.op)
        if not permits or call.invoked.op in world.taken:
            continue
        kind = (
            results_of(call),
            call.keys,
            tuple((permit.probe, permit.late) for permit in permits),
        )
        if kind in tried:
            continue
        tried.add(kind)
        for after in taken(contract, state, world, call, now):
            if after.circuits != world.circuits or (ordered and _succeeded(contract, call)):
                yield after


def _succeeded(contract: Contract, call: Call) -> bool:
    """Whether a result is known for one that may reset a count; an unknown one may be neutral too."""
    return "unknown" not in results_of(call) and "success" in votes_of(contract, call)


def _admissions_next(
    contract: Contract, state: State, world: World, asking: list[Call], now: float
) -> Iterator[World]:
    for call in asking:
        if world.permit(call.invoked.op) is not None:
            continue
        if all(world.circuit(key).mode == "closed" for key in call.keys if key not in state.cloud):
            continue
        if not refusers(contract, state, world, call, now, surely=True):
            yield let_through(state, world, call)
