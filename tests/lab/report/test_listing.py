"""What there is, as tables and as data."""

from __future__ import annotations

import json

from faultlab.lab.checks import ALL
from faultlab.lab.report.lanes import WIDTH
from faultlab.lab.report.listing import (
    checks,
    counted,
    presets,
    scenarios,
    services,
    subjects,
    table,
)
from faultlab.scenarios import catalog


def test_each_check_says_what_it_claims() -> None:
    """The slugs are what `requires` takes."""
    found = checks()
    assert len(found) == len(ALL)
    lines = table(found, ["id", "slug", "claim"])
    assert "C20  backoff             the wait before each retry lies within the declared" in lines


def test_scenarios_tell_their_operations_and_faults() -> None:
    """What a subject must offer can be seen before a run."""
    (down, *_) = scenarios(catalog().values())
    assert down == {
        "name": "down",
        "title": "The backend is completely down",
        "operations": ("write", "read", "read.elsewhere"),
        "faults": ("killed", "stopped", "refused"),
    }


def test_scenarios_tell_why_a_subject_does_not_offer_them() -> None:
    """`no` alone would send the reader to `explain`."""
    found = list(catalog().values())[:2]
    why = "the contract has no breaker"
    offered: dict[str, tuple[str, ...]] = {found[0].name: (), found[1].name: (why,)}
    records = scenarios(found, offered)
    assert [record["offered"] for record in records] == [True, False]
    assert table(records, ["name", "offered", "reasons"]) == (
        "down  yes",
        f"slow  no   {why}",
    )


def test_tables_fit_and_records_are_json() -> None:
    """Both are for reading: one by people, one by programs."""
    for records, columns in (
        (checks(), "id slug claim"),
        (scenarios(catalog().values()), "name title"),
        (subjects({"planted:x": "word " * 40}), "name text"),
    ):
        assert max(map(len, table(records, columns.split()))) <= WIDTH
        assert len(json.loads(json.dumps(records))) == len(records)


SERVICES = services(
    (
        ("core", 8100, ("GET /health", "POST /query"), {"degraded": "d", "another": "a"}),
        ("nis", 8156, ("GET /health",), {"zeros": "z", "another": "a"}),
    ),
    {"measured": "m"},
)


def test_services_are_whole_for_programs_and_counted_for_people() -> None:
    """Forty-two operations are no column."""
    assert SERVICES[1] == {
        "name": "nis",
        "port": 8156,
        "operations": ("GET /health",),
        "presets": {"zeros": "z", "another": "a"},
        "paces": {"measured": "m"},
    }
    assert table(counted(SERVICES), ["name", "port", "operations", "presets"]) == (
        "core  8100  2 operations  degraded, another",
        "nis   8156  1 operation   zeros, another",
    )


def test_each_preset_is_told_once() -> None:
    """With the services that can have it."""
    assert presets(SERVICES) == (
        {"name": "degraded", "services": "core", "text": "d"},
        {"name": "another", "services": "all", "text": "a"},
        {"name": "zeros", "services": "nis", "text": "z"},
    )
