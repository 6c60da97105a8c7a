"""Why what was seen of an operation may not be all."""

from __future__ import annotations

from typing import Any

from faultlab.lab.attempts import doubt, unattributed
from faultlab.lab.history import OpFailed, OpOk, Raised

Tell = Any  # the writer of events in conftest.py


def test_an_operation_whose_requests_may_be_a_stray_has_not_done_without(tell: Tell) -> None:
    """Two commands at once: one request could be either's, so that neither is known to have none."""
    reading = tell.reading(
        tell.invoked(0.1),
        tell.invoked(0.11, op=2),
        *tell.exchange(0.12, tell.head(0.13, 503), tell.complete(0.14), op=None),
        OpFailed(t=0.2, op=1, errors=(Raised(classes=("exit 22",)),)),
        OpOk(t=0.21, op=2),
        tell.invoked(0.3, op=3),
        *tell.exchange(0.31, tell.head(0.32, conn=2), tell.complete(0.33, conn=2), op=3, conn=2),
        OpOk(t=0.4, op=3),
    )
    first, second, third = reading.operations
    assert first.attempts == ()
    assert doubt(reading, first) == unattributed(reading, first) != ""
    assert doubt(reading, second) == doubt(reading, first)
    assert doubt(reading, third) == ""
