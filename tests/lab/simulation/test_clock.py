"""The time of a play in a simulation."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from faultlab.lab.environments.simulated import SimulatedLoop
from faultlab.lab.errors import SetupError
from faultlab.lab.simulation.clock import VirtualClock


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    """A loop of its own."""
    made = SimulatedLoop(seed=0)
    yield made
    made.close()


def test_it_waits_until_something_is_done_and_no_longer(loop: SimulatedLoop) -> None:
    """In the loop's time."""
    clock, over = VirtualClock(loop), Future[None]()
    loop.call_later(3.0, over.set_result, None)
    assert not clock.until(over, 2.0)
    assert clock.now() == 2.0
    assert clock.until(over, 2.0)
    assert clock.now() == 3.0
    assert clock.until(over, 2.0)


def test_a_wait_for_what_can_not_come_is_an_error_of_the_labs(loop: SimulatedLoop) -> None:
    """It would wait anew for ever; no client has part in it."""
    with pytest.raises(SetupError, match="waits in vain for the end of a fault") as told:
        VirtualClock(loop).until(Future(), 3600.0)
    assert told.value.rows["seen"].startswith("nothing can happen any more")
    assert loop.time() == 0.0


def test_after_a_stop_no_time_passes(loop: SimulatedLoop) -> None:
    """Ctrl-C is not waited for."""
    clock = VirtualClock(loop)
    assert not clock.wait(1.0)
    clock.stop()
    assert clock.wait(1.0)
    assert clock.now() == 1.0
