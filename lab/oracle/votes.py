"""What results do to circuits: the vote of each, and the worlds in which it is taken.

Counterpart: answers.py. An observable that is not known may be any vote, so worlds multiply here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from msgspec.structs import replace

from ..contract import Breaker, Contract, Vote, groups_of
from .answers import breaker_of, let_through, waiting
from .state import CLOSED, Call, Circuit, Permit, State, World


def _settled_from(call: Call) -> float:
    """From when on the client can have known the result."""
    return call.ended[-1].low if call.ended else call.first


def results_of(call: Call) -> frozenset[str]:
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


def votes_of(contract: Contract, call: Call) -> frozenset[Vote]:
    """What an operation's result may be to any of its circuits."""
    votes: set[Vote] = set()
    for result in results_of(call):
        for key in call.keys:
            vote = None if result == "unknown" else breaker_of(contract, key).vote(result)
            votes.update(_VOTES if vote is None else (vote,))
    return frozenset(votes)


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
            # A late one that counts: whether it closes an open circuit, no field says.
            yield circuit
            yield CLOSED


def may_move(contract: Contract, world: World, call: Call) -> bool:
    """Whether the result of an operation may change circuits that are closed in a world."""
    results = results_of(call)
    if len(results) > 1 or "unknown" in results:
        return True
    (result,) = results
    for key in call.keys:
        match breaker_of(contract, key).vote(result):
            case "neutral":
                continue
            case "success" if world.circuit(key).failures == 0:
                continue
            case _:
                return True
    return False


def settled(world: World, op: int) -> World:
    """The world in which circuits have taken an operation's result, which changed none of them."""
    permits = tuple(item for item in world.permits if item[0] != op)
    return replace(world, permits=permits, taken=world.taken | {op})


def taken(
    contract: Contract, state: State, world: World, call: Call, now: float
) -> Iterator[World]:
    """The worlds in which the circuits take an operation's result next."""
    op = call.invoked.op
    permits = world.permit(op) or ()
    opened = (min(_settled_from(call), now), now)
    released = settled(world, op)
    for result in sorted(results_of(call)):
        choices = [
            [
                (permit.key, circuit)
                for circuit in _after_vote(
                    breaker_of(contract, permit.key),
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
                for through in _before_trip(state, released, call):
                    yield through.with_circuits(changed)


def _before_trip(state: State, world: World, call: Call) -> Iterator[World]:
    """Worlds in which who was still asking has been let through before a circuit opens.

    Who is seen to work later must have been; who ends without an attempt, as one does that waited
    for a connection, may have been.
    """
    for ran in ("yes", "unseen"):
        before = world
        for other in waiting(state, call):
            asks = other.invoked.ran == ran and world.permit(other.invoked.op) is None
            if asks and all(world.circuit(key).mode == "closed" for key in other.keys):
                world = let_through(state, world, other)
        if world is not before:
            yield world
