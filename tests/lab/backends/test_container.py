"""One container with a stub: the test plays the engine, and the process in it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from faultlab.lab.backends.container import Act, Contained, StubContainer, Way
from faultlab.lab.backends.pipe import Listening, Place, Ready, Said, Serve, Unable
from faultlab.lab.backends.specification import Builtin
from faultlab.lab.frames import Batch, Frames, pack
from faultlab.lab.history import AnyEvent, EffectApplied

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Launcher

WHAT = Serve("core", Builtin("core"), 7.0, host="10.1.2.3")


class Engine:
    """Remembers what is asked of it; the test says what came of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.told: Callable[[Contained], None] = pytest.fail

    def start(self, service: str, told: Callable[[Contained], None]) -> None:
        """A container for this service."""
        self.asked.append(f"start {service}")
        self.told = told

    def act(self, container: int, act: Act, told: Callable[[Contained], None]) -> None:
        """On this one."""
        self.asked.append(f"{act} {container}")
        self.told = told

    def cut(
        self, service: str, peer: str, ways: tuple[Way, ...], told: Callable[[Contained], None]
    ) -> None:
        """Its network is another's matter."""
        raise AssertionError

    def join(self, service: str, peer: str, told: Callable[[Contained], None]) -> None:
        """Its network is another's matter."""
        raise AssertionError


class Stage:
    """A container that was asked for, and both ends of its pipe."""

    def __init__(self, launcher: Launcher, path: Path) -> None:
        self.launcher = launcher
        self.engine = Engine()
        self.events: list[AnyEvent] = []
        self.changes = 0
        self.place = Place(str(path), "10.1.2.3")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.theirs = socket.socket(socket.AF_UNIX)
        self.container = StubContainer(
            launcher.loop, self.engine, "core", self.events.append, self._changed
        )

    def _changed(self) -> None:
        self.changes += 1

    def ready(self) -> None:
        """It has started, and so has the process in it."""
        self.engine.told(Contained(container=3, place=self.place))
        self.theirs.close()
        self.theirs, _ = self.listener.accept()
        self.says(Ready())

    def serving(self) -> None:
        """On port 4000."""
        self.ready()
        self.container.serve(WHAT)
        self.says(Listening(4000))

    def says(self, *said: Said) -> None:
        """The process in it."""
        for one in said:
            self.theirs.sendall(pack(msgspec.msgpack.encode(one)))
        self.launcher.turn()

    def dies(self) -> None:
        """The process in it."""
        self.theirs.close()
        self.launcher.turn()


@pytest.fixture
def stage(launcher: Launcher, tmp_path: Path) -> Iterator[Stage]:
    """A container that has been asked for."""
    stage = Stage(launcher, tmp_path / "socket")
    yield stage
    stage.container.close()
    stage.theirs.close()
    stage.listener.close()


def test_it_serves_when_the_process_in_it_listens(stage: Stage) -> None:
    """At the container's address; each step is told, and no time is guessed."""
    assert (stage.engine.asked, stage.container.state) == (["start core"], "starting")
    stage.ready()
    assert (stage.container.state, stage.container.address) == ("ready", ("10.1.2.3", 0))
    stage.container.serve(WHAT)
    (body,) = Frames().bodies(stage.theirs.recv(1 << 16))
    assert (stage.container.state, msgspec.msgpack.decode(body, type=Serve)) == ("opening", WHAT)
    stage.says(Listening(4000))
    assert (stage.container.state, stage.container.address) == ("serving", ("10.1.2.3", 4000))
    assert (stage.container.problem, stage.changes) == ("", 2)


def test_a_report_is_taken_before_anybody_turns_the_loop(stage: Stage) -> None:
    """What the wire shows of it is recorded next."""
    stage.serving()
    stage.theirs.sendall(pack(msgspec.msgpack.encode(Batch((EffectApplied(t=1.0),)))))
    stage.container.drain()
    assert len(stage.events) == 1


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("first", ["engine", "pipe"])
def test_it_is_gone_when_both_say_so(stage: Stage, how, first: str) -> None:
    """The pipe ends before the last connection, and the engine's word may come before its reports."""
    stage.serving()
    stage.container.end(how)
    assert (stage.engine.asked[-1], stage.container.state) == (f"{how} 3", "ending")
    for said in ("engine", "pipe") if first == "engine" else ("pipe", "engine"):
        assert stage.container.state == "ending"
        if said == "engine":
            stage.engine.told(Contained())
        else:
            stage.theirs.sendall(pack(msgspec.msgpack.encode(Batch((EffectApplied(t=1.0),)))))
            stage.dies()
    stage.launcher.turn()
    assert (stage.container.state, stage.container.problem) == ("gone", "")
    assert len(stage.events) == 1


def test_it_is_frozen_when_the_engine_says_so(stage: Stage) -> None:
    """And serves again when it says that."""
    stage.serving()
    stage.container.freeze()
    assert (stage.engine.asked[-1], stage.container.state) == ("pause 3", "freezing")
    stage.engine.told(Contained())
    assert (stage.container.state, stage.changes) == ("frozen", 3)
    stage.container.thaw()
    assert (stage.engine.asked[-1], stage.container.state) == ("unpause 3", "thawing")
    stage.engine.told(Contained())
    assert (stage.container.state, stage.changes) == ("serving", 4)


def test_a_thaw_that_comes_too_early_is_not_lost(stage: Stage) -> None:
    """A fault that is cleared while it comes into force."""
    stage.serving()
    stage.container.freeze()
    stage.container.thaw()
    assert stage.engine.asked[-1] == "pause 3"
    stage.engine.told(Contained())
    assert (stage.engine.asked[-1], stage.container.state) == ("unpause 3", "thawing")


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("start", "no space left on device"),
        ("unable", "no port"),
        ("dead", "it ended by itself"),
        ("kill", "no such container"),
        ("pause", "no such container"),
    ],
)
def test_what_goes_wrong_is_a_problem(stage: Stage, case: str, why: str) -> None:
    """In its own words, and whoever waits for it is told."""
    if case == "start":
        stage.engine.told(Contained("no space left on device"))
    else:
        stage.serving()
    before = stage.changes
    match case:
        case "unable":
            stage.says(Unable("no port"))
        case "dead":
            stage.dies()
        case "kill":
            stage.container.end("kill")
            stage.engine.told(Contained("no such container"))
        case "pause":
            stage.container.freeze()
            stage.engine.told(Contained("no such container"))
    stage.launcher.turn()
    assert stage.container.problem.endswith(why)
    assert stage.changes > before


def test_what_is_closed_says_nothing_more(stage: Stage) -> None:
    """And nothing is asked: the conductor removes what a run leaves."""
    stage.serving()
    before = stage.changes
    stage.container.close()
    stage.container.close()
    stage.dies()
    assert stage.engine.asked == ["start core"]
    assert (stage.container.state, stage.changes) == ("gone", before)


def test_one_that_starts_for_nobody_is_left_alone(stage: Stage) -> None:
    """The run was over before it had started."""
    stage.container.close()
    stage.engine.told(Contained(container=3, place=stage.place))
    stage.launcher.turn()
    assert (stage.container.state, stage.changes, stage.engine.asked) == ("gone", 0, ["start core"])
