"""What serves a service behind its proxy and is the lab's own.

Two forms: `Stub` inside the lab process, `Shared` in a process that serves the stubs of many runs.
Beside them `Apart`, in a process of its own, which the lab can end and halt.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Backend"]


class Backend(Protocol):
    """Serves one service, and reports what it does to the history."""

    @property
    def problem(self) -> str:
        """Why it can't be had; empty while it can."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, host and port; port 0 while it does not yet."""

    @property
    def settled(self) -> bool:
        """Whether nothing of it is on its way."""

    def drain(self) -> None:
        """Bring everything that it has reported into the history."""

    def close(self) -> None:
        """Give the port back, and end what it has."""
