from collections.abc import Callable

from faultlab.lab.plan import Inject, NotOffered, Plan

Planned = Callable[..., Plan]
Skips = Callable[[Plan | NotOffered], list[tuple[int | None, str]]]


def test_a_fault_of_the_same_slot_replaces_the_earlier(planned: Planned) -> None:
    """The second read stands under one fault, not under two."""
    found = planned(
        "  - inject: status\n    code: 503\n  - write: status:503\n"
        "  - inject: status\n    code: 404\n  - write: status:404\n"
        "  - clear: all\n  - write: ok\n"
    )
    assert [step.faults for step in found.operations() if step.phase == "fault"] == [(1,), (2,), ()]


def test_an_inject_that_nothing_offered_meets_is_not_armed(planned: Planned, skips: Skips) -> None:
    """An unfired fault would make the run unknown for want of an operation."""
    found = planned(
        "  - inject: lost_answer\n  - write: connection\n  - clear: all\n"
        "  - inject: refused\n  - read: connection\n",
        names="read",
    )
    assert [step.fault.kind for step in found.steps if isinstance(step, Inject)] == ["refused"]
    assert (3, "no offered operation meets it") in skips(found)


def test_an_inject_where_nobody_calls_stays_armed(planned: Planned) -> None:
    """A fault on the wrong service must show as unfired, not vanish and pass."""
    found = planned("  - inject: refused\n    service: side\n  - read: ok\n")
    assert found.faults()[1].service == "side"
