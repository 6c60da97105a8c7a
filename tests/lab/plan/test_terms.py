from collections.abc import Callable

import pytest

from faultlab.lab.contract import Contract, parse
from faultlab.lab.plan import NotOffered, Plan
from faultlab.lab.plan.terms import LeftOpenError, Terms
from faultlab.scenarios import Quantity

Planned = Callable[..., Plan]
Told = Callable[[Plan | NotOffered], list[str]]
NOTHING = parse({}, "nothing")


def test_a_breakers_field_is_that_of_the_breaker_that_counts(planned: Planned, told: Told) -> None:
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


def test_a_quantity_is_a_number_of_the_contract_or_the_reason_why_it_is_none(
    maximus: Contract,
) -> None:
    """The reason is what the reader of a plan sees beside the step."""
    assert Terms(maximus).number(Quantity(2, "timeouts.read"), None) == 1.4
    assert Terms(maximus).number(Quantity(0.25), None) == 0.25
    with pytest.raises(LeftOpenError, match=r"^the contract leaves timeouts\.read open$"):
        Terms(NOTHING).number(Quantity(2, "timeouts.read"), None)


def test_without_a_breaker_the_first_failure_opens_nothing(
    maximus: Contract, httpx: Contract
) -> None:
    """One file stays true for a client that has none."""
    assert (Terms(maximus).has_breaker, Terms(httpx).has_breaker) == (True, False)
    assert Terms(httpx).counted(["connect_refused"]) is None
    assert (Terms(maximus).opens_after(["connect_refused"]), Terms(httpx).opens_after([])) == (5, 1)
    assert Terms(maximus).reset_time(["connect_refused"]) == 1.0
