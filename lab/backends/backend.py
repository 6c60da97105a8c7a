"""What serves a service behind its proxy and is the lab's own.

Two forms: `Stub` inside the lab process, `Apart` in a process of its own.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Backend"]


class Backend(Protocol):
    """Serves one service, and reports what it does to the history."""

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""

    def drain(self) -> None:
        """Bring everything that it has reported into the history."""

    def close(self) -> None:
        """Give the port back, and end what it has."""
