"""Addresses as Toxiproxy writes them: `host:port`, `[v6]:port`, `:port`. Pure.

Messages are the original's, which clients compare by pattern.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

__all__ = ["Address", "AddressError", "listening", "parse"]

HIGHEST = 65535


class AddressError(ValueError):
    """A text that is no address."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or to dial. An empty host is every address, or a default of the server's."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(text: str) -> Address:
    """An address. Raises AddressError, which says what is missing."""
    host, colon, port = text.rpartition(":")
    if not colon or (text.startswith("[") and text.endswith("]")):
        raise AddressError(f"address {text}: missing port in address")
    if text.startswith("[") and "]" not in text:
        raise AddressError(f"address {text}: missing ']' in address")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise AddressError(f"address {text}: too many colons in address")
    if "[" in host or "]" in host:
        raise AddressError(f"address {text}: unexpected bracket in address")
    if port and not (port.isascii() and port.isdigit()):
        raise AddressError(f"lookup tcp/{port}: unknown port")
    if len(port) > len(str(HIGHEST)) or int(port or "0") > HIGHEST:
        raise AddressError(f"address {port}: invalid port")
    return Address(host, int(port or "0"))


def listening(text: str, every: str) -> Address:
    """An address of this machine as it is shown once bound; `every` stands for an empty host.

    Raises AddressError, also for a name: it would have to be looked up first.
    """
    address = parse(text)
    host = {"": every, "localhost": "127.0.0.1"}.get(address.host, address.host)
    if host == "0.0.0.0" and every == "::":  # noqa: S104 - compared, not bound
        host = every
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise AddressError(f"lookup {address.host}: no such host") from None
    if "%" in host:
        raise AddressError(f"lookup {address.host}: no such host")
    return Address(host, address.port)
