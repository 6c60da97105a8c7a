"""What the tests of the command line share: a story, and how it was played."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faultlab.lab.contract import builtin
from faultlab.lab.history import (
    AnyEvent,
    ConnOpened,
    FaultArmed,
    FaultFired,
    Header,
    OpInvoked,
    OpOk,
    RequestStarted,
    ResponseComplete,
    ResponseHead,
    RunEnded,
    numbered,
)
from faultlab.lab.plan import Offer, Plan, plan
from faultlab.lab.results import Result, save
from faultlab.lab.tune import FAST, tuned
from faultlab.scenarios import parse

CONTRACT = tuned(builtin("maximus"), FAST)
READ = Offer(name="read", service="core", method="GET", path="/health", idempotent=True)
STORY = """\
scenario: It answers with a status
control:
  - read: ok
fault:
  - inject: status
    code: 404
  - read: status:404
recovery:
  - read: ok
"""


def story(name: str = "rejected") -> Plan:
    """A plan of three reads."""
    made = plan(
        parse(STORY.encode(), f"{name}.yaml"),
        CONTRACT,
        [READ],
        seed=7,
        environment="embedded",
        tune="fast",
        subject="maximus",
        slugs={},
    )
    assert isinstance(made, Plan)
    return made


def played(*, faults: bool = True, retry: bool = False) -> Iterator[AnyEvent]:
    """Three reads; the second meets a 404 when there are faults, which is sent again if `retry`."""
    yield ConnOpened(t=0.01, conn=1, service="core", port=5001)
    number = 0
    for op, phase in ((1, "control"), (2, "fault"), (3, "recovery")):
        yield OpInvoked(
            t=float(op),
            op=op,
            name="read",
            service="core",
            endpoint="GET /health",
            idempotent=True,
            phase=phase,
        )
        hit = faults and op == 2
        if hit:
            yield FaultArmed(t=op - 0.1, service="core", fault=1, name="status", phase=phase)
        for again in range(2 if hit and retry else 1):
            number += 1
            t = op + 0.01 + 0.05 * again
            wire: dict[str, Any] = {"service": "core", "conn": 1, "request": number, "op": op}
            yield RequestStarted(
                t=t, method="GET", target="/health", reused=number > 1, phase=phase, **wire
            )
            if hit:
                yield FaultFired(t=t, fault=1, **wire)
            yield ResponseHead(t=t + 0.01, status=404 if hit else 200, **wire)
            yield ResponseComplete(t=t + 0.01, **wire)
        yield OpOk(t=op + 0.1, op=op, type="Health")
    yield RunEnded(t=4.0)


def result(folder: Path, name: str = "rejected", *, retry: bool = False) -> Result:
    """That story as it was played, kept in its folder."""
    made = Result(
        name=name,
        plan=story(name),
        contract=CONTRACT,
        armed=numbered(Header(scenario=name), list(played(retry=retry))),
        baseline=numbered(Header(scenario=name, run="baseline"), list(played(faults=False))),
        judgement=None,
        seconds=0.3,
        error=None,
        folder=folder / name,
    )
    save(made)
    assert made.armed is not None
    assert made.baseline is not None
    made.armed.save(made.folder / "armed.jsonl")
    made.baseline.save(made.folder / "baseline.jsonl")
    return made


@pytest.fixture(scope="session")
def story_plan() -> Callable[..., Plan]:
    """A plan of three reads, by name."""
    return story


@pytest.fixture(scope="session")
def story_played() -> Callable[..., Result]:
    """Its result in a folder."""
    return result
