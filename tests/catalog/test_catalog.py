"""The six stories on the reference client, on real sockets: what the wire must show of each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from faultlab.lab.attempts import Operation, Reading, canonical, read
from faultlab.lab.checks import ALL
from faultlab.lab.expect import required
from faultlab.lab.history import EffectApplied, FaultCleared, RequestReceived
from faultlab.lab.oracle import demands
from faultlab.lab.plan import Plan
from faultlab.lab.results import Result
from faultlab.scenarios import CATALOG

pytestmark = [pytest.mark.story, pytest.mark.wire, pytest.mark.timeout(300)]

AGAIN = "5xx"  # played twice, side by side with itself

REFUSED = "connect_refused"
DARK = "connect_timeout"
SILENT = "read_timeout_headers"

# What the operations of the fault phase ended with, their attempts, and their effects.
Row = tuple[str, str, tuple[str, ...], int]
FAULT: dict[str, list[Row]] = {
    "down": [
        ("write", "MaximusConnectionError", (REFUSED,) * 3, 0),
        ("read", "ok", ("ok",), 0),
        ("read", "MaximusConnectionError", (REFUSED,) * 3, 0),
        ("write", "ok", ("ok",), 1),
        ("write", "MaximusConnectionError", ("reset_before_response",), 1),
        ("write", "MaximusConnectionError", (REFUSED,) * 3, 0),
        *[("read", "MaximusConnectionError", (REFUSED,) * 3, 0)] * 5,
        ("read", "MaximusCircuitOpenError", (), 0),
        ("read.elsewhere", "ok", ("ok",), 0),
    ],
    "slow": [
        ("read", "ok", ("ok",), 0),
        ("write", "ok", ("ok",), 1),
        ("write", "MaximusTimeoutError", (SILENT,), 1),
        ("read", "MaximusTimeoutError", (SILENT,) * 3, 0),
        ("write", "MaximusTimeoutError", ("read_timeout_body",), 1),
        ("read.other", "MaximusConnectionError", (DARK,) * 3, 0),
        ("read", "ok", ("ok",), 0),
        *[("write", "MaximusDeadlineError", ("slow_drip",), 1)] * 10,  # its connections
        *[("write", "MaximusTimeoutError", (), 0)] * 2,
        ("write", "MaximusTimeoutError", (SILENT,), 1),  # when the process goes on
        ("read", "ok", ("ok",), 0),
    ],
    "5xx": [
        ("read", "MaximusAPIError", ("status:500", "status:502", "status:504"), 0),
        ("read", "ok", ("status:503", "status:503", "ok"), 0),
        ("read", "MaximusAPIError", ("status:503", "status:503"), 0),
        *[("read", "ok", ("status:503", "ok"), 0)] * 2,
        ("read", "MaximusAPIError", ("status:503",), 0),
        *[("read", "ok", ("status:502", "status:502", "ok"), 0)] * 20,
        ("write", "MaximusAPIError", ("status:503",), 0),
        *[("read", "MaximusAPIError", ("status:503",) * 3, 0)] * 2,
        *[("read", "MaximusAPIError", ("status:404",), 0)] * 6,
    ],
    "partition": [
        *[("write", "MaximusTimeoutError", (SILENT,), 1), ("read", "ok", ("ok",), 0)] * 3,
        ("read", "ok", ("ok",), 0),
        *[("read", "MaximusConnectionError", (DARK,) * 3, 0)] * 5,
        ("read", "MaximusCircuitOpenError", (), 0),
    ],
    "partial": [
        ("write", "MaximusConnectionError", ("eof_before_response",), 1),
        ("read.other", "MaximusConnectionError", ("truncated_length",) * 3, 0),
        ("read.other", "MaximusConnectionError", ("reset_mid_body",) * 3, 0),
        ("read.other", "MaximusResponseError", ("bad_json",), 0),
        ("write", "ok", ("ok",), 1),
        ("read.other", "ok", ("stale_reset", "ok"), 0),
        ("write", "MaximusConnectionError", ("stale_reset",), 0),
        ("read.other", "MaximusResponseError", ("wrong_content_type",), 0),
        *[("read.other", "ok", ("ok",), 0)] * 2,
        *[("read", "MaximusAPIError", ("status:503",) * 3, 0)] * 5,
        ("read", "MaximusCircuitOpenError", (), 0),
        ("read.other", "ok", ("ok",), 0),
    ],
    "breaker": [
        ("write", "ok", ("ok",), 1),  # the late one of ten at once
        *[("write", "MaximusAPIError", ("status:503",), 0)] * 9,
        ("write", "MaximusCircuitOpenError", (), 0),
        *[("read", "cancelled", ("cancelled",), 0)] * 5,
        *[("read", "MaximusAPIError", ("status:503",) * 3, 0)] * 5,
        *[("read", "MaximusCircuitOpenError", (), 0)] * 3,
        ("read", "cancelled", ("cancelled",), 0),  # a probe
        ("read", "MaximusTimeoutError", (SILENT,), 0),  # the next, of ten at once
        *[("read", "MaximusCircuitOpenError", (), 0)] * 9,
        ("read", "MaximusCircuitOpenError", (), 0),
    ],
}

# The breakers that open in a story: key, what became of the probes, how many were rejected.
OPENED: dict[str, list[tuple[str, list[str], int]]] = {
    "down": [("service core", ["ok"], 1)],
    "partition": [("service core", ["ok"], 1)],
    "partial": [("endpoint core GET /health", ["ok"], 1)],
    "slow": [("endpoint core POST /query", [], 0)],  # until the subject is opened anew
    "breaker": [
        ("endpoint core POST /query", [], 1),  # until the subject is opened anew
        ("endpoint core GET /health", ["neutral", "failed", "ok"], 13),
    ],
}

stories = pytest.mark.parametrize("story", CATALOG)


@pytest.fixture(scope="module")
def played(on_maximus: Mapping[str, Result]) -> Mapping[str, Result]:
    """All of them, and one a second time, as `again`."""
    return on_maximus


def reading(result: Result) -> Reading:
    """What happened in the armed run."""
    assert result.armed is not None
    return read(result.armed)


def row(operation: Operation) -> Row:
    """One operation as the tables above write it."""
    ended = operation.ending
    if operation.errors:
        ended = operation.errors[0].classes[0].rpartition(".")[2]
    met = tuple(attempt.observable for attempt in operation.attempts)
    assert operation.effects is not None
    return operation.name, ended, met, operation.effects


@stories
def test_a_story_passes_with_its_baseline(played: Mapping[str, Result], story: str) -> None:
    """Nothing speaks against it, and every check that it needs had something to judge."""
    result = played[story]
    assert result.error is None
    assert result.judgement is not None
    assert result.judgement.shown == ()
    assert (result.verdict, result.judgement.unmet) == ("pass", ())
    outcomes = {finding.check: finding.outcome for finding in result.judgement.findings}
    needed = {*required(result.plan, result.contract), "C90", "C91", "C92", "C97"}
    assert {check: outcomes[check] for check in needed} == dict.fromkeys(needed, "pass")
    before = {finding.outcome for finding in result.judgement.baseline}
    assert before <= {"pass", "not_exercised"}


@stories
def test_the_wire_shows_what_the_story_tells(played: Mapping[str, Result], story: str) -> None:
    """Error classes, exactly three attempts where three are promised, and effects."""
    operations = reading(played[story]).operations
    fault = [row(operation) for operation in operations if operation.phase == "fault"]
    if story == "breaker":  # any of the ten at once may be the late one, or the probe
        fault[:10] = sorted(fault[:10], reverse=True)
        fault[25:35] = sorted(fault[25:35], reverse=True)
    assert fault == FAULT[story]


@stories
def test_it_works_before_and_after(played: Mapping[str, Result], story: str) -> None:
    """One attempt for each operation without a fault, in both runs; a write has one effect."""
    result = played[story]
    assert result.baseline is not None
    operations = [
        *read(result.baseline).operations,
        *(one for one in reading(result).operations if one.phase != "fault"),
    ]
    assert {row(one) for one in operations} == {
        (one.name, "ok", ("ok",), int(one.name == "write")) for one in operations
    }


@stories
def test_a_breaker_lives_as_promised(played: Mapping[str, Result], story: str) -> None:
    """It opens after its threshold, probes, and is closed at the end; the others never open."""
    result = played[story]
    found = demands(result.contract, reading(result))
    lives = [
        (str(one.key), [became for _, became in one.probes], len(one.rejected))
        for one in found.episodes
    ]
    assert lives == OPENED.get(story, [])
    assert {modes for _, modes in found.at_end} == {frozenset(("closed",))}
    for one in found.episodes:
        assert one.certain
        if one.key.endpoint == "POST /query":
            continue  # opened by ten at once, and gone with its subject
        assert one.closed is not None
        failed = [
            operation.id
            for operation in reading(result).operations
            if operation.incarnation == one.key.life
            and (operation.name, operation.ending) == ("read", "failed")
            and operation.attempts
        ]
        assert failed[4] == one.by  # the fifth, and no earlier


def test_a_late_request_is_an_effect_and_no_attempt(played: Mapping[str, Result]) -> None:
    """Held or unplugged, it is carried out after the heal, when its client has long gone."""
    history = played["partition"].armed
    assert history is not None
    effects = [event.op for event in history if isinstance(event, EffectApplied)]
    for late, before in ((effects[1], 1), (effects[3], 3)):
        order = [
            type(event)
            for event in history
            if isinstance(event, FaultCleared)
            or (event.op == late and isinstance(event, RequestReceived | EffectApplied))
        ]
        assert order[before : before + 2] == [RequestReceived, EffectApplied]


def test_a_copy_s_effect_is_the_fault_s(played: Mapping[str, Result]) -> None:
    """Applied twice, and the client made one attempt: it must not be blamed."""
    faults = reading(played["partial"]).faults
    assert [(fault.kind, fault.effects) for fault in faults if fault.effects] == [("duplicate", 1)]


def test_the_catalog_exercises_every_check(played: Mapping[str, Result]) -> None:
    """A check that no story reaches is shown by golden files only."""
    judgements = [result.judgement for result in played.values()]
    exercised = {check for one in judgements if one is not None for check in one.exercised}
    assert exercised == {info.id for info in ALL}


def test_the_same_plan_gives_the_same_digest(played: Mapping[str, Result]) -> None:
    """Times and ports differ, what happened does not."""
    one, other = (canonical(reading(played[name])) for name in (AGAIN, "again"))
    assert one == other


PLANNING = """
import sys
from pathlib import Path
from faultlab.lab.checks import ALL
from faultlab.lab.run import Session
from faultlab.scenarios import catalog

out = Path(sys.argv[1])
slugs, promises = {i.slug: i.id for i in ALL}, {i.id: i.promise for i in ALL}
with Session("maximus", environment="embedded", tune=None, seed=7, out=out) as session:
    for scenario in catalog().values():
        print(session.plan(scenario, slugs, promises).model_dump_json())
"""


@pytest.mark.parametrize("hash_seed", ["1", "4711"])
def test_the_same_seed_gives_the_same_plan(
    tmp_path: Path, plans: dict[str, Plan], hash_seed: str
) -> None:
    """Every byte of it, in another process and under another hash seed."""
    run = subprocess.run(
        [sys.executable, "-c", PLANNING, str(tmp_path)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines() == [plan.model_dump_json() for plan in plans.values()]
