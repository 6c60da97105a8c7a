"""A deterministic simulation for asyncio programs, usable by itself: it knows nothing of the lab.

A `Run` gives the thread that it is on in virtual clocks and seeded chance, and refuses what would
leave it.
"""

from __future__ import annotations

from .clocks import START
from .escapes import Escaped
from .running import Run

__all__ = ["START", "Escaped", "Run"]
