"""A client that ignores the addresses it was given: where it went, and how its author is told.

Pure; `connects.py` has seen the addresses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import SubjectError
from .command_line import PREFIX

__all__ = ["Address", "calls_another", "is_number", "variables_holding", "went_elsewhere"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where the process connected, or what name it looked up, during operation `op`."""

    host: str
    port: int
    op: int | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def is_number(host: str) -> bool:
    """Whether a host is written as its address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def variables_holding(address: Address, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the environment variables that hold this address; never their values."""
    spellings = {str(address)}
    if address.host == "127.0.0.1":
        spellings.add(f"localhost:{address.port}")
    elif not is_number(address.host):
        spellings.add(f"//{address.host}")  # a URL may leave the port to its scheme
    return tuple(
        sorted(name for name, value in environment.items() if any(it in value for it in spellings))
    )


def calls_another(
    subject: str, operation: str, *, declared: str, service: str, method: str, target: str
) -> SubjectError:
    """What its author is told when `operation` is declared as another request than it sends."""
    mend = "declare what the call sends"
    if subject.startswith(PREFIX):
        mend = f"write its request in front: '{PREFIX}{method} {target.partition('?')[0]} ...'"
    return SubjectError(
        f"{subject}: `{operation}` is declared as another call than it makes",
        expected=declared,
        seen=f"{method} {target} on the wire to {service}",
        mend=f"{mend}; idempotency, scopes and breakers go by it",
    )


def went_elsewhere(
    subject: str,
    *,
    operation: str,
    ended: str,
    service: str,
    url: str,
    seen: Iterable[Address],
    environment: Mapping[str, str],
) -> SubjectError:
    """What its author is told when `operation` ended (`came back ok`, ...) without a connect to us."""
    places = dict.fromkeys((address.host, address.port) for address in seen)
    told = []
    for host, port in places:
        names = variables_holding(Address(host, port), environment)
        held = f"the variable {' or '.join(names)} holds that address" if names else ""
        told.append("; ".join(filter(None, [f"one to {host}:{port}", held])))
    if subject.startswith(PREFIX):
        return SubjectError(
            f"{subject}: `{operation}` {ended} without a connect to {service}",
            expected=f"a connect to {url.removeprefix('http://')}, which is {{{service}}}",
            seen="none; where else a command connects is not watched",
            mend=f"have the command call {{{service}}}",
        )
    return SubjectError(
        f"{subject}: `{operation}` {ended} {'from elsewhere' if told else 'without a connect'}",
        expected=f'a connect to {url.removeprefix("http://")}, which is urls["{service}"]',
        seen=", ".join(told) if told else "no connect at all",
        mend=f'build the client from urls["{service}"]',
    )
