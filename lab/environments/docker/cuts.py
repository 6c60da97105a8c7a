"""Packet filters that cut a backend off from a peer, as commands of `nft` in its own namespace.

Pure. One table for each peer, so that cuts come and go without one another; whatever else is filtered
there is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from ...backends.container import Way

__all__ = ["counters", "cut", "dropped", "join"]

_CHAINS: dict[Way, tuple[str, str, str]] = {
    "to_backend": ("arriving", "input", "saddr"),
    "to_client": ("leaving", "output", "daddr"),
}


def cut(peer: str, addresses: Iterable[str], ways: Sequence[Way]) -> tuple[str, ...]:
    """Lose what comes from these addresses, or goes to them; in the place of an earlier cut."""
    table = _table(peer)
    ends = ", ".join(addresses)
    chains = "".join(
        f" chain {name} {{ type filter hook {hook} priority -300; policy accept;"
        f" ip {end} {{ {ends} }} counter drop; }};"
        for name, hook, end in (_CHAINS[way] for way in ways)
        if ends
    )
    return ("nft", f"add table {table}; delete table {table}; table {table} {{{chains} }}")


def join(peer: str) -> tuple[str, ...]:
    """Lose nothing more between the two."""
    return ("nft", f"delete table {_table(peer)}")


def counters(peer: str) -> tuple[str, ...]:
    """Have it told what was lost."""
    return ("nft", "-j", f"list table {_table(peer)}")


def dropped(told: str) -> int:
    """How many packets were lost, from what `counters` prints."""
    rules = (one["rule"] for one in json.loads(told)["nftables"] if "rule" in one)
    parts = (part for rule in rules for part in rule["expr"])
    return sum(part["counter"]["packets"] for part in parts if "counter" in part)


def _table(peer: str) -> str:
    """Its family and name; a service may be called what no table can be."""
    return f"ip faultlab_cut_{peer.encode().hex()}"
