"""The environments' one interface, and which faults each can do."""

import inspect
from collections.abc import Callable

import pytest

from faultlab.faults import KINDS
from faultlab.lab.environments import ENVIRONMENTS, Environment, Handle
from faultlab.lab.environments.hosted import Armed, Hosted

METHODS = [
    name
    for name, value in vars(Environment).items()
    if inspect.isfunction(value) and not name.startswith("_")
]


def test_embedded_can_do_every_fault_there_is() -> None:
    """A kind without an environment could be written in a file and never be played."""
    assert ENVIRONMENTS["embedded"] == KINDS.keys()


@pytest.mark.parametrize("name", METHODS)
def test_a_run_in_a_lab_process_offers_what_the_interface_says(name: str) -> None:
    """The conductor knows the interface only; embedded and docker are held by it alike."""
    assert parameters(getattr(Hosted, name)) == parameters(getattr(Environment, name))


def parameters(method: Callable[..., object]) -> list[inspect.Parameter]:
    """What a method takes; its annotations compared as text."""
    return list(inspect.signature(method).parameters.values())


def test_a_handle_is_what_an_inject_gives() -> None:
    """Its fields are read by the fixture of tests."""
    armed = Armed(3, "gate")
    handle: Handle = armed
    assert (handle.number, handle.mechanism, handle.first.done()) == (3, "gate", False)


def test_a_waiter_who_gives_up_takes_the_news_from_nobody() -> None:
    """Several tests may wait for the first hit of one fault."""
    assert not Armed(1).first.cancel()
