"""What is to be done next: at the scheduler's next turn, or now."""

from __future__ import annotations

from faultlab.lab.virtual.soon import Soon

from ..environments.simulated.conftest import Hand


def test_it_is_done_at_the_next_turn_and_never_within_the_call_that_asks() -> None:
    """Whoever asks has not finished what it does."""
    hand, done = Hand(), list[str]()
    soon = Soon(hand)
    soon(lambda: done.append("first"))
    soon(lambda: soon(lambda: done.append("third")))
    soon(lambda: done.append("second"))
    assert done == []
    hand.run()
    assert done == ["first", "second", "third"]
    assert hand.now() == 0.0


def test_who_can_not_wait_has_it_done_now_and_once() -> None:
    """With all that follows from it."""
    hand, done = Hand(), list[str]()
    soon = Soon(hand)
    soon(lambda: soon(lambda: done.append("it")))
    soon.now()
    assert done == ["it"]
    hand.run()
    assert done == ["it"]
