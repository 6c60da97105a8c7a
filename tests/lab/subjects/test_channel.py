import os
import socket
from collections.abc import Callable
from typing import cast

import pytest

from faultlab.lab.frames import Batch, Frames, Mark
from faultlab.lab.history import OpOk
from faultlab.lab.subjects.channel import Channel


class Wire:
    """A socket that keeps what is sent, or fails; `during` runs inside a send."""

    def __init__(self) -> None:
        self.frames = Frames()
        self.got: list[Batch | Mark] = []
        self.fails = False
        self.during: Callable[[], object] = int

    def sendall(self, data: bytes) -> None:
        """Keep its frames."""
        if self.fails:
            raise BrokenPipeError
        self.got += self.frames.feed(data)
        during, self.during = self.during, int
        during()

    def close(self) -> None:
        """Nothing to close."""

    @property
    def ops(self) -> list[object]:
        """What arrived, in order: operation numbers, and marks as themselves."""
        return [
            it
            for frame in self.got
            for it in ([e.op for e in frame.events] if isinstance(frame, Batch) else [frame])
        ]


@pytest.fixture
def wire() -> Wire:
    """The recorder's end."""
    return Wire()


@pytest.fixture
def channel(wire: Wire) -> Channel:
    """The subject's end."""
    return Channel(cast("socket.socket", wire))


def event(op: int) -> OpOk:
    """Some event, told apart by its operation."""
    return OpOk(t=0.0, op=op)


def test_a_record_is_sent_behind_what_was_noted(wire: Wire, channel: Channel) -> None:
    """A connect belongs before the end of the operation that made it."""
    channel.note(event(1))
    assert wire.ops == []
    channel.record(event(2))
    assert wire.ops == [1, 2]


def test_a_mark_follows_everything_recorded_before_it(wire: Wire, channel: Channel) -> None:
    """The recorder's answer to it means: nothing is on the way."""
    channel.note(event(1))
    channel.mark(9)
    channel.record(event(2))
    assert wire.ops == [1, Mark(9), 2]


def test_a_flush_leaves_nothing_behind(wire: Wire, channel: Channel) -> None:
    """Before a kill the history so far is saved."""
    for number in range(1200):
        channel.note(event(number))
    channel.flush()
    assert wire.ops == list(range(1200))


def test_a_record_inside_a_send_does_not_wait_for_itself(wire: Wire, channel: Channel) -> None:
    """A finaliser may close a connection, and so record, at any point of the same thread."""
    wire.during = lambda: channel.record(event(2))
    channel.record(event(1))
    assert wire.ops == [1, 2]


def test_a_recorder_that_is_gone_breaks_no_subject(wire: Wire, channel: Channel) -> None:
    """The client's own errors must stay the client's."""
    wire.fails = True
    channel.record(event(1))
    assert channel.broken
    wire.fails = False
    channel.record(event(2))
    assert wire.ops == []


def test_a_forked_child_sends_nothing(wire: Wire, channel: Channel) -> None:
    """Two writers would mix their frames on the one stream."""
    channel._owner = os.getpid() + 1
    channel.record(event(1))
    channel.note(event(2))
    channel.flush()
    channel.mark(1)
    assert wire.ops == []
