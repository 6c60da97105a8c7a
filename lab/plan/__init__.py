"""Plans: a scenario made concrete with a contract, what the subject offers, and a seed.

Pure. Counterparts: `scenarios` (what is written), `lab.run` (what is played), `lab.expect` (what
the steps mean for a judgement). A plan is saved, printed by `explain` and replayed as it is.
"""

from __future__ import annotations

from .estimate import about, attempts_of
from .planner import plan
from .scope import reaches, shows
from .slowness import BYTES, lasts, silence
from .steps import (
    Clear,
    Enter,
    Fresh,
    Inject,
    NotOffered,
    Offer,
    Operate,
    Plan,
    Renew,
    SetClock,
    Skipped,
    Step,
    Wait,
)

__all__ = [
    "BYTES",
    "Clear",
    "Enter",
    "Fresh",
    "Inject",
    "NotOffered",
    "Offer",
    "Operate",
    "Plan",
    "Renew",
    "SetClock",
    "Skipped",
    "Step",
    "Wait",
    "about",
    "attempts_of",
    "lasts",
    "plan",
    "reaches",
    "shows",
    "silence",
]
