from collections.abc import Callable

from faultlab.faults import Latency, Status
from faultlab.lab.contract import Contract, parse
from faultlab.lab.plan import Enter, Inject, NotOffered, Operate, Plan, Step, Wait

Planned = Callable[..., Plan]
NOTHING = parse({}, "nothing")


def short(step: Step) -> str:
    """A step on one line."""
    match step:
        case Enter():
            return step.phase + (" implied" if step.implied else "")
        case Inject():
            return f"inject {step.fault.kind} {step.id}"
        case Wait():
            return f"wait {step.seconds:g}"
        case Operate():
            ids = f"{step.ids[0]}-{step.ids[-1]}" if len(step.ids) > 1 else f"{step.ids[0]}"
            return f"{ids} {step.key}"
        case _:
            return step.kind


def told(found: Plan | NotOffered) -> list[str]:
    """A plan's steps, short."""
    assert isinstance(found, Plan)
    return [short(step) for step in found.steps]


def skips(found: Plan | NotOffered) -> list[tuple[int | None, str]]:
    """What was left out, and why."""
    return [(skipped.line, skipped.reason) for skipped in found.skipped]


def test_an_endpoint_by_name_is_that_operations_endpoint(planned: Planned) -> None:
    """A story knows roles; the fault needs method and path."""
    found = planned("  - inject: status\n    code: 503\n    endpoint: read.other\n  - read.other: contract\n")  # fmt: skip
    assert found.faults() == {1: Status(service="core", endpoint="GET /a/{id}", code=503)}


def test_a_named_service_is_broken_instead_of_the_reads(planned: Planned) -> None:
    """And only operations that call it stand under the fault."""
    found = planned("  - inject: refused\n    service: side\n  - read.elsewhere: connection\n  - read: ok\n")  # fmt: skip
    assert found.faults()[1].service == "side"
    under = {step.name: step.faults for step in found.operations() if step.phase == "fault"}
    assert under == {"read.elsewhere": (1,), "read": ()}


def test_a_field_left_open_takes_its_step_out(planned: Planned) -> None:
    """And what stands under an inject that can't be made."""
    found = planned(
        "  - inject: latency\n    delay: 2 x timeouts.read\n  - read: timeout\n"
        "  - clear: all\n  - inject: refused\n  - write: connection\n",
        NOTHING,
    )
    assert told(found)[3:6] == ["fault", "clear", "inject refused 1"]
    assert skips(found) == [
        (3, "the contract leaves timeouts.read open"),
        (5, "it stands under `inject: latency`: the contract leaves timeouts.read open"),
    ]


def test_quantities_become_numbers_of_the_contract(planned: Planned, maximus: Contract) -> None:
    """`2 x timeouts.read` is beyond the time-out of whoever is judged."""
    found = planned("  - inject: latency\n    delay: 2 x timeouts.read\n  - read: timeout\n")
    assert found.faults() == {1: Latency(service="core", delay=1.4)}
