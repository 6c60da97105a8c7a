"""One process in the place of another, played by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

from faultlab.lab.backends.apart import Apart
from faultlab.lab.backends.container import Act, Contained, Way
from faultlab.lab.backends.pipe import Listening, Ready, Serve, Unable
from faultlab.lab.backends.process import StubProcess
from faultlab.lab.backends.routes import Request
from faultlab.lab.backends.specification import Builtin

if TYPE_CHECKING:
    from .conftest import FakeProcess, Launcher

CORE = Builtin("core")
PAST = (Request("POST", "/query", body=b"{}"),)


class Stage:
    """A backend of core, and what was called."""

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher
        self.called: list[str] = []
        self.apart = Apart(
            lambda record, changed: StubProcess(launcher.loop, record, changed, launcher),
            "core",
            CORE,
            print,
            start=7.0,
            changed=self.calls("changed"),
        )

    def calls(self, word: str) -> Callable[[], None]:
        """A call that is remembered."""
        return lambda: self.called.append(word)

    def process(self, number: int) -> FakeProcess:
        """The n-th that was started."""
        return self.launcher.started[number - 1]

    def ready(self, number: int) -> None:
        """It has started."""
        self.process(number).says(Ready())
        self.launcher.turn()

    def listens(self, number: int, port: int) -> None:
        """It serves."""
        self.process(number).says(Listening(port))
        self.launcher.turn()

    def serving(self) -> None:
        """The first one serves on port 4001."""
        self.apart.open(self.calls("served"))
        self.ready(1)
        self.listens(1, 4001)
        self.called.clear()


@pytest.fixture
def stage(launcher: Launcher) -> Iterator[Stage]:
    """A backend that has not been opened."""
    stage = Stage(launcher)
    yield stage
    stage.apart.close()


def test_it_is_settled_when_it_listens(stage: Stage) -> None:
    """And what it must know is asked of the one before as late as can be."""
    asked: list[Callable[[tuple[Request, ...]], None]] = []
    stage.apart.open(stage.calls("served"), asked.append)
    assert (stage.apart.settled, stage.apart.address, asked) == (False, ("", 0), [])
    stage.ready(1)
    assert (stage.apart.settled, len(asked), stage.process(1).told()) == (False, 1, [])
    asked[0](PAST)
    assert stage.process(1).told() == [Serve("core", CORE, 7.0, PAST)]
    stage.listens(1, 4001)
    assert (stage.apart.settled, stage.apart.address) == (True, ("127.0.0.1", 4001))
    assert stage.called == ["changed", "served", "changed"]


def test_a_backend_that_serves_is_not_opened_twice(stage: Stage) -> None:
    """Whoever asks again finds it served."""
    stage.serving()
    stage.apart.open(stage.calls("served"))
    stage.launcher.turn()
    assert (len(stage.launcher.started), stage.called) == (1, [])


def test_one_that_is_ready_takes_the_place_of_the_one_that_has_ended(stage: Stage) -> None:
    """It forgets what that one knew; nothing has to start meanwhile."""
    stage.serving()
    stage.apart.prepare()
    assert not stage.apart.settled
    stage.ready(2)
    assert (stage.apart.settled, stage.process(2).told()) == (True, [])
    stage.apart.end("kill", stage.calls("ended"))
    assert not stage.apart.settled
    stage.process(1).ends(-9)
    stage.launcher.turn()
    assert (stage.apart.settled, stage.apart.address, stage.called[-2:]) == (
        True,
        ("", 0),
        ["ended", "changed"],
    )
    stage.apart.open(stage.calls("served"))
    assert stage.process(2).told() == [Serve("core", CORE, 7.0)]
    stage.listens(2, 4002)
    assert (stage.apart.address[1], len(stage.launcher.started)) == (4002, 2)


def test_a_spare_asked_for_while_it_opens_is_one_more(stage: Stage) -> None:
    """The one that starts is going to serve."""
    stage.apart.open(stage.calls("served"))
    stage.apart.prepare()
    assert len(stage.launcher.started) == 1
    stage.ready(1)
    assert len(stage.launcher.started) == 2
    stage.listens(1, 4001)
    assert not stage.apart.settled
    stage.ready(2)
    assert stage.apart.settled
    stage.apart.prepare()
    assert len(stage.launcher.started) == 2


def test_it_is_opened_when_the_one_before_is_gone(stage: Stage) -> None:
    """A fault that is cleared at once."""
    stage.serving()
    stage.apart.prepare()
    stage.ready(2)
    stage.apart.end("stop", stage.calls("ended"))
    stage.apart.open(stage.calls("served"))
    assert stage.process(2).told() == []
    stage.process(1).ends(0)
    stage.launcher.turn()
    assert len(stage.process(2).told()) == 1
    stage.listens(2, 4002)
    assert [word for word in stage.called if word != "changed"] == ["ended", "served"]


def test_an_end_takes_back_an_opening(stage: Stage) -> None:
    """A later fault that keeps it down."""
    stage.apart.open(stage.calls("served"))
    stage.apart.end("kill", stage.calls("ended"))
    stage.ready(1)
    assert stage.process(1).told() == []
    assert (stage.called, stage.apart.settled) == (["ended", "changed"], True)


def test_one_that_ends_before_it_is_told_of_the_past_serves_nothing(stage: Stage) -> None:
    """What it would serve is another one's by then."""
    asked: list[Callable[[tuple[Request, ...]], None]] = []
    stage.apart.open(stage.calls("served"), asked.append)
    stage.ready(1)
    stage.apart.end("kill", stage.calls("ended"))
    asked[0](PAST)
    assert stage.process(1).told() == []


@pytest.mark.parametrize("said", [Unable("no port"), None], ids=["unable", "dead"])
def test_a_start_that_fails_is_told_and_nothing_is_waited_for(stage: Stage, said) -> None:
    """The run ends with a message instead of a hang."""
    stage.apart.open(stage.calls("served"))
    stage.ready(1)
    if said is None:
        stage.process(1).ends(3)
    else:
        stage.process(1).says(said)
    stage.launcher.turn()
    why = "no port" if said is not None else "its process ended by itself, with code 3"
    assert stage.apart.problem == f"the stub of core can't be had: {why}"
    assert (stage.apart.settled, stage.called[-1]) == (True, "changed")
    assert "served" not in stage.called
    stage.apart.open(stage.calls("served"))
    assert len(stage.launcher.started) == 1


def test_a_machine_that_starts_nothing_is_told(stage: Stage) -> None:
    """At once."""
    stage.launcher.refuses = True
    stage.apart.open(stage.calls("served"))
    assert stage.apart.problem == (
        "the stub of core can't be had: its process does not start: Cannot allocate memory"
    )
    assert stage.apart.settled


def test_closing_kills_what_there_is(stage: Stage) -> None:
    """The spare one too."""
    stage.serving()
    stage.apart.prepare()
    stage.apart.close()
    assert [process.returncode for process in stage.launcher.started] == [-9, -9]


class Engine:
    """Cuts and joins when the test says so."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.told: Callable[[Contained], None] = pytest.fail

    def start(self, service: str, told: Callable[[Contained], None]) -> None:
        """Nothing is started here."""
        raise AssertionError

    def act(self, container: int, act: Act, told: Callable[[Contained], None]) -> None:
        """Nothing is done here."""
        raise AssertionError

    def cut(
        self, service: str, peer: str, ways: tuple[Way, ...], told: Callable[[Contained], None]
    ) -> None:
        """Remember it."""
        self.asked.append((service, peer, ways))
        self.told = told

    def join(self, service: str, peer: str, told: Callable[[Contained], None]) -> None:
        """Remember it."""
        self.asked.append((service, peer))
        self.told = told


def test_it_is_settled_when_its_network_is_as_it_was_asked_for(launcher: Launcher) -> None:
    """Whoever waits for a fault, or for its end, finds it so; what was lost is told."""
    engine, lost, changes = Engine(), [], []
    new = partial(StubProcess, launcher.loop, start=launcher)
    apart = Apart(
        new, "core", CORE, print, start=7.0, changed=lambda: changes.append(1), engine=engine
    )
    network = apart.network
    assert network is not None
    network.cut("nis", ("to_client",), lambda: lost.append(0))
    assert (engine.asked, apart.settled) == ([("core", "nis", ("to_client",))], False)
    engine.told(Contained())
    network.join("nis", lost.append)
    assert (engine.asked[1:], apart.settled) == ([("core", "nis")], False)
    engine.told(Contained(lost=5))
    assert (lost, apart.settled, len(changes)) == ([0, 5], True, 2)
    network.join("nis", lost.append)
    engine.told(Contained("the engine is gone"))
    assert apart.problem == "the stub of core can't be had: the engine is gone"


def test_a_process_of_the_lab_s_own_has_no_network(stage: Stage) -> None:
    """It has that of the lab process."""
    assert stage.apart.network is None
