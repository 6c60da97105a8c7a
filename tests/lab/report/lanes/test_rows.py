"""What events say."""

from __future__ import annotations

from faultlab.lab.attempts import read
from faultlab.lab.history import (
    AnyEvent,
    ConnOpened,
    Header,
    Left,
    OpInvoked,
    OpOk,
    RequestComplete,
    RequestStarted,
    ResponseComplete,
    ResponseHead,
    Sample,
    numbered,
)
from faultlab.lab.report.lanes.rows import Row, Writer

EVENTS = (
    OpInvoked(t=0.1, op=1, name="read", service="core", endpoint="GET /x"),
    ConnOpened(t=0.11, conn=1, service="core", port=5001),
    RequestStarted(t=0.12, op=1, conn=1, request=1, service="core", method="GET", target="/x"),
    RequestComplete(t=0.13, conn=1, request=1, service="core"),
    ResponseHead(t=0.2, conn=1, request=1, service="core", status=200),
    ResponseComplete(t=0.21, conn=1, request=1, service="core", length=2),
    OpOk(t=0.3, op=1),
)


def rows(*events: AnyEvent, marked: frozenset[int] = frozenset()) -> list[Row]:
    """All rows of these events."""
    history = numbered(Header(), events)
    shown = frozenset(event.index for event in history)
    return Writer(history, read(history), shown, marked).rows()


def test_an_event_that_another_one_tells_has_no_row() -> None:
    """A connection is told by its first request, an answer at once is one row."""
    assert [(row.lane, row.text, row.detail) for row in rows(*EVENTS)] == [
        ("subject", "read begins", ""),
        ("wire", "> GET /x", "attempt 1, new connection"),
        ("wire", "< 200, 2 bytes", ""),
        ("subject", "read ok", ""),
    ]


def test_a_row_knows_the_events_that_it_tells() -> None:
    """A remark on any of them stands there."""
    assert [row.events for row in rows(*EVENTS)] == [(1,), (3,), (5, 6), (7,)]


def test_what_a_subject_left_is_told_once() -> None:
    """What its process held at the opening is no news."""
    left = (Left(kind="task", name="poll", count=2), Left(kind="descriptor", name="pipe"))
    events = (Sample(t=0.1, at="open"), Sample(t=0.2, at="close", left=left))
    assert [row.text for row in rows(*events)] == [
        "-- subject left behind: task poll (2), descriptor pipe --"
    ]
    assert [row.text for row in rows(Sample(t=0.2, at="close"))] == [
        "-- subject left nothing behind --"
    ]
