"""The ground of a test that runs in virtual time: everything stands in the test's own loop.

Counterpart: `ground.py` has the other one. `pytest_simulated.py` gives the loop.
"""

from __future__ import annotations

from pathlib import Path

from ..environments.simulated import SimulatedLoop
from ..history import Header
from ..simulation.environment import CONNECTS, Direct, Simulation
from .ground import Ground, Place

__all__ = ["inside"]


def inside(loop: SimulatedLoop) -> Place:
    """The place in this loop."""

    def place(*, header: Header, path: Path) -> Ground:
        simulation = Simulation(loop, header=header, path=path)
        return Ground(
            simulation, Direct(simulation), simulation.stamp, limited=False, connects=CONNECTS
        )

    return place
