"""Keeping worlds few: those that can't be told apart are one, and what too many differ in is a cloud.

Counterpart: orders.py finds them. Whatever is forgotten here makes a demand weaker, never stronger:
circuits in the cloud may stand in any way, so nothing is demanded of those who ask them, until
nobody who did is in flight and every way in which a circuit can stand is a world again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from ..contract import Breaker, Contract
from .answers import breaker_of
from .demand import Key
from .state import CLOSED, Call, Circuit, State, World


def merged(state: State, this: Call, worlds: Iterable[World]) -> State:
    """The state in these worlds, after something of this operation was settled in each."""
    found = frozenset(worlds)
    if len(found) > 1:
        found = frozenset(Found(found).worlds.values())
    state = replace(state, worlds=found)
    return state if len(found) <= state.most else clouded(state, this)


def clouded(state: State, this: Call) -> State:
    """The state with a cloud over an operation's circuits, and over all that hang together with them.

    Where that does not make the worlds few, over what else is asked, and at last over every circuit.
    """
    cloud = state.cloud
    for keys in _nearest_first(state, this):
        cloud |= keys
        worlds = _below(state, cloud)
        if len(worlds) <= state.most:
            return replace(state, worlds=worlds, cloud=cloud)
    raise AssertionError("a world without circuits and without operations is one")


def _nearest_first(state: State, this: Call) -> Iterator[frozenset[Key]]:
    yield reach(state, this)
    for _, call in sorted(state.calls.items()):
        yield reach(state, call)
    yield frozenset(key for world in state.worlds for key, _ in world.circuits)


def _below(state: State, cloud: frozenset[Key]) -> frozenset[World]:
    """The worlds without what is in a cloud, and without operations that ask nothing else."""
    gone = [op for op, call in state.calls.items() if cloud.issuperset(call.keys)]
    found = Found(())
    for world in state.worlds:
        left = world.apart_from(cloud)
        for op in gone:
            left = left.without(op)
        found.add(left)
    return frozenset(found.worlds.values())


def cleared(contract: Contract, state: State, asked: Iterable[Key], now: float) -> State:
    """The state without a cloud over these circuits, if none of them is asked by anybody in flight.

    Each is in one world for each way in which it can stand; where these are too many it stays.
    """
    keys = [key for key in asked if key in state.cloud]
    if not keys or any(key in call.keys for call in state.calls.values() for key in keys):
        return state
    worlds = list(state.worlds)
    for key in keys:
        ways = tuple(_ways(breaker_of(contract, key), now))
        if len(worlds) * len(ways) > state.most:
            return state
        worlds = [world.with_circuits({key: way}) for world in worlds for way in ways]
    return replace(state, worlds=frozenset(worlds), cloud=state.cloud - set(keys))


def _ways(breaker: Breaker, now: float) -> Iterable[Circuit]:
    """Every way in which a circuit can stand that nobody in flight has asked."""
    for failures in range(breaker.fail_max or 1):
        yield replace(CLOSED, failures=failures)
    for since in ("trip", "probe_failed"):
        yield Circuit(mode="open", since=since, opened=(0.0, now))
    for successes in range(breaker.half_open.success_threshold):
        yield Circuit(mode="half_open", since="trip", opened=(0.0, now), successes=successes)


def reach(state: State, this: Call) -> frozenset[Key]:
    """The circuits that an operation's own hang together with through what is in flight."""
    keys = set(this.keys)
    while True:
        more = {key for call in state.calls.values() if set(call.keys) & keys for key in call.keys}
        if more <= keys:
            return frozenset(keys)
        keys |= more


class Found:
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
