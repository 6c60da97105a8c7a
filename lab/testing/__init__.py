"""What a test holds: the lab, faults in force, and counts that explain themselves.

The pytest fixture `lab` (`pytest_plugin.py`) makes one `Lab` for each test, with listeners and a
history of its own in the session's one lab process; the test's own process is the subject.
"""

from __future__ import annotations

from .armed import Armed
from .count import Count
from .ground import Ground, Place, apart
from .judged import Verdict
from .lab import LIMIT, Lab
from .services import served
from .settings import SIMULATED, Said, Settings, settled

__all__ = [
    "LIMIT",
    "SIMULATED",
    "Armed",
    "Count",
    "Ground",
    "Lab",
    "Place",
    "Said",
    "Settings",
    "Verdict",
    "apart",
    "served",
    "settled",
]
