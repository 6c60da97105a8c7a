"""Rows as lines: lanes as narrow as their contents allow, remarks behind arrows.

Counterpart: rows.py says what stands in them. Knows no event.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from .rows import Lane, Row

__all__ = ["WIDTH", "printed"]

WIDTH = 80
"""Columns of everything that is printed."""

_TIME = 9  # columns of the time and its gap
_SUBJECT = 16
_TEXT = 20  # least columns of what went over the wire
_DETAIL = 13  # least columns of what is known of it
_BACKEND = 24  # most columns that the last lane keeps when the others want more


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the lanes begin, counted from the left edge."""

    subject: int | None
    wire: int
    detail: int
    backend: int

    def of(self, lane: Lane) -> int:
        """The first column of a lane; what the lab says begins at the first one."""
        match lane:
            case "subject" | "lab":
                return self.wire if self.subject is None else self.subject
            case "wire":
                return self.wire
            case "backend":
                return self.backend
            case _:
                assert_never(lane)


def _columns(rows: Sequence[Row]) -> _Columns:
    """Lanes as narrow as their contents allow, so that all of them fit into the width."""
    subject = any(row.lane == "subject" for row in rows)
    wire = _TIME + _SUBJECT if subject else _TIME
    detailed = [row for row in rows if row.lane == "wire" and row.detail]
    details = max([_DETAIL, *(len(row.detail) + 2 for row in detailed)])
    texts = max([_TEXT, *(len(row.text) + 2 for row in detailed)])
    served = [len(row.text) for row in rows if row.lane == "backend"]
    last = min(_BACKEND, max([len("backend"), *served]))
    texts = max(_TEXT, min(texts, WIDTH - last - details - wire))
    backend = min(wire + texts + details, WIDTH - last)
    return _Columns(_TIME if subject else None, wire, wire + texts, backend)


def printed(rows: Sequence[Row]) -> tuple[str, ...]:
    """The lines of these rows, under one heading."""
    rows = [_plain(row) for row in rows]
    columns = _columns(rows)
    services = {row.service for row in rows if row.lane in ("wire", "backend")} - {""}
    heading = f"wire to {services.pop()}" if len(services) == 1 else "wire"
    line = "  t (s)".ljust(_TIME)
    if columns.subject is not None:
        line = (line + "subject").ljust(columns.wire)
    lines = [(line + heading).ljust(columns.backend) + "backend"]
    for row in rows:
        lines.extend(_lines(row, columns))
    return tuple(line.rstrip() for line in lines)


def _lines(row: Row, columns: _Columns) -> Iterator[str]:
    start = columns.of(row.lane)
    line = f"{row.t:7.3f}".ljust(start)
    if row.lane == "lab":
        first, *rest = textwrap.wrap(row.text, WIDTH - start, subsequent_indent="   ")
        yield line + first
        for text in rest:
            yield " " * start + text
        line = ""
    elif row.detail:
        room = columns.detail - start - 1
        line = (line + _short(row.text, room)).ljust(columns.detail) + row.detail
    else:
        line += _short(row.text, WIDTH - start)
    for remark in row.remarks:
        arrow = f"<- {remark.removeprefix('<- ')}"
        aside = max(columns.backend, len(line) + 2)
        if line and aside + len(arrow) <= WIDTH:
            yield line.ljust(aside) + arrow
        else:
            if line:
                yield line
            first, *rest = textwrap.wrap(arrow, WIDTH - columns.wire - 3)
            yield " " * columns.wire + first
            for text in rest:
                yield " " * (columns.wire + 3) + text
        line = ""
    if line:
        yield line


def _plain(row: Row) -> Row:
    """The row without what a terminal would obey: targets and headers are a peer's text."""
    told = (row.text, row.detail, *row.remarks)
    if all(text.isprintable() for text in told):
        return row
    text, detail, *remarks = (
        "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text) for text in told
    )
    return replace(row, text=text, detail=detail, remarks=tuple(remarks))


def _short(text: str, room: int) -> str:
    """The text, its end replaced by two dots if there is no room for it."""
    return text if len(text) <= room else text[: max(0, room - 2)] + ".."
