"""Events and histories survive the file, and a damaged file says where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.history import (
    FORMAT,
    Header,
    HistoryError,
    OpInvoked,
    PhaseEntered,
    RequestStarted,
    RunEnded,
    decode,
    encode,
    load,
    numbered,
    parse,
)

HEADER = Header(scenario="down", seed=7)
EVENTS = (
    PhaseEntered(t=0.0, phase="control"),
    OpInvoked(t=0.1, op=1, name="read", service="core", endpoint="GET /health", idempotent=True),
    RequestStarted(t=0.2, op=1, conn=1, request=1, service="core", method="GET", target="/health"),
)


def test_a_line_begins_with_where_it_was_seen() -> None:
    """A person who greps a history file finds the vantage point first."""
    assert encode(EVENTS[0]).startswith(b'{"where":"lab","kind":"phase.entered"')


def test_an_event_comes_back_from_its_line() -> None:
    """Whatever was recorded can be judged again."""
    assert [decode(encode(event)) for event in EVENTS] == list(EVENTS)


def test_a_history_survives_its_file(tmp_path: Path) -> None:
    """Saved and loaded, it is equal, numbers included."""
    history = numbered(HEADER, EVENTS)
    history.save(tmp_path / "armed.jsonl")
    assert load(tmp_path / "armed.jsonl") == history
    assert [event.index for event in history] == [1, 2, 3]


def test_a_last_line_cut_by_a_kill_is_dropped_and_said() -> None:
    """What was written before a kill -9 stays readable."""
    data = b"\n".join(numbered(HEADER, EVENTS).to_lines())[:-5]
    history = parse(data)
    assert (len(history), history.cut) == (2, True)


def damaged(line: int, by: Callable[[bytes], bytes]) -> bytes:
    """A file with one line (from 1) damaged."""
    lines = list(numbered(HEADER, EVENTS).to_lines())
    lines[line - 1] = by(lines[line - 1])
    return b"\n".join(lines) + b"\n"


@pytest.mark.parametrize(
    "by",
    [
        lambda line: line[:-5],
        lambda line: line.replace(b"op.invoked", b"op.inwoked"),
        lambda line: line.replace(b"0.1", b'"soon"'),
        lambda line: line.replace(b"read", b"\xff\xfe"),
        lambda _: b"",
        lambda _: b"\x00\x01\x02",
        lambda _: b"[" * 100_000,
    ],
    ids=["cut", "foreign kind", "foreign value", "no UTF-8", "empty", "binary", "deep"],
)
def test_a_damaged_line_in_the_middle_is_an_error_with_its_number(
    by: Callable[[bytes], bytes],
) -> None:
    """Only the last line can be a kill's doing."""
    with pytest.raises(HistoryError, match=r"^x\.jsonl:3: not an event"):
        parse(damaged(3, by), "x.jsonl")


def test_lines_that_were_lost_or_moved_are_told_by_the_first_number_that_is_wrong() -> None:
    """What is judged is what was recorded, in the order in which it was."""
    first, *events = numbered(HEADER, EVENTS).to_lines()
    for lines, place in (
        ([first, events[1], events[0], events[2]], "x:2: event 2 where event 1 was expected"),
        ([first, events[0], events[2]], "x:3: event 3 where event 2 was expected"),
        ([first, events[0], *events], "x:3: event 1 where event 2 was expected"),
    ):
        with pytest.raises(HistoryError, match=place):
            parse(b"\n".join(lines) + b"\n", "x")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x: empty, expected a header line"),
        (b"\n", "x: empty, expected a header line"),
        (b"[]\n", "x:1: not a history header"),
        (b"\xff\xfe\n", "x:1: not a history header"),
        (b"\x1f\x8b\x08\x00", "x:1: not a history header"),
        (b"[" * 100_000, "x:1: not a history header"),
        (b'{"format": 99, "run": {}}\n', f"x:1: format 99, this version reads {FORMAT}"),
    ],
)
def test_a_foreign_file_is_refused(data: bytes, message: str) -> None:
    """A history is never guessed from something else."""
    with pytest.raises(HistoryError, match=message):
        parse(data, "x")


@given(st.data())
def test_whatever_happens_to_a_file_it_is_read_or_refused_with_its_name(
    data: st.DataObject,
) -> None:
    """No damage is answered with a traceback."""
    whole = b"\n".join(numbered(HEADER, EVENTS).to_lines()) + b"\n"
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    spoilt = whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:]
    told = "x:"
    try:
        history = parse(spoilt, "x")
    except HistoryError as error:
        told = str(error)
    else:
        assert [event.index for event in history] == list(range(1, len(history) + 1))
    assert told.startswith("x:")


def test_a_run_that_was_cut_short_is_told_from_one_that_ended() -> None:
    """What was not played is no failure, and no pass."""
    assert not numbered(HEADER, EVENTS).ended
    assert numbered(HEADER, [*EVENTS, RunEnded(t=0.3), EVENTS[0]]).ended


def test_in_time_orders_by_t_and_keeps_arrival_for_ties() -> None:
    """Checks that compare across vantage points go by the shared clock."""
    history = numbered(HEADER, reversed(EVENTS))
    assert [event.t for event in history.in_time()] == [0.0, 0.1, 0.2]
