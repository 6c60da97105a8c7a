"""What operations call that declare nothing but a name: read off the requests of that name.

A test marks an operation of a client without adapter (`lab.operation`). One that was only refused
sent no request; then those of the same name tell, as its author takes them for one operation. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..history import OpInvoked
from ..methods import IDEMPOTENT
from .facts import Attempt

__all__ = ["Called", "called"]


@dataclass(frozen=True, slots=True)
class Called:
    """Service and endpoint of an operation; `endpoint` is empty while no request was seen."""

    service: str = ""
    endpoint: str = ""

    @property
    def idempotent(self) -> bool | None:
        """By its method; None: it is not known."""
        return self.endpoint.partition(" ")[0] in IDEMPOTENT if self.endpoint else None


def called(operations: Iterable[tuple[OpInvoked, Iterable[Attempt]]]) -> dict[str, Called]:
    """By name, what the operations that declare nothing call, in the order in which they began.

    The last request of the first that sent one: a client may log in, or be redirected, before it.
    """
    found: dict[str, Called] = {}
    for invoked, attempts in operations:
        known = found.get(invoked.name, Called())
        if invoked.endpoint or known.endpoint:
            continue
        for attempt in attempts:
            if not attempt.headless:
                path = attempt.target.partition("?")[0]
                known = Called(attempt.service, f"{attempt.method} {path}")
            elif not known.endpoint:
                known = Called(attempt.service)
        found[invoked.name] = known
    return found
