from collections.abc import Callable
from dataclasses import replace

import pytest

from faultlab.lab.checks import ALL
from faultlab.lab.contract import Contract
from faultlab.lab.plan import NotOffered, Plan, SetClock, plan
from faultlab.scenarios import ScenarioError, catalog
from faultlab.scenarios.dump import dump

Planned = Callable[..., Plan]
Told = Callable[[Plan | NotOffered], list[str]]


def test_the_first_story_is_planned_as_drawn(planned: Planned, told: Told) -> None:
    """Phases implied, numbers resolved, operations numbered as the witness will name them."""
    assert told(planned(dump(catalog()["down"]))) == [
        "control implied",
        "1 write: ok",
        "2 read: ok",
        "3 read.elsewhere: ok",
        "fault",
        "inject killed 1",
        "4 write: connection",
        "clear",
        "5 read: ok",
        "inject stopped 2",
        "6 read: contract",
        "wait 1.5",
        "7 write: ok",
        "inject refused 3",
        "8 write: connection",
        "inject refused 4",
        "9 write: connection",
        "renew",
        "10-14 read: connection",
        "15 read: open",
        "16 read.elsewhere: ok",
        "recovery implied",
        "wait 1",
        "17 write: ok",
        "18-19 read: ok",  # the call after a probe shows that the breaker closed
        "20 read.elsewhere: ok",
    ]


@pytest.mark.parametrize(
    ("name", "operations"),
    [
        ("down", 20),
        ("partial", 24),
        ("5xx", 39),
        ("breaker", 42),
        ("slow", 27),
        ("partition", 18),
    ],
)
def test_each_story_makes_as_many_operations_as_promised(
    maximus: Contract, offers: dict[str, object], name: str, operations: int
) -> None:
    """A change of the rules for implied phases shows here first."""
    found = plan(
        catalog()[name],
        maximus,
        list(offers.values()),  # type: ignore[arg-type]
        seed=7,
        environment="embedded",
        tune="fast",
        subject="orders",
        slugs={info.slug: info.id for info in ALL},
    )
    assert isinstance(found, Plan)
    assert sum(len(step.ids) for step in found.operations()) == operations


def test_a_story_without_an_offered_fault_step_is_not_offered(planned: Planned) -> None:
    """It must not pass by calling nothing."""
    found = planned("  - inject: lost_answer\n  - write: connection\n", names="read")
    assert isinstance(found, NotOffered)
    assert "orders has no operation `write`" in found.reasons


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        ("  - read: connection\n  - read: open\n", True),
        ("  - read: contract\n    times: breaker.fail_max\n", True),
        ("  - read: contract\n    times: 4\n", False),
        ("  - read: connection\n    times: 9\n", False),
    ],
)
def test_an_implied_recovery_waits_where_a_breaker_may_be_open(
    planned: Planned, fault: str, waits: bool, told: Told
) -> None:
    """Else its first operation would be refused by right."""
    found = planned(f"  - inject: refused\n{fault}")
    assert ("wait 1" in told(found)) is waits


def test_only_an_expected_open_makes_the_wait_a_probe(planned: Planned) -> None:
    """C44 and C46 are implied by a breaker that surely opened."""
    sure = planned("  - inject: refused\n  - read: connection\n  - read: open\n")
    perhaps = planned("  - inject: refused\n  - read: contract\n    times: 5\n")
    assert [step.after_reset for step in sure.operations()][-1] is True
    assert not any(step.after_reset for step in perhaps.operations())


def test_a_written_wait_makes_the_next_operation_a_probe(planned: Planned) -> None:
    """The first one after it, and no other."""
    found = planned(
        "  - inject: refused\n  - read: connection\n  - wait: breaker.reset_timeout\n"
        "  - read: connection\n  - read: contract\n"
    )
    assert [step.after_reset for step in found.operations()][1:4] == [False, True, False]


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        (
            "  - inject: refused\n    service: cor\n  - read: connection\n",
            "a.yaml:3: fault[1].service: orders has no service `cor`; nearest: core",
        ),
        (
            "  - inject: status\n    code: 503\n    endpoint: GET /helth\n  - read: contract\n",
            (
                "a.yaml:3: fault[1].endpoint: no operation of core calls `GET /helth`; "
                "they call GET /health, GET /a/{id}, POST /query"
            ),
        ),
        (
            "  - inject: status\n    code: 503\n    endpoint: read\n    service: side\n  - read: ok\n",
            "a.yaml:3: fault[1].endpoint: `read` is an operation of core, not of side",
        ),
        (
            "  - inject: refused\n  - read: connection\n    requires: retry-afetr\n",
            (
                "a.yaml:4: fault[2].requires: `retry-afetr` is not the slug of a check; "
                "nearest: retry-after"
            ),
        ),
    ],
)
def test_what_only_the_subject_can_tell_wrong_is_a_problem_of_the_file(
    planned: Planned, steps: str, problem: str
) -> None:
    """Unknown service, endpoint and check: one message each, with the line."""
    with pytest.raises(ScenarioError) as caught:
        planned(steps)
    assert str(caught.value) == problem


def test_services_are_those_of_the_offers_and_the_subjects_own(
    maximus: Contract, offers: dict[str, object]
) -> None:
    """A subject gets all its URLs, called or not."""
    found = plan(
        replace(catalog()["slow"]),
        maximus,
        list(offers.values()),  # type: ignore[arg-type]
        seed=7,
        environment="embedded",
        tune="fast",
        subject="orders",
        slugs={info.slug: info.id for info in ALL},
        services=("core", "mail"),
    )
    assert isinstance(found, Plan)
    assert found.services == ("core", "mail", "side")


def test_how_connects_are_to_be_known_is_the_environments(planned: Planned) -> None:
    """A simulated network tells of all; elsewhere the interpreter does, but not of commands."""
    step = "  - inject: refused\n  - read: connection\n"
    for environment, connects in (("embedded", "audit"), ("simulated", "network")):
        made = planned(step, environment=environment)
        assert isinstance(made, Plan)
        assert made.connects == connects


def test_only_virtual_time_has_a_wall_clock_to_set(planned: Planned) -> None:
    """Elsewhere the step is not offered, and the story goes on without it."""
    steps = "  - inject: refused\n  - clock: -90s\n  - read: connection\n"
    virtual = planned(steps, environment="simulated")
    assert isinstance(virtual, Plan)
    assert SetClock(seconds=-90.0, line=4) in virtual.steps
    real = planned(steps)
    assert isinstance(real, Plan)
    assert not any(isinstance(step, SetClock) for step in real.steps)
    (skipped,) = real.skipped
    assert (skipped.text, skipped.line) == ("clock: -90s", 4)
    assert "--env simulated" in skipped.reason
