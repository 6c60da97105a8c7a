"""Removing what a lab has made: by the lab itself, by its cleaner, and by the next lab's start."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from ...errors import SetupError
from .labels import LAB, Found, Owner, stale

__all__ = ["EMPTY", "Removing", "remove", "sweep"]

EMPTY = 3
"""Passes in a row that must find nothing: what an engine is still making shows up late."""

_PASSES = 200  # then whatever keeps it from going is no matter of time
_THREADS = 8


class Removing(Protocol):
    """What of an engine is needed here. Each call may raise SetupError."""

    def containers(self, lab: str | None = None) -> list[Found]:
        """Those of a lab, or of every one, in whatever state."""

    def networks(self, lab: str | None = None) -> list[Found]:
        """Those of a lab, or of every one."""

    def remove_container(self, ident: str) -> None:
        """Kill and remove it; nothing if it is gone."""

    def remove_network(self, ident: str) -> None:
        """Remove it; nothing if it is gone."""


def remove(engine: Removing, lab: str, *, empty: int, rest: Callable[[], object]) -> None:
    """Remove all of a lab, until `empty` passes in a row have found nothing; `rest` between them.

    Raises SetupError if the engine is gone, or something does not go.
    """
    found_nothing = 0
    problem: SetupError | None = None
    for _ in range(_PASSES):
        containers, networks = engine.containers(lab), engine.networks(lab)
        if not containers and not networks:
            found_nothing += 1
            if found_nothing >= empty:
                return
        else:
            found_nothing = 0
            problem = _each(engine.remove_container, containers) or problem
            problem = _each(engine.remove_network, networks) or problem
        rest()
    raise problem or SetupError(f"what lab {lab} made could not be removed")


def sweep(
    engine: Removing,
    here: Owner,
    start_of: Callable[[int], int | None],
    *,
    rest: Callable[[], object],
) -> tuple[str, ...]:
    """Remove what labs have left behind whose owners have ended; gives their ids.

    Raises SetupError as `remove` does.
    """
    things = [*engine.containers(), *engine.networks()]
    left = {thing.labels[LAB] for thing in things if stale(thing.labels, here, start_of)}
    for lab in sorted(left):
        remove(engine, lab, empty=1, rest=rest)
    return tuple(sorted(left))


def _each(remove: Callable[[str], None], things: list[Found]) -> SetupError | None:
    """Remove these side by side; the last problem."""

    def one(thing: Found) -> SetupError | None:
        try:
            remove(thing.id)
        except SetupError as error:  # perhaps it still has something in it
            return error
        return None

    if not things:
        return None
    with ThreadPoolExecutor(min(_THREADS, len(things))) as pool:
        problems = [problem for problem in pool.map(one, things) if problem is not None]
    return problems[-1] if problems else None
