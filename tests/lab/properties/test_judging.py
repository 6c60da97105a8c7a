"""What holds of every judgement, whatever the client did and whatever it promises."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from faultlab.lab.attempts import read
from faultlab.lab.checks import put
from faultlab.lab.history import parse, refuted
from faultlab.lab.verdict import encode, judge

Drawn = Any  # the strategies in conftest.py


@given(st.data())
@settings(max_examples=60)
def test_no_check_crashes(drawn: Drawn, data: st.DataObject) -> None:
    """A client may do anything, and a contract promise anything: that is a verdict all the same."""
    history = data.draw(drawn.histories())
    assert refuted(history) is None
    for contract in (None, data.draw(drawn.contracts())):
        found = put(read(history), contract)
        assert [one.seen for one in found if one.outcome == "error"] == []


@given(st.data())
@settings(max_examples=25)
def test_a_verdict_is_the_same_from_its_file(drawn: Drawn, data: st.DataObject) -> None:
    """Whoever judges a run again, from its files alone, comes to the same words."""
    history = data.draw(drawn.histories())
    contract = data.draw(drawn.contracts())
    lines = b"\n".join(history.to_lines()) + b"\n"
    again = parse(lines)
    assert again == history
    first = judge(contract, history, history)
    assert judge(contract, again, again) == first
    assert encode(judge(contract, history, history)) == encode(first)


@given(st.data())
@settings(max_examples=30)
def test_traffic_of_another_service_changes_nothing(drawn: Drawn, data: st.DataObject) -> None:
    """A finding about one service must not depend on what else a client talks to."""
    operations = data.draw(drawn.operations())
    contract = data.draw(drawn.contracts(scopes=("service", "endpoint")))
    their, alone, beside = (
        {one.check: one for one in put(read(history), contract)}
        for history in (
            drawn.written([], beside=3),
            drawn.written(operations),
            drawn.written(operations, beside=3),
        )
    )
    # There are contracts under which no success is allowed.
    assume(not {"fail", "unknown"} & {one.outcome for one in their.values()})
    for check, one in alone.items():
        if check == "C91":
            continue  # it asks of the other service, too, whether it worked before the first fault
        other = beside[check]
        if one.outcome == "not_exercised":
            assert other.outcome in ("not_exercised", "pass"), check
        else:
            assert (other.outcome, other.operation, other.seen, other.missing) == (
                one.outcome,
                one.operation,
                one.seen,
                one.missing,
            ), check
