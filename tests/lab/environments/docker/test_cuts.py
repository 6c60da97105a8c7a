"""Packet filters between backends, as text; real ones are under tests/docker."""

from __future__ import annotations

import json

from faultlab.lab.environments.docker.cuts import counters, cut, dropped, join

TABLE = "ip faultlab_cut_" + b"nis".hex()


def test_both_ways_are_lost_to_every_address_of_a_peer() -> None:
    """In one step, and in the place of what was lost before."""
    program, told = cut("nis", ["10.0.0.5", "10.0.0.6"], ("to_client", "to_backend"))
    assert program == "nft"
    assert told == (
        f"add table {TABLE}; delete table {TABLE}; table {TABLE} {{"
        " chain leaving { type filter hook output priority -300; policy accept;"
        " ip daddr { 10.0.0.5, 10.0.0.6 } counter drop; };"
        " chain arriving { type filter hook input priority -300; policy accept;"
        " ip saddr { 10.0.0.5, 10.0.0.6 } counter drop; }; }"
    )


def test_one_way_leaves_the_other() -> None:
    """What the backend sends, or what is sent to it."""
    assert "hook input" not in cut("nis", ["10.0.0.5"], ("to_client",))[1]
    assert "hook output" not in cut("nis", ["10.0.0.5"], ("to_backend",))[1]


def test_what_was_lost_is_counted_before_it_is_lost_no_more() -> None:
    """A fault that hit nothing has proved nothing."""
    assert counters("nis") == ("nft", "-j", f"list table {TABLE}")
    rules = [
        {"rule": {"expr": [{"match": {}}, {"counter": {"packets": n, "bytes": 9}}, {"drop": None}]}}
        for n in (3, 4)
    ]
    assert dropped(json.dumps({"nftables": [{"metainfo": {}}, {"table": {}}, *rules]})) == 7
    assert join("nis") == ("nft", f"delete table {TABLE}")


def test_a_service_may_have_any_name() -> None:
    """It becomes part of a command."""
    assert cut("a; flush ruleset", [], ())[1].count(";") == 2
