"""What everything that a lab makes is labelled with, and whose a label is.

Things are found by label, never by name. A lab belongs to the process that started it: its id
together with the time of its start, since ids are used again, in a space of ids, since containers
have spaces of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

__all__ = [
    "LAB",
    "OWNER",
    "PART",
    "RUN",
    "SERVICE",
    "Found",
    "Owner",
    "Part",
    "labels",
    "parse_stat",
    "stale",
    "started",
]

LAB = "faultlab.lab"
OWNER = "faultlab.owner"
PART = "faultlab.part"
SERVICE = "faultlab.service"
RUN = "faultlab.run"

Part = Literal["network", "front", "toxiproxy", "gate", "holder", "backend"]

_DEAD = ("Z", "X")  # states of a process that has ended, proc(5)


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: its id, its start (clock ticks since the machine's), its space of ids."""

    pid: int
    start: int
    space: int

    def __str__(self) -> str:
        return f"{self.pid}.{self.start}.{self.space}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The owner in a label; None if it is none of ours."""
        parts = text.split(".")
        if len(parts) != 3 or not all(part.isdecimal() for part in parts):
            return None
        return cls(*(int(part) for part in parts))

    @classmethod
    def here(cls) -> Self:
        """This process."""
        pid = os.getpid()
        start = started(pid)
        assert start is not None
        return cls(pid, start, Path("/proc/self/ns/pid").stat().st_ino)


@dataclass(frozen=True, slots=True)
class Found:
    """A container or network that is there: its id, and its labels."""

    id: str
    labels: dict[str, str]


def labels(
    lab: str, owner: Owner, part: Part, *, service: str = "", run: int | None = None
) -> dict[str, str]:
    """The labels of one thing."""
    found = {LAB: lab, OWNER: str(owner), PART: part}
    if service:
        found[SERVICE] = service
    if run is not None:
        found[RUN] = str(run)
    return found


def stale(told: Mapping[str, str], here: Owner, start_of: Callable[[int], int | None]) -> bool:
    """Whether the owner in these labels has ended, as far as `here` can know.

    `start_of` gives when a process of this space started; None: it has ended. What another space's
    process made is left alone: it can't be seen from here whether that still runs.
    """
    owner = Owner.parse(told.get(OWNER, ""))
    if owner is None or owner.space != here.space:
        return False
    return start_of(owner.pid) != owner.start


def started(pid: int) -> int | None:
    """When a process started, in clock ticks since the machine's start; None: it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    return parse_stat(text)


def parse_stat(text: str) -> int | None:
    """The same in a line of /proc/PID/stat; the name in it may hold blanks and brackets."""
    words = text.rpartition(")")[2].split()
    if len(words) < 20 or words[0] in _DEAD:
        return None
    return int(words[19])
