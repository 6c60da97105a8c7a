"""The oracle that tells few orders apart claims nothing that the one that follows all does not."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from faultlab.lab.attempts import read
from faultlab.lab.contract import parse
from faultlab.lab.oracle import Demand, OperationDemand, demands

Drawn = Any  # the strategies in conftest.py

FEW = 4  # operations: those of nine can come in more orders than are followed in a minute
EVERY = 100_000  # worlds: more than so few operations can have
MIXED = ("ok", "status:503", "status:404", "pending", "connect_refused", "eof_before_response")


def weaker(bounded: Demand, exact: Demand) -> bool:
    """Whether a demand is another one, or leaves open what that one said."""
    return bounded.start in (exact.start, "may")


def assert_weaker(bounded: OperationDemand, exact: OperationDemand) -> None:
    """One operation: whatever is demanded of it by the one is demanded by the other, too."""
    one, other = bounded.admission, exact.admission
    assert weaker(one.demand, other.demand)
    assert one.explained or not other.explained
    assert one.probe in (other.probe, "maybe")
    assert set(one.refusers) <= set(other.refusers)
    if one.retry_in is not None and other.retry_in is not None:
        assert one.retry_in[0] <= other.retry_in[0]
        assert one.retry_in[1] >= other.retry_in[1]
    for standing, known in zip(one.standings, other.standings, strict=True):
        assert standing.modes >= known.modes
        assert standing.start in (known.start, "may")
    if other.demand.start != "must_not":  # else nothing is promised of the attempts that it made
        assert bounded.least <= exact.least
    assert bounded.most is None or (exact.most is not None and bounded.most >= exact.most)
    if exact.ends_as:
        assert bounded.ends_as >= exact.ends_as
    for boundary, known in zip(bounded.boundaries, exact.boundaries, strict=True):
        assert weaker(boundary.demand, known.demand)


@given(st.data())
@settings(max_examples=40)
def test_few_worlds_claim_no_more_than_all(drawn: Drawn, data: st.DataObject) -> None:
    """What is forgotten to stay quick may make an answer weaker, and never wrong."""
    fates = st.builds(
        drawn.Try,
        fate=st.sampled_from(MIXED),
        takes=st.sampled_from((0.02, 0.3)),
        gap=st.sampled_from((0.02, 0.06)),
    )
    reading = read(drawn.written(data.draw(drawn.operations(fates))[:FEW]))
    contract = data.draw(drawn.contracts())
    most = data.draw(st.sampled_from((1, 2, 4, 16)))
    bounded, exact = demands(contract, reading, most), demands(contract, reading, EVERY)
    for one, other in zip(bounded.operations, exact.operations, strict=True):
        assert_weaker(one, other)
    for (key, modes), (_, known) in zip(bounded.at_end, exact.at_end, strict=True):
        assert modes >= known, key


BREAKING = parse(
    {
        "attempts": {"max": 1},
        "breaker": [
            {
                "scope": "service",
                "counts": ["m5xx"],
                "success": ["m2xx"],
                "fail_max": 2,
                "reset_timeout": 30,
                "late_results": "ignore",
            }
        ],
    },
    "breaking",
)


def test_forty_operations_of_unknown_result_at_once_leave_no_demand_on_the_next(
    drawn: Drawn,
) -> None:
    """Their results may have been anything, in any order: so many orders are not followed."""
    crowd = [
        drawn.Op(0.0001, True, "core", "GET /a", False, (drawn.Try("pending", 0.5),), "failed", "x")
        for _ in range(40)
    ]
    after = [
        drawn.Op(0.1, False, "core", "GET /a", False, (drawn.Try(fate),), ending, "x.Down")
        for fate, ending in (("ok", "ok"), ("status:503", "failed"), ("status:503", "failed"))
    ]
    late = drawn.Op(0.1, False, "core", "GET /a", False, (drawn.Try("ok"),), "ok", "")
    found = demands(BREAKING, read(drawn.written([*crowd, *after, late])))
    starts = [found.of(op).admission.demand.start for op in range(41, 45)]
    assert starts == ["may", "must", "must", "must_not"]
