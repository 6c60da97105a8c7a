"""The table of contract keys, and how they are looked up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.contract import (
    GROUPS,
    KEYS,
    OUTCOME_GROUPS,
    groups_of,
    is_key,
    lookup,
    mapped_by,
    members,
)


def test_groups_are_nested() -> None:
    """Only so is `the more specific` one of any two groups that share an observable."""
    for one in GROUPS:
        for other in GROUPS:
            a, b = members(one), members(other)
            assert a <= b or b <= a or not a & b, (one, other)


def test_outcome_groups_do_not_overlap() -> None:
    """A scenario's outcome is one word."""
    connection, timeout, response = (members(group) for group in OUTCOME_GROUPS)
    assert not connection & timeout
    assert not timeout & response
    assert not connection & response


@pytest.mark.parametrize(
    ("observable", "groups"),
    [
        ("connect_timeout", ("connect", "connection", "transport")),
        ("read_timeout_body", ("read_timeout", "timeout", "transport")),
        ("bad_json", None),
        ("status:503", ("m5xx", "status")),
        ("open", ()),
        ("nonsense", ()),
    ],
)
def test_groups_of_an_observable_begin_with_the_most_specific(
    observable: str, groups: tuple[str, ...] | None
) -> None:
    """A connect time-out is a connection failure, no time-out."""
    assert groups is None or groups_of(observable) == groups


@given(st.sampled_from([key for key in KEYS if groups_of(key)]))
def test_the_more_specific_key_wins(observable: str) -> None:
    """Whatever the order in which a contract was written."""
    chain_of_keys = (observable, *groups_of(observable))
    mapping = {key: key for key in reversed(chain_of_keys)}
    for key in chain_of_keys:
        assert lookup(mapping, observable) == key
        assert mapped_by(mapping, observable) == key
        del mapping[key]
    assert lookup(mapping, observable) is None


def test_single_statuses_beat_their_class_and_that_beats_all() -> None:
    """`status:429` > `m4xx` > `status`."""
    mapping = {"status": 1, "m4xx": 2, "status:429": 3}
    assert [lookup(mapping, f"status:{code}") for code in (500, 404, 429)] == [1, 2, 3]


@pytest.mark.parametrize(
    "text", ["status:503", "status:200", "m2xx", "status", "transport", "open"]
)
def test_keys_are_known(text: str) -> None:
    """One table."""
    assert is_key(text)


@pytest.mark.parametrize("text", ["status:99", "status:600", "status:5033", "m1xx", "conect", ""])
def test_other_words_are_no_keys(text: str) -> None:
    """A typing error must not become a promise about nothing."""
    assert not is_key(text)
