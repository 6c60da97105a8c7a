"""A history, or a part of it, as text in lanes: subject, wire, backend, one row an event.

Counterparts: lab/report/terminal.py and the pytest plugin print the lines. Nothing is judged
here, and no event's own representation is ever shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...attempts import read
from ...history import History
from .layout import WIDTH, printed
from .rows import Row, Writer

__all__ = ["WIDTH", "lanes"]


def lanes(
    history: History,
    events: Iterable[int] | None = None,
    *,
    marks: Iterable[tuple[int, str]] = (),
) -> tuple[str, ...]:
    """The lines of these events (indices; None: all) in order of time, under one heading.

    `marks` are remarks on single events; each stands behind an arrow in its event's row, or in
    that of the last row before it if the event has none of its own.
    """
    marks = tuple(marks)
    marked = frozenset(index for index, _ in marks)
    if events is None:
        shown = frozenset(event.index for event in history)
    else:
        shown = frozenset(events) | marked
    rows = Writer(history, read(history), shown, marked).rows()
    return printed(_marked(rows, marks, history)) if rows else ()


def _marked(rows: Sequence[Row], marks: Iterable[tuple[int, str]], history: History) -> list[Row]:
    """The rows with their remarks; one whose event has no row goes to the last row before it."""
    times = {event.index: event.t for event in history}
    found = list(rows)
    for index, text in marks:
        place = next((i for i, row in enumerate(found) if index in row.events), None)
        if place is None:
            before = [i for i, row in enumerate(found) if row.t <= times.get(index, 0.0)]
            place = before[-1] if before else 0
        found[place] = replace(found[place], remarks=(*found[place].remarks, text))
    return found
