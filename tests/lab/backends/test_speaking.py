"""What a process says of itself, played by the test over its pipe, and what that makes of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import msgspec
import pytest

from faultlab.lab.backends.pipe import Listening, Past, Pipe, Ready, Said, Serve, Told, Unable
from faultlab.lab.backends.served import Builtin
from faultlab.lab.backends.speaking import Speaking
from faultlab.lab.frames import Batch, Frames, pack
from faultlab.lab.history import AnyEvent, EffectApplied

WHAT = Serve("core", Builtin("core"), 7.0)
EVENT = EffectApplied(t=1.0, service="core", endpoint="POST /x")


class Lone(Speaking):
    """One that is late when the test says so."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ours: socket.socket) -> None:
        self.events: list[AnyEvent] = []
        self.changes = 0
        super().__init__(loop, self.events.append, self._change, host="here")
        self._pipe = Pipe(loop, ours, self._hear, lambda: None)

    def _change(self) -> None:
        self.changes += 1

    def end(self) -> None:
        """Nothing waits any more."""
        self._let_go()


class Stage:
    """A process, and its end of the pipe."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        ours, self.theirs = socket.socketpair()
        self.lone = Lone(self.loop, ours)

    def after(self, *said: Said) -> str:
        """Its state after it said this."""
        for one in said:
            self.theirs.sendall(pack(msgspec.msgpack.encode(one)))
        self.lone.drain()
        self.loop.run_until_complete(asyncio.sleep(0))
        return self.lone.state

    def told(self) -> Told:
        """What it was told."""
        (body,) = Frames().bodies(self.theirs.recv(1 << 16))
        return msgspec.msgpack.decode(body, type=Told)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """It has just been started."""
    stage = Stage()
    yield stage
    stage.lone.end()
    stage.theirs.close()
    stage.loop.close()


def test_it_serves_when_it_says_that_it_listens(stage: Stage) -> None:
    """Whoever waits is called from the loop, each time."""
    assert stage.after(Ready()) == "ready"
    stage.lone.serve(WHAT)
    assert (stage.told(), stage.lone.state) == (WHAT, "opening")
    assert stage.after(Listening(4000)) == "serving"
    assert (stage.lone.address, stage.lone.changes) == (("here", 4000), 2)


def test_what_it_reports_is_recorded_and_changes_nothing(stage: Stage) -> None:
    """Its past is asked of others only."""
    assert stage.after(Batch((EVENT,)), Past(())) == "starting"
    assert (stage.lone.events, stage.lone.changes) == ([EVENT], 0)


def test_what_it_can_t_do_is_its_problem(stage: Stage) -> None:
    """In its own words."""
    stage.after(Ready(), Unable("address in use"))
    assert stage.lone.problem == "address in use"


@pytest.mark.parametrize("state", ["frozen", "ending", "gone"])
def test_a_word_that_comes_late_wakes_nobody(stage: Stage, state: str) -> None:
    """It was on its way when the process was halted or ended."""
    stage.lone.state = state  # type: ignore[assignment]  # one of them
    assert stage.after(Ready(), Listening(4000)) == state
