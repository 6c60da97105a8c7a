"""Which means does what to a port of Toxiproxy's: to its connects, and to bytes to clients. Pure."""

from __future__ import annotations

from typing import Literal

from ..net import Mode, Slowing
from .control import Toxic
from .filter import Shut

__all__ = ["How", "Step", "how", "mechanism", "rule", "steps", "toxic"]

How = Literal["open", "disabled", "refusing", "dark"]
"""A port is open, or shut: by Toxiproxy itself, or by a rule of the packet filter."""

AHEAD = 2
"""Milliseconds by which the history is ahead of the wire: an event comes before its bytes."""

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


def toxic(name: str, slowing: Slowing) -> Toxic | None:
    """The toxic that slows bytes to clients so; None: there is none that does the same.

    Toxiproxy counts in whole milliseconds and in 1000 bytes a second. It has no toxic for the rest:
    what it draws is drawn by no seed of ours; what slows bytes to the backend would hide from the
    gate when they were sent; its `slicer` cuts unevenly, and lets the first piece through at once; its
    `timeout` drops what a stall holds; its `limit_data` knows no request.
    """
    if slowing.rate:
        rate, rest = divmod(slowing.rate, 1000)
        return None if rest else Toxic(name, "bandwidth", "downstream", {"rate": rate})
    milliseconds = round(slowing.delay * 1000)
    if abs(slowing.delay * 1000 - milliseconds) > 1e-6 or not milliseconds:
        return None
    return Toxic(name, "latency", "downstream", {"latency": milliseconds + AHEAD, "jitter": 0})
