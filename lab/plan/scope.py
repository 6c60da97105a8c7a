"""What a fault reaches of the operations that are offered, and what it shows them.

Counterpart: `faults.scope`, which decides the same for a request that has come. Here there is
only a template, so a wildcard may meet a wildcard.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...faults import AnyFault
from ..contract import OUTCOME_GROUPS, members


def reaches(fault: AnyFault, service: str, method: str, path: str) -> bool:
    """Whether a fault's scope can cover a request to this path template."""
    if fault.service != service:
        return False
    return fault.endpoint is None or overlap(fault.endpoint, method, path)


def overlap(pattern: str, method: str, path: str) -> bool:
    """Whether a pattern and a template can mean one request; a wildcard meets any segment."""
    wanted, _, template = pattern.partition(" ")
    if wanted != method:
        return False
    left, right = template.split("/"), path.split("/")
    if left and left[-1] == "*" and len(right) >= len(left):
        left, right = left[:-1], right[: len(left) - 1]
    return len(left) == len(right) and all(
        a == b or _wild(a) or _wild(b) for a, b in zip(left, right, strict=True)
    )


def _wild(segment: str) -> bool:
    return "*" in segment or re.search(r"\{[^{}]*\}", segment) is not None


def shows(fault: AnyFault, expect: Sequence[str]) -> tuple[str, ...]:
    """What a fault can show of itself, narrowed to the observables that the outcomes speak of."""
    spoken = {
        leaf for outcome in expect if outcome in OUTCOME_GROUPS for leaf in members(outcome)
    } | {outcome for outcome in expect if outcome.startswith("status:")}
    if "deadline" in expect:
        spoken.add("slow_drip")
    observables = fault.observable()
    return tuple(one for one in observables if one in spoken) or observables
