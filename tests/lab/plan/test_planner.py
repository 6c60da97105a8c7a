from collections.abc import Callable
from dataclasses import replace

import pytest

from faultlab.faults import Latency, Status
from faultlab.lab.contract import Contract, parse
from faultlab.lab.plan import Enter, Inject, NotOffered, Operate, Plan, Step, Wait, plan
from faultlab.scenarios import ScenarioError, catalog
from faultlab.scenarios.dump import dump

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


def test_the_first_story_is_planned_as_drawn(planned: Planned) -> None:
    """Phases implied, numbers resolved, operations numbered as the witness will name them."""
    assert told(planned(dump(catalog()["down"]))) == [
        "control implied",
        "1 write: ok",
        "2 read: ok",
        "3 read.elsewhere: ok",
        "fault",
        "inject refused 1",
        "4 write: connection",
        "renew",
        "5-9 read: connection",
        "10 read: open",
        "11 read.elsewhere: ok",
        "recovery implied",
        "wait 1",
        "12 write: ok",
        "13-14 read: ok",  # the call after a probe shows that the breaker closed
        "15 read.elsewhere: ok",
    ]


@pytest.mark.parametrize(
    ("name", "operations"),
    [("down", 15), ("partial", 20), ("5xx", 13), ("breaker", 24), ("slow", 8), ("partition", 18)],
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
        slugs=dict.fromkeys(("retry-after", "at-most-once", "isolation", "half-open-permits"), "C"),
    )
    assert isinstance(found, Plan)
    assert sum(len(step.ids) for step in found.operations()) == operations


def test_quantities_become_numbers_of_the_contract(planned: Planned, maximus: Contract) -> None:
    """`2 x timeouts.read` is beyond the time-out of whoever is judged."""
    found = planned("  - inject: latency\n    delay: 2 x timeouts.read\n  - read: timeout\n")
    assert found.faults() == {1: Latency(service="core", delay=1.4)}


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


def test_a_fault_of_the_same_slot_replaces_the_earlier(planned: Planned) -> None:
    """The second read stands under one fault, not under two."""
    found = planned(
        "  - inject: status\n    code: 503\n  - write: status:503\n"
        "  - inject: status\n    code: 404\n  - write: status:404\n"
        "  - clear: all\n  - write: ok\n"
    )
    assert [step.faults for step in found.operations() if step.phase == "fault"] == [(1,), (2,), ()]


def test_a_breakers_field_is_that_of_the_breaker_that_counts(planned: Planned) -> None:
    """Refusals count for one breaker, statuses for another; their numbers differ here."""
    contract = parse(
        {
            "breaker": [
                {"scope": "service", "counts": ["connect"], "fail_max": 2, "reset_timeout": 3},
                {"scope": "endpoint", "counts": ["m5xx"], "fail_max": 4, "reset_timeout": 9},
            ]
        },
        "two",
    )
    refused = "  - inject: refused\n  - read: connection\n    times: breaker.fail_max\n  - read: open\n"  # fmt: skip
    status = "  - inject: status\n    code: 503\n  - read: status:503\n    times: breaker.fail_max\n  - read: open\n"  # fmt: skip
    assert told(planned(refused, contract))[4:8] == ["2-3 read: connection", "4 read: open", "recovery implied", "wait 3"]  # fmt: skip
    assert told(planned(status, contract))[4:8] == ["2-5 read: status:503", "6 read: open", "recovery implied", "wait 9"]  # fmt: skip


def test_without_a_breaker_one_failure_is_the_first_and_nothing_is_waited_for(
    planned: Planned, httpx: Contract
) -> None:
    """One file stays true for a client that has none; what expects `open` is not offered."""
    found = planned(dump(catalog()["down"]), httpx)
    assert told(found)[4:] == [
        "fault",
        "inject refused 1",
        "4 write: connection",
        "renew",
        "5 read: connection",
        "6 read.elsewhere: ok",
        "recovery implied",
        "7 write: ok",
        "8 read: ok",
        "9 read.elsewhere: ok",
    ]
    assert skips(found) == [(8, "the contract has no breaker")]


def test_what_the_subject_lacks_is_not_offered_and_said_once(planned: Planned) -> None:
    """It enters no verdict, but is seen."""
    found = planned(dump(catalog()["down"]), names="read read.other")
    assert skips(found) == [
        (4, "orders has no operation `write`"),
        (9, "orders has one service"),
    ]


def test_a_misspelt_operation_is_told_the_nearest(planned: Planned) -> None:
    """A name of the subject's own can't be known to the loader."""
    found = planned("  - inject: refused\n  - raed: connection\n  - read: connection\n")
    assert skips(found) == [(4, "orders has no operation `raed` (nearest: read)")]


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


def test_a_check_without_its_promise_takes_its_step_out(planned: Planned) -> None:
    """Nobody promised to wait as long as the server asks."""
    found = planned(
        "  - inject: status\n    code: 503\n  - read: contract\n    requires: retry-after\n"
        "  - write: contract\n",
        NOTHING,
    )
    assert skips(found) == [(5, "the contract does not promise what C24 judges")]


def test_an_inject_that_nothing_offered_meets_is_not_armed(planned: Planned) -> None:
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
    planned: Planned, fault: str, waits: bool
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


def test_times_is_as_concurrency_unless_written(planned: Planned) -> None:
    """Ten at once are ten."""
    found = planned("  - inject: refused\n  - read: contract\n    concurrency: 10\n")
    (step,) = [step for step in found.operations() if step.phase == "fault"]
    assert (len(step.ids), step.concurrency) == (10, 10)


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
        slugs={},
        services=("core", "mail"),
    )
    assert isinstance(found, Plan)
    assert found.services == ("core", "mail", "side")


def test_an_unusable_answer_that_the_contract_returns_is_not_expected_as_an_error(
    planned: Planned,
) -> None:
    """Plain httpx hands a broken body to its caller: no promise is broken by that."""
    text = """\
- inject: bad_body
  body: invalid_json
- read: response
- inject: status
  code: 404
- read: status:404
"""
    found = planned(text, parse({"errors": {"unusable": "response"}}, "returns"))
    assert (5, "the contract returns an unusable answer as a value") in skips(found)
    assert skips(planned(text)) == []


def test_an_answer_too_late_for_the_contract_is_not_expected_in_time(planned: Planned) -> None:
    """A client with short time-outs, as promised, must be able to pass the catalog."""
    text = "- inject: latency\n  delay: 500ms\n- read: ok\n- write: timeout\n"
    hasty = parse({"timeouts": {"read": 0.5}}, "hasty")
    assert skips(planned(text, hasty))[0] == (
        5,
        "0.5 s late is not in time: the contract gives up after 0.5 s",
    )
    assert skips(planned(text)) == []
