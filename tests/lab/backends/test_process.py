"""One stub process, played by the test: what its reports and its end make of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from faultlab.lab.backends.pipe import Listening, Ready, Serve, Unable
from faultlab.lab.backends.process import StubProcess
from faultlab.lab.backends.specification import Builtin
from faultlab.lab.frames import Batch
from faultlab.lab.history import AnyEvent, EffectApplied

if TYPE_CHECKING:
    from .conftest import FakeProcess, Launcher

WHAT = Serve("core", Builtin("core"), 7.0)


class Stage:
    """A process, what it reported, and how often it said that it had changed."""

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher
        self.events: list[AnyEvent] = []
        self.changes = 0
        self.process = StubProcess(launcher.loop, self.events.append, self._changed, launcher)
        self.theirs: FakeProcess = launcher.started[0]

    def _changed(self) -> None:
        self.changes += 1

    def after(self, *said: Ready | Listening | Unable | Batch) -> str:
        """The state after it said this."""
        self.theirs.says(*said)
        self.launcher.turn()
        return self.process.state


@pytest.fixture
def stage(launcher: Launcher) -> Iterator[Stage]:
    """A process that has just been started."""
    stage = Stage(launcher)
    yield stage
    stage.process.close()


def test_it_serves_when_it_says_that_it_listens(stage: Stage) -> None:
    """Readiness is an event; nobody waits for a time."""
    assert stage.process.state == "starting"
    assert stage.after(Ready()) == "ready"
    stage.process.serve(WHAT)
    assert stage.process.state == "opening"
    assert stage.theirs.told() == [WHAT]
    assert stage.after(Listening(4000)) == "serving"
    assert (stage.process.problem, stage.changes) == ("", 2)
    assert stage.process.address == ("127.0.0.1", 4000)


def test_what_it_reports_is_recorded_in_order_and_as_it_stamped_it(stage: Stage) -> None:
    """The recorder numbers; times are its own."""
    events = [EffectApplied(t=n / 10, late=0.5, service="core", op=n) for n in (1, 2, 3)]
    stage.after(Batch((events[0],)), Batch(tuple(events[1:])))
    assert stage.events == events
    assert stage.changes == 0


def test_a_report_is_taken_before_anybody_turns_the_loop(stage: Stage) -> None:
    """What the wire shows of it is recorded next."""
    stage.theirs.says(Batch((EffectApplied(t=1.0),)))
    stage.process.drain()
    assert len(stage.events) == 1


def test_half_a_report_of_a_killed_process_is_dropped(stage: Stage) -> None:
    """What is whole is kept."""
    stage.theirs.says(Batch((EffectApplied(t=1.0),)))
    stage.theirs.pipe.sendall(b"\0\0\1\0half")
    stage.process.end("kill")
    stage.theirs.ends(-9)
    stage.launcher.turn()
    assert (len(stage.events), stage.process.state, stage.process.problem) == (1, "gone", "")


@pytest.mark.parametrize(
    ("how", "number"), [("stop", signal.SIGTERM), ("kill", signal.SIGKILL)], ids=["stop", "kill"]
)
def test_it_is_gone_when_its_process_is(stage: Stage, how, number) -> None:
    """Not as soon as the signal is sent: its kernel has its connections to end."""
    stage.process.end(how)
    assert stage.theirs.signals == [number]
    stage.launcher.turn()
    assert stage.process.state == "ending"
    stage.theirs.ends(0)
    stage.launcher.turn()
    assert (stage.process.state, stage.process.problem) == ("gone", "")
    stage.process.end(how)
    assert stage.theirs.signals == [number]


def test_an_end_that_nobody_asked_for_is_a_problem(stage: Stage) -> None:
    """The client would be blamed for it."""
    stage.after(Ready())
    stage.theirs.ends(3)
    stage.launcher.turn()
    assert stage.process.state == "gone"
    assert stage.process.problem == "its process ended by itself, with code 3"


def test_it_may_be_told_what_to_serve_when_it_has_just_died(stage: Stage) -> None:
    """The end of its pipe tells it."""
    stage.after(Ready())
    stage.theirs.ends(1)
    stage.process.serve(WHAT)
    stage.launcher.turn()
    assert stage.process.problem == "its process ended by itself, with code 1"


def test_what_it_is_unable_to_is_a_problem(stage: Stage) -> None:
    """In its own words."""
    stage.after(Ready())
    stage.process.serve(WHAT)
    stage.after(Unable("Too many open files"))
    assert (stage.process.problem, stage.changes) == ("Too many open files", 2)


def test_a_start_that_takes_for_ever_ends(stage: Stage) -> None:
    """Whoever waits for it is told."""
    stage.process._late()
    stage.launcher.turn()
    assert stage.process.problem == "its process did not start within 20 s"
    assert stage.process.state == "gone"


def test_what_is_closed_is_gone_and_says_nothing_more(stage: Stage) -> None:
    """A frozen process can't end by itself."""
    stage.process.close()
    stage.process.close()
    stage.launcher.turn()
    assert (stage.process.state, stage.changes) == ("gone", 0)
    assert signal.SIGKILL in stage.theirs.signals


def test_a_process_that_can_not_be_started_leaves_nothing(launcher: Launcher) -> None:
    """The caller says whose it was."""
    launcher.refuses = True
    with pytest.raises(OSError, match="Cannot allocate memory"):
        StubProcess(launcher.loop, print, print, launcher)
