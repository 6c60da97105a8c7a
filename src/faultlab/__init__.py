"""faultlab answers one question with evidence: does this client survive its backends failing?

This is the public face; the rooms behind it are `faultlab.lab`, `faultlab.faults`,
`faultlab.scenarios` and `faultlab.fixtures`. Every pytest session of an environment where it is
installed imports this module, so a name loads its room when it is first asked for (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .faults import (
        BadBody,
        Capacity,
        Cut,
        Drip,
        Duplicate,
        Fault,
        Frozen,
        Killed,
        Latency,
        LostAnswer,
        Partition,
        Refused,
        Stale,
        Stall,
        Status,
        Stopped,
        Throttle,
    )
    from .lab.errors import (
        EvidenceMissing,
        FaultError,
        LabError,
        SetupError,
        SubjectError,
        UsageError,
    )
    from .lab.subjects.declaration import op, subject
    from .lab.testing import Armed, Count, Lab, Verdict

__version__ = "0.1.0"

__all__ = [
    "Armed",
    "BadBody",
    "Capacity",
    "Count",
    "Cut",
    "Drip",
    "Duplicate",
    "EvidenceMissing",
    "Fault",
    "FaultError",
    "Frozen",
    "Killed",
    "Lab",
    "LabError",
    "Latency",
    "LostAnswer",
    "Partition",
    "Refused",
    "SetupError",
    "Stale",
    "Stall",
    "Status",
    "Stopped",
    "SubjectError",
    "Throttle",
    "UsageError",
    "Verdict",
    "__version__",
    "op",
    "subject",
]

_ROOMS = {
    ".faults": (
        "BadBody",
        "Capacity",
        "Cut",
        "Drip",
        "Duplicate",
        "Fault",
        "Frozen",
        "Killed",
        "Latency",
        "LostAnswer",
        "Partition",
        "Refused",
        "Stale",
        "Stall",
        "Status",
        "Stopped",
        "Throttle",
    ),
    ".lab.errors": (
        "EvidenceMissing",
        "FaultError",
        "LabError",
        "SetupError",
        "SubjectError",
        "UsageError",
    ),
    ".lab.subjects.declaration": ("op", "subject"),
    ".lab.testing": ("Armed", "Count", "Lab", "Verdict"),
}

if not TYPE_CHECKING:  # a type checker that saw it would let every misspelt name pass

    def __getattr__(name: str) -> object:
        for room, names in _ROOMS.items():
            if name in names:
                value = globals()[name] = getattr(import_module(room, __name__), name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
