"""Worlds: what they hold, and what a circuit's change does to those let through before it."""

from __future__ import annotations

from faultlab.lab.oracle import Key
from faultlab.lab.oracle.state import Circuit, Permit, World, begin

KEY, OTHER = Key(0, "service", "core"), Key(1, "endpoint", "core", "GET /health")


def test_a_circuit_that_never_moved_is_closed() -> None:
    """Worlds hold only what is not as it was in the beginning."""
    assert World().circuit(KEY) == Circuit()
    assert begin().worlds == {World()}


def test_a_change_of_mode_makes_those_let_through_before_it_late() -> None:
    """Their results belong to a state that is gone; other circuits' permits stay."""
    world = World().with_permit(1, (Permit(KEY, probe=False), Permit(OTHER, probe=False)))
    tripped = world.with_circuits({KEY: Circuit(mode="open")})
    assert tripped.permit(1) == (Permit(KEY, probe=False, late=True), Permit(OTHER, probe=False))


def test_a_count_is_no_change_of_mode() -> None:
    """A failure below the threshold leaves everybody's permit as it is."""
    world = World().with_permit(1, (Permit(KEY, probe=False),))
    assert world.with_circuits({KEY: Circuit(failures=1)}).permits == world.permits


def test_worlds_that_hold_the_same_are_one() -> None:
    """However they came to it: only so their number stays small."""
    one = World().with_circuits({KEY: Circuit(failures=1)}).with_circuits({OTHER: Circuit()})
    two = World().with_circuits({OTHER: Circuit()}).with_circuits({KEY: Circuit(failures=1)})
    assert one == two
    assert len({one, two}) == 1


def test_an_operation_that_is_over_leaves_no_trace() -> None:
    """Ended operations must not keep worlds apart."""
    world = World(taken=frozenset((1,)), excused=frozenset((1,))).with_permit(1, ())
    assert world.without(1) == World()
