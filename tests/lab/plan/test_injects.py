from collections.abc import Callable

import pytest

from faultlab.faults import Latency, Status
from faultlab.lab.contract import Contract, parse
from faultlab.lab.plan import NotOffered, Plan
from faultlab.scenarios import ScenarioError

Planned = Callable[..., Plan]
Told = Callable[[Plan | NotOffered], list[str]]
Skips = Callable[[Plan | NotOffered], list[tuple[int | None, str]]]
NOTHING = parse({}, "nothing")


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


def test_a_field_left_open_takes_its_step_out(planned: Planned, told: Told, skips: Skips) -> None:
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


def test_a_process_of_somebody_else_is_not_the_lab_s_to_kill(
    planned: Planned, told: Told, skips: Skips
) -> None:
    """What stands under the fault is not offered, by name; the rest of the story is played."""
    text = "  - inject: killed\n  - read: connection\n  - clear: all\n  - inject: refused\n  - read: connection\n"  # fmt: skip
    found = planned(text, foreign={"core": "http://127.0.0.1:9"})
    why = "`killed` is for a stub: the lab did not start core's server, http://127.0.0.1:9"
    assert skips(found) == [(3, why), (4, f"it stands under `inject: killed`: {why}")]
    assert [fault.kind for fault in found.faults().values()] == ["refused"]
    assert planned(text, foreign={"side": "http://127.0.0.1:9"}).skipped == ()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("partition", "refused"),
        ("killed", "stopped, restart: 50ms"),
        ("frozen", "killed"),
        ("refused, after: 9s", "partition"),
        ("refused, after: open", "partition, after: 1s, lasts: 1s"),
        ("partition", "stall, at: connect, after: 1s"),
    ],
)
def test_faults_that_cannot_go_together_are_told_before_anything_runs(
    planned: Planned, first: str, then: str
) -> None:
    """The mistake is the file's; a run would find it behind a whole baseline."""
    with pytest.raises(ScenarioError, match=r"a\.yaml:4: fault\[2\]\.inject: .* only; clear that"):
        planned(f"  - {{inject: {first}}}\n  - {{inject: {then}}}\n  - read: contract\n")


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("partition, lasts: 1s", "refused"),
        ("killed, restart: 50ms", "stopped"),
        ("refused, after: 9s", "partition, lasts: 1s"),
        ("refused, service: side", "partition"),
        ("refused", "refused, live: keep"),
        ("frozen", "refused"),
    ],
)
def test_faults_that_may_never_meet_are_left_to_the_run(
    planned: Planned, first: str, then: str
) -> None:
    """What stands between their steps takes a time that nobody knows."""
    calls = "  - read: contract\n  - read.elsewhere: contract\n"
    text = f"  - {{inject: {first}}}\n{calls}  - {{inject: {then}}}\n{calls}"
    assert len(planned(text).faults()) == 2
