"""Who has a port that can't be had, as far as this machine tells (Linux: proc(5)).

Counterpart: the errors that name a port. Knows no lab; what it can't find out is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["holder", "listeners"]

_PROC = Path("/proc")
_LISTENS = "0A"  # TCP_LISTEN
_ROW = re.compile(r"\s*\d+: [0-9A-F]+:([0-9A-F]{4}) \S+ ([0-9A-F]{2})(?:\s+\S+){5}\s+(\d+)")


def holder(port: int) -> str | None:
    """`NAME (pid N)` of a process that listens on this port.

    None where nobody does, or where it belongs to somebody whose processes can't be looked into.
    """
    sockets: set[str] = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            sockets |= listeners((_PROC / "net" / table).read_text(), port)
    return next(_holding(sockets), None) if sockets else None


def listeners(table: str, port: int) -> set[str]:
    """The sockets that listen on a port, as descriptors link to them, in a table of /proc/net."""
    rows = (_ROW.match(line) for line in table.splitlines())
    return {
        f"socket:[{row[3]}]"
        for row in rows
        if row is not None and row[2] == _LISTENS and int(row[1], 16) == port
    }


def _holding(sockets: set[str]) -> Iterator[str]:
    for process in sorted(_PROC.glob("[0-9]*")):
        with suppress(OSError):
            links = {_link(one) for one in (process / "fd").iterdir()}
            if not sockets.isdisjoint(links):
                yield f"{(process / 'comm').read_text().strip()} (pid {process.name})"


def _link(descriptor: Path) -> str:
    with suppress(OSError):
        return str(descriptor.readlink())
    return ""
