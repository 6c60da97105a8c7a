"""One stub in a process that serves many, played by the test at its end of the pipe."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from faultlab.lab.backends.pipe import Listening, Past, Place, Ready, Recall, Said, Serve, Unable
from faultlab.lab.backends.routes import Request
from faultlab.lab.backends.shared import Shared
from faultlab.lab.backends.specification import Builtin
from faultlab.lab.frames import Batch, Frames, pack
from faultlab.lab.history import AnyEvent, EffectApplied

if TYPE_CHECKING:
    from .conftest import Launcher

CORE = Builtin("core")
PAST = (Request("POST", "/query", body=b"{}"),)


class Stage:
    """A backend that was ordered, the process's end of its pipe, and what was told."""

    def __init__(self, launcher: Launcher, listener: socket.socket) -> None:
        self.launcher = launcher
        self.events: list[AnyEvent] = []
        self.changes = 0
        place = Place(listener.getsockname(), "10.1.2.3")
        self.shared = Shared(
            launcher.loop,
            place,
            "core",
            CORE,
            self.events.append,
            start=7.0,
            changed=self._changed,
        )
        self.theirs = listener.accept()[0]

    def _changed(self) -> None:
        self.changes += 1

    def says(self, *said: Said) -> None:
        """The process."""
        for one in said:
            self.theirs.sendall(pack(msgspec.msgpack.encode(one)))
        self.launcher.turn()

    def told(self) -> list[Serve | Recall]:
        """What the process was told since it was asked last."""
        bodies = Frames().bodies(self.theirs.recv(1 << 16))
        return [msgspec.msgpack.decode(body, type=Serve | Recall) for body in bodies]


@pytest.fixture
def stage(launcher: Launcher, tmp_path: Path) -> Iterator[Stage]:
    """A backend that does not serve yet."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        stage = Stage(launcher, listener)
        yield stage
        stage.shared.close()
        stage.theirs.close()


def test_it_serves_when_it_says_that_it_listens(stage: Stage) -> None:
    """At the address of its place, on a port of its own."""
    assert stage.told() == [Serve("core", CORE, 7.0, host="10.1.2.3")]
    stage.says(Ready())
    assert (stage.shared.settled, stage.shared.address) == (False, ("10.1.2.3", 0))
    stage.says(Listening(4000))
    assert (stage.shared.settled, stage.shared.address) == (True, ("10.1.2.3", 4000))
    assert (stage.shared.problem, stage.changes) == ("", 1)


def test_what_it_reports_is_recorded_before_anybody_turns_the_loop(stage: Stage) -> None:
    """In order, as it was stamped there: what the wire shows of it is recorded next."""
    events = [EffectApplied(t=n / 10, late=0.5, service="core", op=n) for n in (1, 2, 3)]
    for some in (events[:1], events[1:]):
        stage.theirs.sendall(pack(msgspec.msgpack.encode(Batch(tuple(some)))))
    stage.shared.drain()
    assert stage.events == events


def test_it_tells_what_has_changed_its_answers(stage: Stage) -> None:
    """Another process may take its place, and must know as much."""
    told: list[tuple[Request, ...]] = []
    stage.told()
    stage.shared.recall(told.append)
    assert stage.told() == [Recall()]
    stage.says(Past(PAST))
    assert told == [PAST]


@pytest.mark.parametrize("said", [Unable("no port"), None], ids=["unable", "dead"])
def test_what_it_can_not_be_had_for_is_a_problem(stage: Stage, said: Said | None) -> None:
    """Once, and whoever waits for it goes on."""
    if said is None:
        stage.theirs.close()
        stage.launcher.turn()
    else:
        stage.says(said)
    why = "no port" if said is not None else "the process that served it has ended"
    assert stage.shared.problem == f"the stub of core can't be had: {why}"
    assert (stage.shared.settled, stage.changes) == (True, 1)
    stage.shared.drain()
    stage.launcher.turn()
    assert stage.changes == 1


def test_one_that_is_closed_is_ended_over_there(stage: Stage) -> None:
    """The process gives its port back when the pipe ends; the run hears no more of it."""
    stage.told()
    stage.shared.close()
    assert stage.theirs.recv(1) == b""
    stage.launcher.turn()
    assert (stage.shared.problem, stage.changes) == ("", 0)
