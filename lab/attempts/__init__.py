"""What happened, read out of a history: operations, their attempts, and what each one met.

Pure derivation: what subject, wire and backend say, joined into one reading. The
oracle and the checks read this and nothing else; they never look at raw events for a count.
"""

from __future__ import annotations

from .declared import misdeclared
from .digest import canonical
from .doubts import doubt, unattributed
from .facts import (
    Attempt,
    Certainty,
    Connection,
    Ending,
    FaultRecord,
    Incarnation,
    Missing,
    Operation,
    Reading,
    Shortage,
    Told,
)
from .reader import read

__all__ = [
    "Attempt",
    "Certainty",
    "Connection",
    "Ending",
    "FaultRecord",
    "Incarnation",
    "Missing",
    "Operation",
    "Reading",
    "Shortage",
    "Told",
    "canonical",
    "doubt",
    "misdeclared",
    "read",
    "unattributed",
]
