"""A server in a container of an image, as the lab process sees it; the test plays the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from faultlab.lab.backends.container import Act, Contained, Told, Way
from faultlab.lab.backends.imaged import Imaged
from faultlab.lab.backends.pipe import Place
from faultlab.lab.backends.servers import Image

NGINX = Image("nginx:1.27", 80)


class Stage:
    """A backend of orders, what was asked of the engine, and what was called."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.called: list[str] = []
        self._told: Told = lambda _: None
        self.imaged = Imaged(self, "orders", NGINX, changed=self.calls("changed"))

    def start(self, service: str, told: Told, image: Image | None = None) -> None:
        """Note it."""
        assert image == NGINX
        self.asked.append(f"start {service}")
        self._told = told

    def act(self, container: int, act: Act, told: Told) -> None:
        """Note it."""
        self.asked.append(f"{act} {container}")
        self._told = told

    def cut(self, service: str, peer: str, ways: tuple[Way, ...], told: Told) -> None:
        """Note it."""
        self.asked.append(f"cut {service} from {peer}")
        self._told = told

    def join(self, service: str, peer: str, told: Told) -> None:
        """Note it."""
        self.asked.append(f"join {service} and {peer}")
        self._told = told

    def calls(self, word: str) -> Callable[[], None]:
        """A call that is remembered."""
        return lambda: self.called.append(word)

    def came(self, problem: str = "", container: int = 0) -> None:
        """What came of what was asked last."""
        place = Place("", f"10.0.0.{container}") if container else None
        self._told(Contained(problem, container, place))

    def serving(self) -> None:
        """It serves in container 4."""
        self.imaged.open(self.calls("served"))
        self.came(container=4)
        self.asked.clear()
        self.called.clear()


@pytest.fixture
def stage() -> Stage:
    """A stage of this test's own."""
    return Stage()


def test_it_is_there_when_the_engine_says_that_it_answers(stage: Stage) -> None:
    """At the address of its container, on the port of its image."""
    assert stage.imaged.settled
    stage.imaged.open(stage.calls("served"))
    stage.imaged.open(stage.calls("served"))  # it is on its way
    assert (stage.asked, stage.imaged.settled, stage.imaged.address[1]) == (
        ["start orders"],
        False,
        0,
    )
    stage.came(container=4)
    assert stage.called == ["served", "changed"]
    assert (stage.imaged.settled, stage.imaged.address) == (True, ("10.0.0.4", 80))


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_it_ends_and_another_one_takes_its_place(
    stage: Stage, how: Literal["stop", "kill"]
) -> None:
    """Also where that is wanted before it has ended."""
    stage.serving()
    stage.imaged.end(how, stage.calls("ended"))
    assert (stage.asked, stage.imaged.settled) == ([f"{how} 4"], False)
    stage.imaged.open(stage.calls("served"))
    stage.came()
    assert stage.called == ["ended", "changed"]
    assert stage.asked[1:] == ["start orders"]
    stage.came(container=5)
    assert stage.imaged.address == ("10.0.0.5", 80)
    stage.imaged.end(how, stage.calls("ended"))
    stage.came()
    stage.imaged.end(how, stage.calls("at once"))
    assert stage.called[-1] == "at once"


def test_it_is_halted_and_goes_on(stage: Stage) -> None:
    """It keeps its address; one that is to go on before it stands still does then."""
    stage.imaged.freeze(stage.calls("at once"))
    assert stage.called == ["at once"]
    stage.serving()
    stage.imaged.freeze(stage.calls("frozen"))
    assert (stage.asked, stage.called, stage.imaged.settled) == (["pause 4"], [], False)
    stage.came()
    assert stage.called == ["frozen", "changed"]
    assert (stage.imaged.settled, stage.imaged.address) == (True, ("10.0.0.4", 80))
    stage.imaged.thaw()
    assert (stage.asked[1:], stage.imaged.settled) == (["unpause 4"], False)
    stage.came()
    assert stage.imaged.settled
    stage.imaged.freeze(stage.calls("frozen"))
    stage.imaged.thaw()
    assert stage.asked[2:] == ["pause 4"]
    stage.came()
    assert stage.asked[3:] == ["unpause 4"]


@pytest.mark.parametrize("asked", ["start", "kill", "freeze"])
def test_what_can_t_be_done_is_a_problem(stage: Stage, asked: str) -> None:
    """Told once, and waited for no longer."""
    if asked == "start":
        stage.imaged.open(stage.calls("served"))
    else:
        stage.serving()
    if asked == "kill":
        stage.imaged.end("kill", stage.calls("ended"))
    elif asked == "freeze":
        stage.imaged.freeze(stage.calls("frozen"))
    stage.came("it is gone")
    assert stage.imaged.problem == "orders: the image nginx:1.27: it is gone"
    assert stage.imaged.settled
    assert "changed" in stage.called
    assert ("frozen" in stage.called) == (asked == "freeze")


def test_what_comes_after_the_run_is_nobody_s(stage: Stage) -> None:
    """The conductor removes what a run leaves."""
    stage.imaged.open(stage.calls("served"))
    stage.imaged.close()
    stage.came(container=4)
    assert stage.called == []


def test_its_network_can_be_cut(stage: Stage) -> None:
    """As that of a stub in a container."""
    stage.serving()
    stage.imaged.network.cut("core", ("to_backend",), stage.calls("cut"))
    assert (stage.asked, stage.imaged.settled) == (["cut orders from core"], False)
    stage.came()
    assert (stage.called, stage.imaged.settled) == (["cut", "changed"], True)
    lost: list[int] = []
    stage.imaged.network.join("core", lost.append)
    stage.came()
    assert (stage.asked[1:], lost) == (["join orders and core"], [0])
