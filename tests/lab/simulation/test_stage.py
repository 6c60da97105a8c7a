"""One play's place in a simulation: what the lab itself waits for comes, or is its own error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faultlab.lab.environments.simulated import SimulatedLoop
from faultlab.lab.errors import SetupError
from faultlab.lab.history import Header
from faultlab.lab.simulation.stage import VirtualStage


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    """A loop of its own."""
    made = SimulatedLoop(seed=0)
    yield made
    made.close()


@pytest.fixture
def stage(loop: SimulatedLoop, tmp_path: Path) -> Iterator[VirtualStage]:
    """Without a service."""
    made = VirtualStage(loop, {}, header=Header(run="armed"), path=tmp_path / "armed.jsonl")
    yield made
    made.abandon()


def test_what_is_under_way_is_waited_for_in_virtual_time(
    loop: SimulatedLoop, stage: VirtualStage
) -> None:
    """What is so already takes none."""
    began = loop.time()
    stage._await(lambda so: so(), "it is so")
    assert loop.time() == began
    stage._await(lambda so: loop.later(5.0, so), "a server is back")  # type: ignore[arg-type]
    assert loop.time() == began + 5.0


def test_a_wait_in_vain_is_the_labs_error_and_no_clients_failure(
    loop: SimulatedLoop, stage: VirtualStage
) -> None:
    """At once where nothing is left to happen, else when patience is over."""
    began = loop.time()
    with pytest.raises(SetupError, match="the simulation waits in vain: a server is back") as told:
        stage._await(lambda _: None, "a server is back")
    assert told.value.rows["seen"].startswith("nothing can happen any more")
    assert loop.time() == began
    loop.later(3600.0, lambda: None)
    with pytest.raises(SetupError, match="in vain: a server is back, in 60 s"):
        stage._await(lambda _: None, "a server is back")
    assert loop.time() == began + 60.0
