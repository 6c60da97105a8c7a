"""The two hosts of the simulation's own tests."""

from ..environments.simulated.conftest import World, world

__all__ = ["World", "world"]
