from collections.abc import Callable

import pytest

from faultlab.lab.contract import Contract, parse
from faultlab.lab.plan import NotOffered, Plan
from faultlab.scenarios import catalog
from faultlab.scenarios.dump import dump

Planned = Callable[..., Plan]
Told = Callable[[Plan | NotOffered], list[str]]
Skips = Callable[[Plan | NotOffered], list[tuple[int | None, str]]]
NOTHING = parse({}, "nothing")


def test_without_a_breaker_one_failure_is_the_first_and_nothing_is_waited_for(
    planned: Planned, httpx: Contract, told: Told, skips: Skips
) -> None:
    """One file stays true for a client that has none; what expects `open` is not offered."""
    found = planned(dump(catalog()["down"]), httpx)
    steps = told(found)
    assert steps[steps.index("inject refused 4") :] == [
        "inject refused 4",
        "9 write: connection",
        "renew",
        "10 read: connection",
        "11 read.elsewhere: ok",
        "recovery implied",
        "12 write: ok",
        "13 read: ok",
        "14 read.elsewhere: ok",
    ]
    assert [reason for _, reason in skips(found)] == ["the contract has no breaker"]


def test_a_misspelt_operation_is_told_the_nearest(planned: Planned, skips: Skips) -> None:
    """A name of the subject's own can't be known to the loader."""
    found = planned("  - inject: refused\n  - raed: connection\n  - read: connection\n")
    assert skips(found) == [(4, "orders has no operation `raed` (nearest: read)")]


def test_a_check_without_its_promise_takes_its_step_out(planned: Planned, skips: Skips) -> None:
    """Nobody promised to wait as long as the server asks."""
    found = planned(
        "  - inject: status\n    code: 503\n  - read: contract\n    requires: retry-after\n"
        "  - write: contract\n",
        NOTHING,
    )
    assert skips(found) == [(5, "the contract does not promise what C24 judges")]


def test_times_is_as_concurrency_unless_written(planned: Planned) -> None:
    """Ten at once are ten."""
    found = planned("  - inject: refused\n  - read: contract\n    concurrency: 10\n")
    (step,) = [step for step in found.operations() if step.phase == "fault"]
    assert (len(step.ids), step.concurrency) == (10, 10)


def test_an_unusable_answer_that_the_contract_returns_is_not_expected_as_an_error(
    planned: Planned, skips: Skips
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


@pytest.mark.parametrize(
    ("fault", "late"),
    [
        ("latency\n  delay: 500ms", "an answer 0.5 s late"),
        ("throttle\n  rate: 2B/s", "a byte every 0.5 s"),
        ("drip\n  interval: 500ms", "a piece every 0.5 s"),
    ],
)
def test_an_answer_too_late_for_the_contract_is_not_expected_in_time(
    planned: Planned, skips: Skips, fault: str, late: str
) -> None:
    """A client with short time-outs, as promised, must be able to pass the catalog."""
    text = f"- inject: {fault}\n- read: ok\n- write: timeout\n"
    hasty = parse({"timeouts": {"read": 0.5}}, "hasty")
    assert skips(planned(text, hasty))[0] == (
        5,
        f"{late} is not in time: the contract gives up after 0.5 s",
    )
    assert skips(planned(text)) == []


def test_without_a_deadline_nothing_is_expected_to_end_by_it(
    planned: Planned, httpx: Contract, skips: Skips
) -> None:
    """A drip would keep such a client until the end of the run, and the run would know nothing."""
    text = "- inject: drip\n- read: ok\n- write: deadline\n"
    assert skips(planned(text, httpx)) == [(5, "the contract has no deadline")]
    assert skips(planned(text)) == []


def test_what_the_subject_lacks_is_not_offered_and_said_once(
    planned: Planned, skips: Skips
) -> None:
    """It enters no verdict, but is seen."""
    found = planned(dump(catalog()["down"]), names="read read.other")
    write, unmet = "orders has no operation `write`", "no offered operation meets it"
    assert [reason for _, reason in skips(found)] == [
        *(write, write, write, write, "orders has one service", unmet, unmet),
    ]


def test_only_what_is_async_is_cancelled(planned: Planned, skips: Skips) -> None:
    """A thread runs on whatever its caller does: such a step would blame it for its kind."""
    text = "  - inject: stall\n  - {}: cancelled\n    cancel_after: 0.5 x timeouts.read\n"
    (step,) = [one for one in planned(text.format("read")).operations() if one.phase == "fault"]
    assert (step.expect, step.cancel_after) == (("cancelled",), 0.35)
    found = planned(text.format("blocking"), names="read blocking")
    assert skips(found)[0] == (4, "`blocking` is no async function: it can't be cancelled")
