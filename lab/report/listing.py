"""What there is: scenarios, faults, checks, subjects and services, as tables and as data for JSON.

Counterpart: `faultlab list`. A listing is made of records; each can be shown in both forms. The
faults have a module of their own, `kinds.py`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from ...scenarios import InjectStep, Scenario
from ..checks import ALL
from .lanes import WIDTH

__all__ = [
    "Record",
    "checks",
    "counted",
    "presets",
    "scenarios",
    "services",
    "subjects",
    "table",
]

Value = str | bool | int | tuple[str, ...] | dict[str, str]
Record = dict[str, Value]
"""One thing that there is: its fields in the order in which they are shown."""

_GAP = 2


def scenarios(
    found: Iterable[Scenario], offered: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[Record, ...]:
    """Scenarios; `offered`: for each, why the subject does not offer it, () if it does."""
    records: list[Record] = []
    for one in found:
        kinds = [step.kind for step in one.steps() if isinstance(step, InjectStep)]
        record: Record = {
            "name": one.name,
            "title": one.title,
            "operations": one.operations(),
            "faults": tuple(dict.fromkeys(kinds)),
        }
        if offered is not None:
            record["offered"] = not offered[one.name]
            record["reasons"] = offered[one.name]
        records.append(record)
    return tuple(records)


def checks() -> tuple[Record, ...]:
    """Every check: what it claims, when it applies, which promise it reads."""
    return tuple(
        {
            "id": info.id,
            "slug": info.slug,
            "claim": info.claim,
            "precondition": info.precondition,
            "promise": info.promise,
        }
        for info in ALL
    )


def subjects(named: Mapping[str, str]) -> tuple[Record, ...]:
    """Subjects by the name that `--subject` takes, each with a line about it."""
    return tuple({"name": name, "text": text} for name, text in named.items())


def services(
    found: Iterable[tuple[str, int, tuple[str, ...], Mapping[str, str]]], paces: Mapping[str, str]
) -> tuple[Record, ...]:
    """The built-in services: name, port, operations, and their presets with a line about each.

    `paces` are the slow profiles, which all of them have.
    """
    return tuple(
        {
            "name": name,
            "port": port,
            "operations": operations,
            "presets": dict(presets),
            "paces": dict(paces),
        }
        for name, port, operations, presets in found
    )


def counted(records: Iterable[Record]) -> tuple[Record, ...]:
    """The same for a table, with the number of operations in the place of their names."""
    return tuple(
        {
            key: _number(value, key) if isinstance(value, tuple) else value
            for key, value in it.items()
        }
        for it in records
    )


def _number(items: tuple[str, ...], of: str) -> str:
    return f"{len(items)} {of.removesuffix('s') if len(items) == 1 else of}"


def presets(records: Sequence[Record]) -> tuple[Record, ...]:
    """The presets of these services, each once, with those that have it; `all` of them."""
    texts: dict[str, str] = {}
    having: dict[str, list[str]] = {}
    for record in records:
        own = record["presets"]
        for name, text in own.items() if isinstance(own, dict) else ():
            texts[name] = text
            having.setdefault(name, []).append(str(record["name"]))
    return tuple(
        {
            "name": name,
            "services": "all" if len(having[name]) == len(records) else ", ".join(having[name]),
            "text": text,
        }
        for name, text in texts.items()
    )


# --- as a table ----------------------------------------------------------------------------------


def table(records: Sequence[Record], names: Sequence[str]) -> tuple[str, ...]:
    """These fields of the records in columns; the last one takes what is left, and wraps."""
    cells = [[_cell(record[name]) for name in names] for record in records]
    widths = [
        max((len(word) for row in cells for word in row[number].split("\n")), default=0) + _GAP
        for number in range(len(names) - 1)
    ]
    room = max(16, WIDTH - sum(widths))
    lines: list[str] = []
    for row in cells:
        parts = [cell.split("\n") for cell in row[:-1]]
        parts.append(textwrap.wrap(row[-1].replace("\n", ", "), room, break_on_hyphens=False))
        for number in range(max(map(len, parts))):
            shown = [part[number] if number < len(part) else "" for part in parts]
            line = "".join(f"{text:<{width}}" for text, width in zip(shown, widths, strict=False))
            lines.append((line + shown[-1]).rstrip())
    return tuple(lines)


def _cell(value: Value) -> str:
    """A field as text; one of a tuple's items a line."""
    match value:
        case bool():
            return "yes" if value else "no"
        case str() | int():
            return str(value)
        case _:
            return "\n".join(value)
