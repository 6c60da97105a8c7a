"""A container's network: what is asked of the engine, and who is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from faultlab.lab.backends.container import Act, Contained, Told, Way
from faultlab.lab.backends.network import Network
from faultlab.lab.backends.servers import Image


@dataclass
class FakeEngine:
    """Answers when the test does."""

    asked: list[tuple[object, ...]] = field(default_factory=list)
    waiting: list[Told] = field(default_factory=list)

    def start(self, service: str, told: Told, image: Image | None = None) -> None:
        """Not here."""
        raise NotImplementedError

    def act(self, container: int, act: Act, told: Told) -> None:
        """Not here."""
        raise NotImplementedError

    def cut(self, service: str, peer: str, ways: tuple[Way, ...], told: Told) -> None:
        """Noted."""
        self.asked.append(("cut", service, peer, ways))
        self.waiting.append(told)

    def join(self, service: str, peer: str, told: Told) -> None:
        """Noted."""
        self.asked.append(("join", service, peer))
        self.waiting.append(told)


@dataclass
class Stage:
    """A network, its engine, and what was called."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    called: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.network = Network(self.engine, "orders", self.called.append)


@pytest.fixture
def stage() -> Stage:
    """Nothing is cut."""
    return Stage()


def test_it_is_cut_and_joined_again(stage: Stage) -> None:
    """Who asked is told first, and then who waits for it to settle."""
    stage.network.cut("core", ("to_client",), lambda: stage.called.append("cut"))
    assert not stage.network.settled
    stage.engine.waiting.pop()(Contained())
    assert stage.network.settled
    stage.network.join("core", stage.called.append)
    stage.engine.waiting.pop()(Contained(lost=7))
    assert stage.engine.asked == [
        ("cut", "orders", "core", ("to_client",)),
        ("join", "orders", "core"),
    ]
    assert stage.called == ["cut", "", 7, ""]


def test_what_can_t_be_cut_is_told(stage: Stage) -> None:
    """Nobody may take it for cut."""
    stage.network.cut("core", (), lambda: stage.called.append("cut"))
    stage.engine.waiting.pop()(Contained("no such container"))
    assert (stage.called, stage.network.settled) == (["no such container"], True)


def test_nobody_is_called_once_it_is_closed(stage: Stage) -> None:
    """The run is over by then."""
    stage.network.join("core", stage.called.append)
    stage.network.close()
    stage.engine.waiting.pop()(Contained(lost=7))
    assert (stage.called, stage.network.settled) == ([], True)
