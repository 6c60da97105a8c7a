import asyncio
import socket
from collections.abc import Iterator
from typing import cast

import httpx
import pytest

from faultlab.lab.frames import Batch, Frames
from faultlab.lab.history import (
    AnyEvent,
    Left,
    OpCancelled,
    OpCancelRequested,
    OpFailed,
    OpInvoked,
    OpOk,
    Raised,
    Sample,
    SubjectClosed,
    SubjectOpened,
)
from faultlab.lab.stamp import Stamp
from faultlab.lab.subjects.attribution import current
from faultlab.lab.subjects.channel import Channel
from faultlab.lab.subjects.leftovers import Held
from faultlab.lab.subjects.listeners import Listeners
from faultlab.lab.subjects.recording import Ended, Watch


class Wire:
    """A socket that keeps the events sent through it."""

    def __init__(self) -> None:
        self.frames = Frames()
        self.events: list[AnyEvent] = []

    def sendall(self, data: bytes) -> None:
        """Keep its events."""
        for frame in self.frames.feed(data):
            if isinstance(frame, Batch):
                self.events += frame.events


@pytest.fixture
def wire() -> Wire:
    """The recorder's end."""
    return Wire()


@pytest.fixture
def watch(wire: Wire) -> Iterator[Watch]:
    """A watch at second 1 of its run."""
    watch = Watch()
    stamp = Stamp(0.0, clock=lambda: 1.0, delay=lambda: 0.0)
    watch.start(Listeners(), Channel(cast("socket.socket", wire)), stamp)
    yield watch
    watch.stop()


def test_an_operation_is_recorded_from_beginning_to_end(watch: Watch, wire: Wire) -> None:
    """Two facts: it was called, and it came back."""
    with watch.operation(3, "read", service="core", endpoint="GET /x", idempotent=True) as ended:
        operation = current.get()
        ended.value = 7
    assert operation is not None
    assert operation.op == 3
    assert current.get() is None
    assert wire.events[0] == OpInvoked(
        t=1.0, op=3, name="read", service="core", endpoint="GET /x", idempotent=True
    )
    end = wire.events[1]
    assert isinstance(end, OpOk)
    assert (end.op, end.type, len(end.digest)) == (3, "builtins.int", 12)


def test_an_error_is_recorded_and_passes_through(watch: Watch, wire: Wire) -> None:
    """The test's own assertions must see it too."""
    with pytest.raises(SystemExit), watch.operation(1, "read"):
        raise SystemExit(2)
    of = ("builtins.SystemExit", "builtins.BaseException")
    assert wire.events[1] == OpFailed(t=1.0, op=1, errors=(Raised(classes=of, message="2"),))


def cancelled(watch: Watch, *, by_lab: bool) -> None:
    """Let an operation end by a cancellation."""
    ended = Ended()
    ended.cancelled = by_lab
    if by_lab:
        watch.cancelling(1, "core")
    with (
        pytest.raises(asyncio.CancelledError),
        watch.operation(1, "read", service="core", ended=ended),
    ):
        raise asyncio.CancelledError


def test_a_cancellation_by_the_lab_is_one(watch: Watch, wire: Wire) -> None:
    """It counts nowhere, so it must not look like the client's failure."""
    cancelled(watch, by_lab=True)
    assert wire.events[0] == OpCancelRequested(t=1.0, op=1, service="core")
    assert wire.events[2] == OpCancelled(t=1.0, op=1, service="core")


def test_a_cancellation_by_the_client_is_its_failure(watch: Watch, wire: Wire) -> None:
    """Nobody had asked for it."""
    cancelled(watch, by_lab=False)
    assert isinstance(wire.events[1], OpFailed)


def test_an_error_after_a_cancellation_is_the_clients(watch: Watch, wire: Wire) -> None:
    """A client that turns a cancellation into its own error has swallowed it."""
    ended = Ended()
    ended.cancelled = True
    with pytest.raises(OSError, match="mine"), watch.operation(1, "read", ended=ended):
        raise OSError("mine")
    assert isinstance(wire.events[1], OpFailed)


def test_a_subject_opens_and_closes(watch: Watch, wire: Wire) -> None:
    """Each opening begins a new life: breakers are closed again."""
    watch.opened(connects="none: x")
    watch.closed()
    assert wire.events == [SubjectOpened(t=1.0, connects="none: x"), SubjectClosed(t=1.0)]


def test_none_is_a_value_and_not_known_is_not(watch: Watch, wire: Wire) -> None:
    """A client that returns None for a broken answer must not pass for one that nobody looked at."""
    with watch.operation(1, "read") as ended:
        ended.value = None
    with watch.operation(2, "read"):
        pass
    assert [end.type for end in wire.events if isinstance(end, OpOk)] == ["builtins.NoneType", ""]


def test_what_the_process_holds_is_recorded_at_both_ends(watch: Watch, wire: Wire) -> None:
    """Only what is more at the end can be the subject's."""
    held = Held(frozenset(), frozenset(), None, {3: "pipe:[1]"})
    left = (Left(kind="descriptor", name="pipe"),)
    watch.holds((0.5, 0.0), held)
    watch.kept(held, left)
    counts = {"task": 0, "thread": 0, "descriptor": 1}
    assert wire.events == [
        Sample(t=0.5, at="open", counts=counts),
        Sample(t=1.0, at="close", counts=counts, left=left),
    ]


def test_a_stopped_watch_records_nothing(watch: Watch, wire: Wire) -> None:
    """Late traffic of one test must not count in another."""
    patched = httpx.HTTPTransport.handle_request
    watch.stop()
    watch.stop()
    with watch.operation(1, "read"):
        pass
    assert wire.events == []
    assert httpx.HTTPTransport.handle_request is not patched


def test_a_watch_starts_anew(watch: Watch, wire: Wire) -> None:
    """A subject is opened again in the same process."""
    channel = Channel(cast("socket.socket", wire))
    with pytest.raises(RuntimeError, match="has been started"):
        watch.start(Listeners(), channel, Stamp(0.0))
    watch.stop()
    watch.start(Listeners(), channel, Stamp(0.0))
    watch.opened()
    assert len(wire.events) == 1
