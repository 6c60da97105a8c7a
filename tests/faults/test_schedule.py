from math import inf

import pytest
from pydantic import ValidationError

from faultlab.faults import Refused, Stall


def test_without_a_schedule_a_fault_is_in_force_from_its_step_on() -> None:
    """Until it is cleared."""
    fault = Refused(service="s")
    assert not fault.waits
    assert fault.span(3.0) == (3.0, inf)


@pytest.mark.parametrize(
    ("after", "comes", "volume", "awaits"),
    [
        (1.9, 4.9, None, "1.9s are over"),
        (2, 5.0, None, "2s are over"),
        ("request", None, None, "a request to its service, or endpoint, arrives"),
        ("open", None, None, "a breaker is open"),
        ("4kB", None, 4000, "4kB of answers have passed"),
    ],
)
def test_a_fault_waits_for_a_time_an_event_or_bytes(
    after: float | str, comes: float | None, volume: int | None, awaits: str
) -> None:
    """And says for what."""
    fault = Stall(service="s", after=after)
    assert fault.waits
    assert (fault.comes(3.0), fault.volume(), fault.awaits()) == (comes, volume, awaits)
    assert [event for event in ("request", "open") if fault.follows(event)] == [
        event for event in ("request", "open") if event == after
    ]


def test_a_fault_can_be_in_force_for_its_own_time_only() -> None:
    """What waits for an event may come at any time, so that nothing is promised of its end."""
    assert Stall(service="s", after=1.0, lasts=2.0).span(3.0) == (4.0, 6.0)
    assert Stall(service="s", after="request", lasts=2.0).span(3.0) == (3.0, inf)


@pytest.mark.parametrize(
    "wrong",
    [{"after": "soon"}, {"after": "4"}, {"after": "0B"}, {"after": -1.0}, {"lasts": 0.0}],
)
def test_a_time_that_never_comes_is_refused(wrong: dict[str, object]) -> None:
    """A fault that can't be in force would be reported as one that never fired."""
    with pytest.raises(ValidationError):
        Stall(service="s", **wrong)


def test_a_schedule_is_written_as_a_file_has_it() -> None:
    """Behind the scope; what a report shows can be pasted."""
    fault = Stall(service="s", attempt=(1, 2), fraction=0.3, after="4kB", lasts=5.0)
    assert fault.text() == "attempt: [1, 2], fraction: 0.3, after: 4kB, lasts: 5s"
    assert Stall.model_validate_json(fault.model_dump_json()) == fault
