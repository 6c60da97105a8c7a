"""What the oracle remembers: circuits, permits, worlds, and the operations under way.

Counterparts: answers.py and votes.py move them. Values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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


@dataclass(frozen=True, slots=True)
class Circuit:
    """One circuit in one world. `by`: the operations of which one opened it."""

    mode: Mode = "closed"
    failures: int = 0
    successes: int = 0
    since: Since = "start"
    opened: tuple[float, float] = (0.0, 0.0)
    by: frozenset[int] = frozenset()
    probes: frozenset[int] = frozenset()


CLOSED = Circuit()


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave that one circuit gave to one operation; `late`: its mode has changed since."""

    key: Key
    probe: bool
    late: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """One order of things that explains what was seen.

    `permits`: operations let through whose result is not taken yet. `taken`: operations whose
    result was taken before they were seen to end. `excused`: operations still asking that could
    have been refused at some moment.
    """

    circuits: tuple[tuple[Key, Circuit], ...] = ()
    permits: tuple[tuple[int, tuple[Permit, ...]], ...] = ()
    taken: frozenset[int] = frozenset()
    excused: frozenset[int] = frozenset()

    def circuit(self, key: Key) -> Circuit:
        """How a circuit stands in it."""
        return next((circuit for known, circuit in self.circuits if known == key), CLOSED)

    def permit(self, op: int) -> tuple[Permit, ...] | None:
        """What an operation holds; None: it was not let through, or is over."""
        return next((permits for known, permits in self.permits if known == op), None)

    def with_circuits(self, changed: Mapping[Key, Circuit]) -> World:
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

    def with_permit(self, op: int, permits: tuple[Permit, ...]) -> World:
        """With an operation let through."""
        held = {**dict(self.permits), op: permits}
        return replace(self, permits=tuple(sorted(held.items())), excused=self.excused - {op})

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


@dataclass(frozen=True, slots=True)
class Call:
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

    def seen(self, event: OracleEvent) -> Call:
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
    worlds: frozenset[World] = frozenset((World(),))
    calls: Mapping[int, Call] = field(default_factory=dict)
    blurred: bool = False


def open_circuits(state: State) -> frozenset[Key]:
    """The circuits that are open in every order that is possible; none where it is blurred."""
    if state.blurred:
        return frozenset()
    opened = (
        frozenset(key for key, circuit in world.circuits if circuit.mode == "open")
        for world in state.worlds
    )
    return frozenset.intersection(*opened)


def begin(early: float = 0.001, wall: float | None = None) -> State:
    """The state before anything happened.

    `early`: the resolution of the client's clock in seconds. `wall`: the wall clock at t = 0, in
    seconds since 1970, for Retry-After dates; None: not known.
    """
    return State(early, wall)
