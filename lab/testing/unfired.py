"""What is said of a fault that never acted: what was called meanwhile, and what to write.

Counterpart: `armed.py` raises it. A text of what a reading holds; asks nobody.
"""

from __future__ import annotations

from collections import Counter

from ...faults import Fault
from ..attempts import FaultRecord, Reading
from .count import several
from .evidence import every_attempt, meanwhile

__all__ = ["unfired"]


def unfired(
    reading: Reading,
    record: FaultRecord,
    fault: Fault,
    place: str,
    call: str,
    elsewhere: tuple[str, ...] = (),
) -> str:
    """What to say of a fault that never acted: what was called meanwhile, and what to write."""
    over = reading.end if record.cleared is None else record.cleared
    met = [attempt for attempt in every_attempt(reading) if meanwhile(attempt.begun, record)]
    if record.listener is not None:
        number = sum(
            attempt.headless and attempt.conn is None
            for attempt in met
            if attempt.service == record.service
        )
        number += sum(
            connection.service == record.service and meanwhile(connection.opened, record)
            for connection in reading.connections
        )
        own = several(number, f"connects to {record.service}")
    else:
        called = [a for a in met if a.service == record.service and not a.headless]
        number = len(called)
        own = several(number, f"requests to {record.service}")
        if called:
            lines = dict.fromkeys(f"{a.method} {a.target.partition('?')[0]}" for a in called)
            own += f" ({', '.join(lines)})"
    others = Counter(a.service for a in met if a.service != record.service)
    seen = [own, *(several(n, f"requests to {name}") for name, n in sorted(others.items()))]
    quiet = not met and not any(meanwhile(one.opened, record) for one in reading.connections)
    told = "nothing was called, here or on another service" if quiet else ", ".join(seen)
    lasted = f"{over - record.armed:.3f} s"
    was = f"was in force {lasted} and never fired"
    if record.awaited:
        was = f"waited {lasted} until {record.awaited}, and never came into force"
    rows = [
        f"`{record.kind}` on {record.service} ({place}) {was}",
        f"  meanwhile  {told}",
    ]
    if record.text:
        rows.insert(1, f"  armed as   {record.text}")
    if not met and elsewhere:
        rows.append(f"  elsewhere  connects since the test began: {', '.join(elsewhere)}")
    picked = "attempt" if fault.attempt else "operation" if fault.operation else ""
    if picked and any(a.op is None for a in met if a.service == record.service):
        rows.append(f"  mend       `{picked}` picks among what an operation sends; mark yours:")
        rows.append('             with lab.operation("name"): ...')
        return "\n".join(rows)
    rows.append("  mend       arm it where the client calls; if no call is meant, say so:")
    rows.append(f"             {call}")
    return "\n".join(rows)
