"""What a test holds: the lab, faults in force, and counts that explain themselves.

The pytest fixture `lab` (`pytest_plugin.py`) makes one `Lab` for each test, with listeners and a
history of its own in the session's one lab process; the test's own process is the subject.
"""

from __future__ import annotations

from .armed import Armed
from .count import Count
from .judged import Verdict
from .lab import LIMIT, Lab, Place
from .services import served
from .settings import Said, Settings, settled

__all__ = [
    "LIMIT",
    "Armed",
    "Count",
    "Lab",
    "Place",
    "Said",
    "Settings",
    "Verdict",
    "served",
    "settled",
]
