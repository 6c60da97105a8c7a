"""Whether two readings tell the same story, by one digest.

It holds what happened and leaves out times, ports, ids and header (design law 3).
"""

from __future__ import annotations

import hashlib

from .facts import Reading


def canonical(reading: Reading) -> str:
    """A digest of what happened without times, ports, ids and header (design law 3).

    Operations of one name and phase are taken as a multiset, since concurrent ones may swap.
    """
    lines = sorted(
        "|".join(
            (
                operation.phase,
                operation.name,
                operation.ending,
                operation.errors[0].classes[0] if operation.errors else operation.value,
                str(operation.effects),
                *(f"{a.method} {a.target} {a.observable}" for a in operation.attempts),
            )
        )
        for operation in reading.operations
    )
    lines += [
        f"{fault.phase}|{fault.kind}|{fault.service}|{fault.fired}" for fault in reading.faults
    ]
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()
