"""A deterministic simulation for asyncio programs, usable by itself: it knows nothing of the lab.

`SimulatedLoop` runs a program in virtual time. While it runs, its `Run` is on: the thread has
virtual clocks and seeded chance, and what would leave it is refused.
"""

from __future__ import annotations

from .clocks import START
from .escapes import Escaped
from .hang import Hang
from .loop import SimulatedLoop
from .running import Run

__all__ = ["START", "Escaped", "Hang", "Run", "SimulatedLoop"]
