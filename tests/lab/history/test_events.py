"""The kinds of events."""

from __future__ import annotations

import gc

from faultlab.lab.history import KINDS, OpOk


def test_every_kind_has_a_name_and_a_vantage_point_of_its_own() -> None:
    """Two kinds under one name would be read as each other."""
    tags = [kind.__struct_config__.tag for kind in KINDS]
    assert len(set(tags)) == len(tags)
    assert {kind.where for kind in KINDS} == {"subject", "wire", "backend", "lab"}


def test_events_cost_the_collector_nothing() -> None:
    """A history has a million of them; looking through them again and again is most of the time."""
    assert not gc.is_tracked(OpOk(t=1.0, op=1, type="dict"))
