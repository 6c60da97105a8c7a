"""The lab process's end of a pipe to a stub elsewhere, and the way to a process that is on its way."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from faultlab.lab.backends.pipe import (
    STARTING,
    Listening,
    Past,
    Pipe,
    Reach,
    Ready,
    Recall,
    Said,
    Serve,
)
from faultlab.lab.backends.routes import Request
from faultlab.lab.backends.specification import Routed
from faultlab.lab.frames import Frames, pack

SAID: list[Said] = [Ready(), Listening(4000), Past((Request("POST", "/orders", body=b"{}"),))]


class Turned(asyncio.SelectorEventLoop):
    """A loop that the test turns, with a clock that it can set forward."""

    ahead = 0.0

    def time(self) -> float:
        """The real time, and what the test has added."""
        return super().time() + self.ahead

    def turn(self) -> None:
        """Let everything happen that is due."""
        for _ in range(5):
            self.call_soon(self.stop)
            self.run_forever()


@pytest.fixture
def loop() -> Iterator[Turned]:
    """A loop of this test's own."""
    loop = Turned()
    yield loop
    loop.close()


class Ends:
    """Both ends of a pipe, what was heard, and how often it ended."""

    def __init__(self, loop: Turned) -> None:
        ours, self.theirs = socket.socketpair()
        self.heard: list[Said] = []
        self.ended = 0
        self.pipe = Pipe(loop, ours, self.heard.append, self._end)

    def _end(self) -> None:
        self.ended += 1

    def say(self, *said: Said) -> None:
        """The other side."""
        self.theirs.sendall(b"".join(pack(msgspec.msgpack.encode(one)) for one in said))


@pytest.fixture
def ends(loop: Turned) -> Iterator[Ends]:
    """A pipe of this test's own."""
    ends = Ends(loop)
    yield ends
    ends.pipe.close()
    ends.theirs.close()


def test_what_is_said_is_heard_in_order(loop: Turned, ends: Ends) -> None:
    """From the loop, in as many pieces as the kernel likes."""
    data = b"".join(pack(msgspec.msgpack.encode(one)) for one in SAID)
    for at in range(len(data)):
        ends.theirs.sendall(data[at : at + 1])
        if at % 7 == 0:
            loop.turn()
    loop.turn()
    assert ends.heard == SAID


def test_a_drain_waits_for_no_loop(ends: Ends) -> None:
    """What was said before something else showed is heard before it."""
    ends.say(*SAID)
    assert ends.heard == []
    ends.pipe.drain()
    assert ends.heard == SAID


def test_the_end_comes_behind_what_was_said_and_once(loop: Turned, ends: Ends) -> None:
    """Last words count."""
    ends.say(*SAID)
    ends.theirs.close()
    ends.pipe.drain()
    assert (ends.heard, ends.ended, ends.pipe.open) == (SAID, 1, False)
    ends.pipe.drain()
    loop.turn()
    assert ends.ended == 1


def test_an_order_into_a_pipe_that_has_ended_is_its_end(ends: Ends) -> None:
    """Whoever waits for an answer is told, and nobody gets an exception."""
    ends.theirs.close()
    ends.pipe.tell(Recall())
    assert (ends.ended, ends.pipe.open) == (1, False)
    ends.pipe.tell(Recall())
    assert ends.ended == 1


def test_nobody_waits_for_an_order_to_be_read(loop: Turned, ends: Ends) -> None:
    """The other side may be waiting for this one to read: both would wait for ever."""
    large = Serve("orders", Routed("x" * 3_000_000), 7.0)
    ends.pipe.tell(large)
    ends.pipe.tell(Recall())
    ends.theirs.setblocking(False)
    bodies: list[bytes] = []
    frames = Frames()
    while len(bodies) < 2:
        loop.turn()
        bodies += frames.bodies(ends.theirs.recv(1 << 20))
    assert [msgspec.msgpack.decode(body, type=Serve | Recall) for body in bodies] == [
        large,
        Recall(),
    ]


def test_what_is_closed_hears_nothing_more(loop: Turned, ends: Ends) -> None:
    """And tells no end: it was asked for."""
    ends.say(*SAID)
    ends.pipe.close()
    loop.turn()
    ends.pipe.drain()
    assert (ends.heard, ends.ended) == ([], 0)


def test_a_process_is_reached_when_it_listens(loop: Turned, tmp_path: Path) -> None:
    """It may have been started only now; no time is guessed."""
    path = str(tmp_path / "socket")
    reached: list[socket.socket | OSError] = []
    Reach(loop, path, reached.append)
    loop.turn()
    assert reached == []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        loop.ahead += 0.1
        loop.turn()
        assert reached == []
        listener.listen()
        loop.ahead += 0.1
        loop.turn()
        (found,) = reached
        assert isinstance(found, socket.socket)
        with found, listener.accept()[0]:
            pass


def test_one_that_never_comes_is_an_error_at_last(loop: Turned, tmp_path: Path) -> None:
    """The run ends with a message instead of a hang."""
    reached: list[socket.socket | OSError] = []
    Reach(loop, str(tmp_path / "nobody"), reached.append)
    loop.ahead += STARTING - 1
    loop.turn()
    assert reached == []
    loop.ahead += 1
    loop.turn()
    assert [type(one) for one in reached] == [FileNotFoundError]


def test_who_looks_no_further_is_told_nothing(loop: Turned, tmp_path: Path) -> None:
    """The run is over."""
    reached: list[socket.socket | OSError] = []
    Reach(loop, str(tmp_path / "nobody"), reached.append).cancel()
    loop.ahead += STARTING
    loop.turn()
    assert reached == []
