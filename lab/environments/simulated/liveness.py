"""When a kernel asks whether the other side is still there, and when it takes it for gone.

Pure; counterpart: `tcp.py` carries it out. Times as in tcp(7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["KeepAlive"]


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """After `idle` seconds of silence a probe, then one each `interval` seconds, `count` in all."""

    idle: float = 7200.0
    interval: float = 75.0
    count: int = 9

    def due(self, probes: int) -> float:
        """Seconds of silence after which something is to be done, when so many probes are unanswered."""
        return self.idle + probes * self.interval

    def decide(
        self, silence: float, probes: int, patience: float | None
    ) -> Literal["wait", "probe", "gone"]:
        """What is to be done; `patience` is TCP_USER_TIMEOUT, which goes before the count."""
        if silence < self.due(probes):
            return "wait"
        gone = probes >= self.count if patience is None else probes > 0 and silence >= patience
        return "gone" if gone else "probe"
