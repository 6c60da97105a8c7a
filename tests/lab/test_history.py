"""Events and histories survive the file, and a damaged file says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultlab.lab.history import (
    FORMAT,
    KINDS,
    Header,
    HistoryError,
    OpInvoked,
    PhaseEntered,
    RequestStarted,
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


def test_every_kind_has_a_name_and_a_vantage_point_of_its_own() -> None:
    """Two kinds under one name would be read as each other."""
    tags = [kind.__struct_config__.tag for kind in KINDS]
    assert len(set(tags)) == len(tags)
    assert {kind.where for kind in KINDS} == {"subject", "wire", "backend", "lab"}


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


def test_a_damaged_line_in_the_middle_is_an_error_with_its_number() -> None:
    """Only the last line can be a kill's doing."""
    lines = list(numbered(HEADER, EVENTS).to_lines())
    lines[2] = lines[2][:-5]
    with pytest.raises(HistoryError, match=r"^x\.jsonl:3: not an event"):
        parse(b"\n".join(lines) + b"\n", "x.jsonl")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty, expected a header line"),
        (b"[]\n", "not a history header"),
        (b'{"format": 99}\n', f"format 99, this version reads {FORMAT}"),
    ],
)
def test_a_foreign_file_is_refused(data: bytes, message: str) -> None:
    """A history is never guessed from something else."""
    with pytest.raises(HistoryError, match=message):
        parse(data)


def test_in_time_orders_by_t_and_keeps_arrival_for_ties() -> None:
    """Checks that compare across vantage points go by the shared clock."""
    history = numbered(HEADER, reversed(EVENTS))
    assert [event.t for event in history.in_time()] == [0.0, 0.1, 0.2]
