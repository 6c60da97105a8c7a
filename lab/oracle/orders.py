"""The orders in which what was pending can have come: a world for each that explains what was seen.

Instants whose spans overlap may have come in either order. Counterparts: answers.py and votes.py say
what one thing does to one world; here all of them are tried, up to a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..contract import Contract
from .answers import excuse, let_through, refusers, waiting
from .demand import (
    Key,
)
from .state import Call, State, World
from .votes import results_of, taken

_MANY = 512  # worlds that are followed at most


def with_earlier(contract: Contract, state: State, op: int, now: float) -> State:
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
    asking = [call for call in waiting(state, this) if call.invoked.ran != "no"]
    everyone = waiting(state, this) + ([this] if this.asking else [])
    found = _Found(excuse(contract, state, world, everyone) for world in state.worlds)
    while (world := found.next()) is not None:
        for next_world in (
            *_results_next(contract, state, world, results, now),
            *_admissions_next(contract, state, world, asking, now),
        ):
            found.add(excuse(contract, state, next_world, everyone))
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
            results_of(call),
            call.keys,
            tuple((permit.probe, permit.late) for permit in permits),
        )
        if kind in tried:
            continue
        tried.add(kind)
        for after in taken(contract, state, world, call, now):
            if after.circuits != world.circuits:
                yield after


def _admissions_next(
    contract: Contract, state: State, world: World, asking: list[Call], now: float
) -> Iterator[World]:
    for call in asking:
        if world.permit(call.invoked.op) is not None:
            continue
        if all(world.circuit(key).mode == "closed" for key in call.keys):
            continue
        if not refusers(contract, state, world, call, now, surely=True):
            yield let_through(world, call)
