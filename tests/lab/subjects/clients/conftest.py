"""Operations, and what is recorded of their attempts, without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from faultlab.lab.history import AnyEvent, AttemptBegun, AttemptEnded
from faultlab.lab.stamp import Stamp
from faultlab.lab.subjects.attribution import Attribution, Current, current
from faultlab.lab.subjects.listeners import Listeners

Operation = Callable[[int], AbstractContextManager[None]]


@pytest.fixture
def operation() -> Operation:
    """Makes a block one operation."""

    @contextmanager
    def running(op: int) -> Iterator[None]:
        token = current.set(Current(op))
        try:
            yield
        finally:
            current.reset(token)

    return running


@pytest.fixture
def events() -> list[AnyEvent]:
    """What was recorded."""
    return []


@pytest.fixture
def attribution(events: list[AnyEvent]) -> Iterator[Attribution]:
    """Attribution in force for service core on port 4000, at second 1."""
    stamp = Stamp(0.0, clock=lambda: 1.0, delay=lambda: 0.0)
    attribution = Attribution(Listeners({"core": "http://127.0.0.1:4000"}), stamp, events.append)
    with attribution.in_force():
        yield attribution


@pytest.fixture
def told(events: list[AnyEvent]) -> Callable[[], list[str]]:
    """The attempts so far: `1.1` for a begun one, `1.1 ok` or `1.1 CLASS` for an ended one."""

    def said(event: AnyEvent) -> str:
        assert isinstance(event, AttemptBegun | AttemptEnded)
        tag = f"{event.op}.{event.attempt}"
        if isinstance(event, AttemptBegun):
            return tag
        return f"{tag} {event.error.rpartition('.')[2] or 'ok'}"

    return lambda: [said(event) for event in events]
