from collections.abc import Iterator

import pytest

from faultlab.lab.history import AnyEvent, AttemptBegun, AttemptEnded
from faultlab.lab.stamp import Stamp
from faultlab.lab.subjects.attribution import Attribution, Current, attempt, current
from faultlab.lab.subjects.listeners import Listeners


@pytest.fixture
def events() -> list[AnyEvent]:
    """What was recorded."""
    return []


@pytest.fixture
def attribution(events: list[AnyEvent]) -> Iterator[Attribution]:
    """Attribution in force for service core on port 4000, at second 1."""
    stamp = Stamp(0.0, clock=lambda: 1.0, delay=lambda: 0.0)
    attribution = Attribution(Listeners({"core": "http://127.0.0.1:4000"}), stamp, events.append)
    with attribution.in_force():
        yield attribution


@pytest.fixture
def operation() -> Iterator[int]:
    """This context is operation 3's."""
    token = current.set(Current(3))
    yield 3
    current.reset(token)


def test_attempts_are_numbered_and_recorded(
    attribution: Attribution, events: list[AnyEvent], operation: int
) -> None:
    """From 1, in the order in which the operation began them."""
    with attribution.sending("127.0.0.1", 4000) as first:
        assert attempt.get() == 1
    with pytest.raises(OSError, match="gone"), attribution.sending("localhost", 4000) as second:
        raise OSError("gone")
    assert (first, second, attempt.get()) == ("3.1", "3.2", None)
    of = {"t": 1.0, "service": "core", "op": 3}
    assert events == [
        AttemptBegun(**of, attempt=1),
        AttemptEnded(**of, attempt=1),
        AttemptBegun(**of, attempt=2),
        AttemptEnded(**of, attempt=2, error="builtins.OSError"),
    ]


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 4001), ("10.0.0.1", 4000), ("x", None), (None, 4000)]
)
def test_other_addresses_are_left_alone(
    attribution: Attribution, events: list[AnyEvent], operation: int, host: str, port: int | None
) -> None:
    """The tag is between the subject and the proxy, and counts its attempts only."""
    assert attribution.begin(host, port) is None
    assert events == []


def test_without_an_operation_there_is_no_attempt(
    attribution: Attribution, events: list[AnyEvent]
) -> None:
    """A test's own requests go out as they are."""
    assert attribution.begin("127.0.0.1", 4000) is None
    assert events == []


def test_an_attempt_inside_another_is_none(attribution: Attribution, operation: int) -> None:
    """A library on top of another, both instrumented, sends one request."""
    with attribution.sending("127.0.0.1", 4000):
        assert attribution.begin("127.0.0.1", 4000) is None
    assert attribution.begin("127.0.0.1", 4000) is not None


def test_an_attempt_ends_once(
    attribution: Attribution, events: list[AnyEvent], operation: int
) -> None:
    """What is raised by closing a connection that failed adds nothing."""
    begun = attribution.begin("127.0.0.1", 4000)
    assert begun is not None
    begun.ended(OSError())
    begun.ended()
    assert [type(event) for event in events] == [AttemptBegun, AttemptEnded]


def test_out_of_force_nothing_begins(events: list[AnyEvent], operation: int) -> None:
    """Who kept a wrapped method still calls it."""
    attribution = Attribution(
        Listeners({"core": "http://127.0.0.1:4000"}), Stamp(0.0), events.append
    )
    with attribution.in_force():
        pass
    assert attribution.begin("127.0.0.1", 4000) is None
