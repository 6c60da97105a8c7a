"""What the oracle remembers: circuits, permits, worlds, and the operations under way.

Counterparts: answers.py and votes.py move them. Values only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from .demand import (
    AttemptBegan,
    AttemptEnded,
    CancelRequested,
    Ended,
    Invoked,
    Key,
    Mode,
    OracleEvent,
    Renewed,
    Since,
)


class Circuit(msgspec.Struct, frozen=True, gc=False):
    """One circuit in one world. `by`: the operations of which one opened it."""

    mode: Mode = "closed"
    failures: int = 0
    successes: int = 0
    since: Since = "start"
    opened: tuple[float, float] = (0.0, 0.0)
    by: frozenset[int] = frozenset()
    probes: frozenset[int] = frozenset()


CLOSED = Circuit()


class Permit(msgspec.Struct, frozen=True, gc=False):
    """Leave that one circuit gave to one operation; `late`: its mode has changed since."""

    key: Key
    probe: bool
    late: bool = False


class World(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """One order of things that explains what was seen.

    `circuits`: those that are not as they were in the beginning. `permits`: operations let through
    whose result is not taken yet. `taken`: operations whose result was taken before they were seen
    to end. `excused`: operations still asking that could have been refused at some moment.
    """

    circuits: tuple[tuple[Key, Circuit], ...] = ()
    permits: tuple[tuple[int, tuple[Permit, ...]], ...] = ()
    taken: frozenset[int] = frozenset()
    excused: frozenset[int] = frozenset()

    def circuit(self, key: Key) -> Circuit:
        """How a circuit stands in it."""
        for known, circuit in self.circuits:
            if known == key:
                return circuit
        return CLOSED

    def permit(self, op: int) -> tuple[Permit, ...] | None:
        """What an operation holds; None: it was not let through, or is over."""
        for known, permits in self.permits:
            if known == op:
                return permits
        return None

    def with_circuits(self, changed: Mapping[Key, Circuit]) -> World:
        """With these circuits changed; who was let through by another mode of them is late."""
        before = dict(self.circuits)
        moved = {
            key for key, circuit in changed.items() if circuit.mode != before.get(key, CLOSED).mode
        }
        before.update(changed)
        circuits = tuple(sorted(item for item in before.items() if item[1] != CLOSED))
        permits = self.permits
        if moved:
            permits = tuple(
                (op, tuple(replace(p, late=True) if p.key in moved else p for p in held))
                for op, held in permits
            )
        return replace(self, circuits=circuits, permits=permits)

    def with_permit(self, op: int, permits: tuple[Permit, ...]) -> World:
        """With an operation let through."""
        held = {**dict(self.permits), op: permits}
        return replace(self, permits=tuple(sorted(held.items())), excused=self.excused - {op})

    def apart_from(self, keys: frozenset[Key]) -> World:
        """The world as far as these circuits have no part in it."""
        return replace(
            self,
            circuits=tuple(item for item in self.circuits if item[0] not in keys),
            permits=tuple(
                (op, tuple(permit for permit in held if permit.key not in keys))
                for op, held in self.permits
            ),
        )

    def without(self, op: int) -> World:
        """The world without any trace of an operation that is over."""
        return replace(
            self,
            permits=tuple(item for item in self.permits if item[0] != op),
            taken=self.taken - {op},
            excused=self.excused - {op},
        )

    def order(self) -> tuple[object, ...]:
        """Something to sort worlds by, the same in every process."""
        circuits = [
            (
                key,
                c.mode,
                c.failures,
                c.successes,
                c.since,
                c.opened,
                sorted(c.by),
                sorted(c.probes),
            )
            for key, c in self.circuits
        ]
        permits = [(op, [(p.key, p.probe, p.late) for p in held]) for op, held in self.permits]
        return circuits, permits, sorted(self.taken), sorted(self.excused)


def first(worlds: Iterable[World]) -> World:
    """One of several worlds, the same in every process."""
    found = tuple(worlds)
    return found[0] if len(found) == 1 else min(found, key=World.order)


class Call(msgspec.Struct, frozen=True, gc=False):
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

    def seen(self, *events: OracleEvent) -> Call:
        """With more events of its own, in order."""
        began, ended = list(self.began), list(self.ended)
        cancel, end = self.cancel, self.end
        for event in events:
            match event:
                case AttemptBegan():
                    began.append(event)
                case AttemptEnded():
                    ended.append(event)
                case CancelRequested():
                    cancel = event.t
                case Ended():
                    end = event
                case Invoked() | Renewed():
                    pass
        return replace(self, began=tuple(began), ended=tuple(ended), cancel=cancel, end=end)


MANY = 512
"""Worlds that are followed at most, unless told otherwise."""


class State(msgspec.Struct, frozen=True, gc=False):
    """What an oracle remembers; made by `begin` and `fold` only.

    `cloud`: circuits of which more orders were possible than `most` worlds can tell apart. They may
    stand in any way, and no world says anything of them.
    """

    early: float = 0.001
    wall: float | None = None
    most: int = MANY
    worlds: frozenset[World] = frozenset((World(),))
    calls: Mapping[int, Call] = {}
    cloud: frozenset[Key] = frozenset()


def open_circuits(state: State) -> frozenset[Key]:
    """The circuits that are open in every order that is possible."""
    opened = (
        frozenset(key for key, circuit in world.circuits if circuit.mode == "open")
        for world in state.worlds
    )
    return frozenset.intersection(*opened)


def begin(early: float = 0.001, wall: float | None = None, most: int = MANY) -> State:
    """The state before anything happened.

    `early`: the resolution of the client's clock in seconds. `wall`: the wall clock at t = 0, in
    seconds since 1970, for Retry-After dates; None: not known. `most`: worlds to be told apart.
    """
    return State(early, wall, most)
