"""Two histories of one plan are compared: what is not as it should be is named, and nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from faultlab.lab import history as h
from faultlab.lab.attempts import Reading, canonical, read
from faultlab.lab.contract import Contract, parse
from faultlab.lab.verdict import judge

from .likeness import Unlike, unexplained, unlike, unlike_judgements

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
EOF = "POST /orders eof_before_response"
FILES = sorted(str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*.jsonl"))


@cache
def golden(name: str) -> tuple[Contract, h.History]:
    """A golden history and its contract."""
    path = GOLDEN / name
    own, shared = path.parent / "contract.yaml", GOLDEN / "contract.yaml"
    place = own if own.exists() else shared
    contract = parse(place.read_text("utf-8"), str(place))
    return contract, h.load(path)


def differing(one: str, other: str) -> list[str]:
    """What differs between two golden histories of one check, as text."""
    contract, first = golden(one)
    return [str(it) for it in unlike(contract, read(first), read(golden(other)[1]))]


def altered(history: h.History, pace: float, lead: int) -> h.History:
    """The same story, slower, on other ports and other connections."""
    events = []
    for event in history:
        fields = {"t": event.t * pace}
        for name in ("port", "conn"):
            if getattr(event, name, None):
                fields[name] = getattr(event, name) + lead
        events.append(msgspec.structs.replace(event, **fields))
    return h.numbered(history.header, events)


@pytest.mark.parametrize("name", FILES)
def test_a_history_is_like_itself(name: str) -> None:
    """Whatever it tells."""
    contract, history = golden(name)
    assert unlike(contract, read(history), read(history)) == ()
    judged = judge(contract, history)
    assert unlike_judgements(judged, judged) == ()


@given(st.sampled_from(FILES), st.floats(1.0, 1.001), st.integers(1, 9))
def test_times_ports_and_connections_make_no_difference(name: str, pace: float, lead: int) -> None:
    """Two environments share none of them."""
    contract, history = golden(name)
    assert unlike(contract, read(history), read(altered(history, pace, lead))) == ()


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (
            "C02",
            [
                "attempts of {read}: "
                + " | ".join(", ".join(n * ["connect_refused"]) for n in (3, 2))
            ],
        ),
        (
            "C06",
            [
                "attempts of {write}: " + " | ".join(", ".join(n * [EOF]) for n in (1, 2)),
                "effects of {write}: 1 | 2",
            ],
        ),
        ("C60", ["outcome of {read}: failed shop.BadStatus | failed httpx.HTTPStatusError"]),
        ("C20", []),  # how long it waited is no difference
    ],
)
def test_what_differs_is_told_with_what_both_tell(check: str, told: list[str]) -> None:
    """Who reads it should not have to open two files."""
    names = {"read": "read GET /orders/{id} #1", "write": "write POST /orders #1"}
    expected = [one.format(**names) for one in told]
    assert differing(f"{check}/pass.jsonl", f"{check}/fail.jsonl") == expected


def test_a_breaker_that_lives_otherwise_is_told() -> None:
    """How often it was probed, whom it refused, and how it ended."""
    assert differing("C47/pass.jsonl", "C47/fail.jsonl")[-1] == (
        "breaker of endpoint orders GET /orders/{id}: "
        "probes became none, 1 refused, still open at the end | "
        "probes became ok, 1 refused, closed at the end"
    )


def test_a_fault_that_is_not_there_is_told() -> None:
    """And so is the one that stands in its place."""
    assert differing("C66/pass.jsonl", "C66/fail.jsonl")[-2:] == [
        "fault of status orders: fired 1 times, 0 effects of its own | none",
        "fault of bad_body orders: none | fired 1 times, 0 effects of its own",
    ]


def test_evidence_that_only_one_has_is_told() -> None:
    """Findings would be unknown there, and no difference of the client's."""
    found = differing("C48/pass.jsonl", "C48/fail.jsonl")
    assert found[-1] == "evidence of the run: 1 effects | 0 effects"


def three(order: tuple[int, int, int]) -> Reading:
    """Three operations of two names, one after the other in this order."""
    reading = read(golden("C06/pass.jsonl")[1])
    (write,) = reading.operations
    made = []
    for at, number in enumerate(order):
        name = "write" if number < 3 else "read"
        made.append(replace(write, id=number, name=name, invoked=at, ended=at + 0.5))
    return replace(reading, operations=tuple(made))


def test_operations_that_change_places_are_told() -> None:
    """Which of two came first is part of the story, if both are told apart."""
    contract, _ = golden("C06/pass.jsonl")
    assert unlike(contract, three((1, 2, 3)), three((2, 1, 3))) == ()
    where = "write POST /orders #2 and read POST /orders #3"
    assert Unlike("order", where, "so", "the reverse") in unlike(
        contract, three((1, 2, 3)), three((1, 3, 2))
    )


def test_concurrent_operations_may_change_places() -> None:
    """Which of them came first nobody has promised."""
    contract, _ = golden("C06/pass.jsonl")
    one, other = three((1, 2, 3)), three((1, 3, 2))
    at_once = replace(other, operations=tuple(replace(it, ended=9.0) for it in other.operations))
    assert "order" not in {it.what for it in unlike(contract, one, at_once)}


def test_a_verdict_and_a_check_that_end_otherwise_are_told() -> None:
    """The same verdict by other checks is not the same."""
    contract, history = golden("C02/pass.jsonl")
    judged = [judge(contract, each) for each in (history, golden("C02/fail.jsonl")[1])]
    found = [str(it) for it in unlike_judgements(*judged)]
    assert found[0] == "verdict of the run: unknown | fail"
    assert any(it.startswith("check of C02 ") and it.endswith("pass | fail") for it in found)


def test_what_a_row_explains_is_no_difference() -> None:
    """Only the row's own: another place, or another end, stays unexplained."""
    cut = Unlike("attempts", "fault read", "GET /7 reset_mid_body", "GET /7 truncated_length")
    assert unexplained([cut], ["attempts of *: *reset_mid_body | *truncated_length"]) == ()
    assert unexplained([cut], ["attempts of *: *reset_mid_body | *ok", "effects*"]) == (cut,)


@given(st.sampled_from(FILES), st.sampled_from(FILES))
def test_what_the_digest_tells_apart_is_named(one: str, other: str) -> None:
    """A difference without a name would be a red test that helps nobody."""
    contract, first = golden(one)
    readings = read(first), read(golden(other)[1])
    if canonical(readings[0]) != canonical(readings[1]):
        assert unlike(contract, *readings) != ()
