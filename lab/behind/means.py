"""Which means shuts a port of Toxiproxy's, and the steps from one to another. Pure."""

from __future__ import annotations

from typing import Literal

from ..net import Mode
from .filter import Shut

__all__ = ["How", "Step", "how", "mechanism", "steps"]

How = Literal["open", "disabled", "refusing", "dark"]
"""A port is open, or shut: by Toxiproxy itself, or by a rule of the packet filter."""

Step = Literal["filter", "enable", "disable"]


def how(mode: Mode, *, keeps: bool, filters: bool) -> How:
    """How a mode is done. `keeps`: live connections are to live on; `filters`: rules can be had."""
    match mode:
        case "open":
            return "open"
        case "refusing":
            return "refusing" if keeps and filters else "disabled"
        case "dark":
            return "dark"


def steps(before: How, wanted: How) -> tuple[Step, ...]:
    """In which order, so that the port is never open in between unless it is wanted so."""
    if before == wanted:
        return ()
    if before == "disabled":
        return ("enable",) if wanted == "open" else ("filter", "enable")
    if wanted == "disabled":
        return ("disable",) if before == "open" else ("disable", "filter")
    return ("filter",)


def rule(way: How) -> Shut | None:
    """The rule of the packet filter that a way needs."""
    return way if way in ("refusing", "dark") else None


def mechanism(way: How) -> str:
    """What is done, for the history."""
    match way:
        case "open":
            return "listening in Toxiproxy"
        case "disabled":
            return "disabled in Toxiproxy"
        case "refusing":
            return "packet filter: reject with RST"
        case "dark":
            return "packet filter: drop"
