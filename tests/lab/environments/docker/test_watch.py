"""What happens to a lab's containers from outside is told at once; what the lab does is no news."""

import queue
from collections.abc import Iterator, Mapping

import pytest

from faultlab.lab.environments.docker.watch import Happened, Watch, from_outside, read

DIED = {
    "Type": "container",
    "Action": "die",
    "Actor": {"ID": "gate", "Attributes": {"exitCode": "137", "faultlab.lab": "ab12"}},
}


class Stream:
    """Events that a test puts in; None ends it."""

    def __init__(self) -> None:
        self.events: queue.Queue[Mapping[str, object] | None] = queue.Queue()

    def __iter__(self) -> Iterator[Mapping[str, object]]:
        """Until it ends."""
        return iter(self.events.get, None)

    def close(self) -> None:
        """End it."""
        self.events.put(None)


def watched(lasting: set[str]) -> tuple[Stream, Watch, "queue.Queue[Happened | None]"]:
    """A watch, and what it tells."""
    stream, told = Stream(), queue.Queue[Happened | None]()
    return stream, Watch(stream, lambda: lasting, told.put), told


def test_the_end_of_a_container_is_read() -> None:
    """With its code, which says how it ended."""
    happened = read(DIED)
    assert happened == Happened("gate", "die", "137")
    assert str(happened) == "ended with code 137"


def test_a_run_s_own_container_is_known_by_its_label() -> None:
    """The lab itself pauses it."""
    told = {"Type": "container", "Action": "pause"}
    own = read(told | {"Actor": {"ID": "x", "Attributes": {"faultlab.run": "3"}}})
    assert own == Happened("x", "pause", own=True)
    assert str(own) == "was paused"


@pytest.mark.parametrize(
    "told",
    [{}, DIED | {"Type": "network"}, DIED | {"Action": "exec_die"}, DIED | {"Actor": None}],
    ids=["nothing", "a network", "another act", "nobody"],
)
def test_everything_else_says_nothing(told: dict[str, object]) -> None:
    """An engine may tell more than it was asked for."""
    assert read(told) is None


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        (Happened("gate", "die", "0"), True),
        (Happened("gate", "pause"), True),
        (Happened("own", "die", "137", own=True), False),
        (Happened("own", "pause", own=True), False),
        (Happened("let go", "die", "137"), False),
    ],
)
def test_only_what_nobody_of_the_lab_s_did_is_from_outside(
    happened: Happened, expected: bool
) -> None:
    """A backend that a story kills is no accident, and a run's own is no matter of others."""
    assert from_outside(happened, {"gate", "own"}) is expected


def test_the_first_thing_from_outside_is_told_and_nothing_after_it() -> None:
    """Removing what is left ends the others, too."""
    stream, watch, told = watched({"gate"})
    stream.events.put(DIED | {"Actor": {"ID": "other"}})
    stream.events.put(DIED)
    stream.events.put(DIED)
    assert told.get(timeout=5) == Happened("gate", "die", "137")
    watch.close()
    assert told.empty()


def test_a_stream_that_ends_by_itself_is_the_engine_s_end() -> None:
    """It was stopped, or started anew, in the middle of a run."""
    stream, watch, told = watched({"gate"})
    stream.close()
    assert told.get(timeout=5) is None
    watch.close()


def test_a_watch_that_was_closed_tells_nothing() -> None:
    """Its end is the lab's own doing."""
    _, watch, told = watched({"gate"})
    watch.close()
    assert told.empty()
