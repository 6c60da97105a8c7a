"""What differs between the places where a scenario runs: measured figures, and the reason for each.

Counterpart: measure.py takes the figures, and writes them beside this file. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

__all__ = ["FIGURES", "ROWS", "Figures", "Row", "as_markdown", "explained", "load", "save"]

FIGURES = Path(__file__).with_suffix(".json")
WRITTEN = {"toxiproxy": "embedded --proxy toxiproxy"}  # how a place is asked for, if not by name
ABSENT = "-"  # nothing was measured, or nothing is there to measure


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is looked at in every place. `name`: how its figure is called.

    `steady`: it must come out the same each time. `explains`: differences between histories that
    it excuses, as patterns over their text (likeness.py).
    """

    name: str
    what: str
    why: str
    steady: bool = True
    explains: tuple[str, ...] = ()


ROWS = (
    Row(
        "refused",
        "a connect to a service that is `refused`",
        "clients dial the address at which the listener really is",
    ),
    Row(
        "published",
        "the same through a published port of a container",
        "Docker's own proxy accepts before it dials, so the lab hands out no such port",
    ),
    Row(
        "reset_live",
        "`refused` with `live: reset`: a live connection ends by",
        "Toxiproxy makes a FIN of every RST, so the kernel aborts its socket instead",
    ),
    Row(
        "reset_body",
        "`cut` in a body, `by: rst`: the connection ends by",
        "the same",
    ),
    Row(
        "client_reset",
        "a client's own RST is recorded as",
        "Toxiproxy makes a FIN of it",
    ),
    Row(
        "half_close",
        "the answer to a client that has sent its FIN behind the request",
        "a client's FIN means that it has gone, to the gate and to Toxiproxy alike",
    ),
    Row(
        "dark",
        "a connect in a `partition`",
        "its SYN is dropped: by the listener's minimum TTL, or by the packet filter",
    ),
    Row(
        "heal_new",
        "a connect that has waited 1.5, 5, 10 s in a `partition`: through after the heal within",
        "the client's kernel sends its SYN anew when its own back-off says so",
        steady=False,
    ),
    Row(
        "heal_held",
        "a request on a connection that was held so long: answered after the heal within",
        "the lab has it, and passes it on at once",
        steady=False,
    ),
    Row(
        "heal_unplugged",
        "a request on a connection that was unplugged so long: answered after the heal within",
        "the client's kernel sends it anew when its back-off says so",
        steady=False,
    ),
    Row(
        "arming",
        "from `inject` of `refused` until it is in force",
        "Toxiproxy is told by its API",
        steady=False,
    ),
)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured in one place. `by`: on what; `mechanisms`: of each kind that it has."""

    by: str
    rows: dict[str, str]
    mechanisms: dict[str, str]


def load() -> dict[str, Figures]:
    """The figures by place, as they were measured last."""
    return msgspec.json.decode(FIGURES.read_bytes(), type=dict[str, Figures])


def save(figures: Mapping[str, Figures]) -> None:
    """Instead of those of before."""
    FIGURES.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")


def explained() -> tuple[str, ...]:
    """All patterns that a row excuses."""
    return tuple(pattern for row in ROWS for pattern in row.explains)


def as_markdown(figures: Mapping[str, Figures], kinds: Sequence[str]) -> str:
    """The tables of the guide: what differs, and by which means each kind is done."""
    places = list(figures)
    titles = [f"`{WRITTEN.get(place, place)}`" for place in places]
    lines = [*_head(["", *titles, "why"])]
    for row in ROWS:
        cells = [figures[place].rows.get(row.name, ABSENT) for place in places]
        lines.append(_line([row.what, *cells, row.why]))
    lines += ["", *_head(["kind", *titles])]
    for kind in kinds:
        done = [figures[place].mechanisms.get(kind, "not done") for place in places]
        lines.append(_line([f"`{kind}`", *done]))
    measured = "; ".join(
        f"{title} on {figures[place].by}" for title, place in zip(titles, places, strict=True)
    )
    return "\n".join([*lines, "", f"Measured: {measured}."])


def _head(cells: Sequence[str]) -> tuple[str, str]:
    return _line(cells), "|" + "---|" * len(cells)


def _line(cells: Sequence[str]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"
