"""Which modes a listener had, or may have had, in a span of time."""

from __future__ import annotations

from faultlab.lab.attempts.modes import Modes
from faultlab.lab.history import ListenerMode


def test_two_modes_may_be_in_force_while_a_switch_is_on() -> None:
    """What happens between its two stamps is never guessed."""
    modes = Modes()
    modes.add(ListenerMode(t=1.0, service="core", mode="open"))
    modes.add(ListenerMode(t=2.0, service="core", mode="dark", done=False))
    modes.add(ListenerMode(t=2.1, service="core", mode="dark"))
    assert modes.between(1.5, 1.9) == {"open"}
    assert modes.between(2.05, 2.05) == {"open", "dark"}
    assert modes.between(2.2, 3.0) == {"dark"}
    assert modes.ever_shut


def test_the_first_mode_was_in_force_before_it_was_told() -> None:
    """A listener begins open, and the event about it may come later than a connect."""
    modes = Modes()
    modes.add(ListenerMode(t=1.0, service="core", mode="open"))
    assert modes.between(0.0, 0.5) == {"open"}
    assert not modes.ever_shut


def test_a_switch_that_another_came_in_the_way_of_may_have_been_in_force_until_that_was() -> None:
    """Where switching takes its time, the next can be wanted before the first is done."""
    modes = Modes()
    modes.add(ListenerMode(t=1.0, service="core", mode="open"))
    modes.add(ListenerMode(t=2.0, service="core", mode="refusing", done=False))
    modes.add(ListenerMode(t=3.0, service="core", mode="dark", done=False))
    modes.add(ListenerMode(t=4.0, service="core", mode="dark"))
    assert modes.between(3.5, 3.5) == {"open", "refusing", "dark"}
    assert modes.between(4.1, 9.0) == {"dark"}
