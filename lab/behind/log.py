"""What Toxiproxy says of itself on its output: JSON lines. Pure.

It writes a line when it has accepted a client and before it dials, so that who reads them when a
connection has arrived knows whose it is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import msgspec

__all__ = ["Accepted", "Lines", "Said", "Undialled"]

_KEPT = 20  # lines for a message
_LONGEST = 64 * 1024  # bytes of a line; what is longer is none of Toxiproxy's


class _Line(msgspec.Struct, frozen=True):
    message: str = ""
    name: str = ""
    client: str = ""


_decoder = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A client was accepted on this proxy."""

    proxy: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Undialled:
    """For this client the upstream could not be dialled."""

    proxy: str
    address: str
    port: int


Said = Accepted | Undialled


class Lines:
    """Bytes of the output to what they say; `last` keeps the newest lines."""

    def __init__(self) -> None:
        self.last: deque[str] = deque(maxlen=_KEPT)
        self._rest = b""

    def feed(self, data: bytes) -> list[Said]:
        """What the lines say that are whole now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST:
            self._rest = b""
        said = []
        for line in lines:
            self.last.append(line.decode(errors="replace"))
            one = _said(line)
            if one is not None:
                said.append(one)
        return said


def _said(line: bytes) -> Said | None:
    try:
        told = _decoder.decode(line)
    except msgspec.MsgspecError:
        return None
    address, _, port = told.client.rpartition(":")
    if not port.isdecimal():
        return None
    match told.message:
        case "Accepted client":
            return Accepted(told.name, address.strip("[]"), int(port))
        case "Unable to open connection to upstream":
            return Undialled(told.name, address.strip("[]"), int(port))
        case _:
            return None
