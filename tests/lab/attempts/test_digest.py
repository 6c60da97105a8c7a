"""What makes two readings the same story."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from faultlab.lab.attempts import canonical
from faultlab.lab.history import OpOk

Tell = Any  # the writer of events in conftest.py


def test_the_canonical_digest_ignores_times_and_notices_attempts(tell: Tell) -> None:
    """Same story, same digest on any machine; one attempt more is another story."""
    events = (
        tell.invoked(0.1),
        *tell.exchange(0.1, tell.head(0.2), tell.complete(0.2)),
        OpOk(t=0.3, op=1),
    )
    first = tell.reading(*events)
    later = replace(first, operations=tuple(replace(o, invoked=9.0) for o in first.operations))
    more = replace(first, operations=tuple(replace(o, attempts=()) for o in first.operations))
    assert canonical(first) == canonical(later) != canonical(more)
