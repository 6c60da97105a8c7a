"""What asking for a name gives: addresses or a failure, and after which time.

Counterpart: `network.py` knows the hosts, whose names are known by themselves. Pure: it neither waits
nor reaches anybody; who asks lets the time pass.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal, TypeAlias

__all__ = ["SILENCE", "Answer", "Failure", "Names"]

SILENCE: Final = 10.0
"""Seconds until a name server that says nothing is given up: twice 5 s, as resolv.conf(5) has it."""

Failure: TypeAlias = Literal["unknown", "temporary", "silent"]
"""There is no such name; the server could not tell; it said nothing."""

_CODES: Final = {
    "unknown": (socket.EAI_NONAME, "Name or service not known"),
    "temporary": (socket.EAI_AGAIN, "Temporary failure in name resolution"),
    "silent": (socket.EAI_AGAIN, "Temporary failure in name resolution"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Addresses, the first to be tried first, or a failure; it comes `takes` seconds later."""

    addresses: tuple[str, ...] = ()
    failure: Failure | None = None
    takes: float = 0.0

    @property
    def error(self) -> socket.gaierror | None:
        """What getaddrinfo raises for it."""
        return None if self.failure is None else socket.gaierror(*_CODES[self.failure])


class Names:
    """The names of a network. `hosts` gives the addresses of a host by its name, () if there is none."""

    def __init__(self, hosts: Callable[[str], tuple[str, ...]]) -> None:
        self._hosts = hosts
        self._given: dict[str, Answer] = {}

    def point(self, name: str, *addresses: str, takes: float = 0.0) -> None:
        """Have a name lead to these addresses from now on. Raises ValueError for what is none."""
        found = tuple(str(ip_address(address)) for address in addresses)
        if not found:
            raise ValueError(f"{name!r} has to lead to an address; `fail` has it lead nowhere")
        self._given[name.lower()] = Answer(found, None, takes)

    def fail(self, name: str, failure: Failure, *, takes: float | None = None) -> None:
        """Have asking for it fail from now on; silence takes `SILENCE` seconds unless told."""
        after = takes if takes is not None else SILENCE if failure == "silent" else 0.0
        self._given[name.lower()] = Answer((), failure, after)

    def restore(self, name: str) -> None:
        """Have it mean what the hosts say again."""
        self._given.pop(name.lower(), None)

    def ask(self, name: str) -> Answer:
        """What is so now; what changes later is not in it. Numbers are their own address."""
        try:
            return Answer((str(ip_address(name)),))
        except ValueError:
            asked = name.lower()
        if asked in self._given:
            return self._given[asked]
        if asked == "localhost":
            return Answer(("127.0.0.1",))
        addresses = self._hosts(asked)
        return Answer(addresses) if addresses else Answer((), "unknown")
