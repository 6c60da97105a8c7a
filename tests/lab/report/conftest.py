"""A story as it is told: six operations on core, one of them under a 503."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from faultlab.faults import Status
from faultlab.lab.checks import ALL, Finding
from faultlab.lab.contract import builtin
from faultlab.lab.errors import LabError
from faultlab.lab.history import (
    AnyEvent,
    ConnOpened,
    FaultArmed,
    FaultFired,
    Header,
    History,
    OpFailed,
    OpInvoked,
    OpOk,
    OpUnknown,
    Raised,
    RequestStarted,
    ResponseComplete,
    ResponseHead,
    numbered,
)
from faultlab.lab.plan import Enter, Inject, Operate, Plan, Skipped
from faultlab.lab.results import Result
from faultlab.lab.tune import FAST, tuned
from faultlab.lab.verdict import Judgement, worst

MakePlan = Callable[..., Plan]
MakeResult = Callable[..., Result]

READ = {"name": "read", "service": "core", "method": "GET", "path": "/health", "idempotent": True}
WRITE = {
    "name": "write",
    "service": "core",
    "method": "POST",
    "path": "/query",
    "idempotent": False,
}


@pytest.fixture
def plan() -> MakePlan:
    """Makes a plan: a read in control, a read and a write under a 503, a read in recovery."""

    def make(name: str = "5xx", **changes: object) -> Plan:
        fault = Status(service="core", code=503, headers=(("Retry-After", "1"),), first=2)
        steps = (
            Enter(phase="control", implied=True),
            Operate(ids=(1,), expect=("ok",), phase="control", **READ),
            Enter(phase="fault"),
            Inject(id=1, fault=fault, line=6),
            Operate(
                ids=(2,),
                expect=("contract",),
                phase="fault",
                line=10,
                faults=(1,),
                requires=("C24",),
                **READ,
            ),
            Operate(ids=(3,), expect=("status:503",), phase="fault", line=14, faults=(1,), **WRITE),
            Enter(phase="recovery", implied=True),
            Operate(ids=(4,), expect=("ok",), phase="recovery", **READ),
        )
        made = Plan(
            scenario=name,
            file=f"{name}.yaml",
            title="The backend answers with 5xx",
            subject="maximus",
            contract="maximus",
            environment="embedded",
            tune="fast",
            seed=7,
            services=("core",),
            steps=steps,
            limit=30.0,
        )
        return made.model_copy(update=changes)

    return make


def events() -> tuple[AnyEvent, ...]:
    """Operation 2 meets a 503 that asks for a second, and tries again at once."""
    core = {"service": "core", "conn": 1, "op": 2}
    return (
        ConnOpened(t=0.01, conn=1, service="core", port=5001),
        FaultArmed(t=0.12, service="core", fault=1, name="status", text="code: 503, first: 2"),
        OpInvoked(t=0.131, op=2, name="read", service="core", phase="fault", idempotent=True),
        RequestStarted(t=0.132, request=1, method="GET", target="/health", **core),
        FaultFired(t=0.1325, fault=1, request=1, **core),
        ResponseHead(t=0.133, request=1, status=503, source="gate", retry_after="1", **core),
        ResponseComplete(t=0.133, request=1, **core),
        RequestStarted(t=0.175, request=2, method="GET", target="/health", reused=True, **core),
        ResponseHead(t=0.176, request=2, status=200, **core),
        ResponseComplete(t=0.176, request=2, length=212, **core),
        OpOk(t=0.177, op=2),
    )


@pytest.fixture
def result(plan: MakePlan) -> MakeResult:
    """Makes a result from findings."""

    def make(
        *findings: Finding,
        name: str = "5xx",
        seconds: float = 0.3,
        error: LabError | None = None,
        unmet: Sequence[str] = (),
        unpromised: Sequence[str] = (),
        idle: Sequence[str] = (),
        skipped: Sequence[Skipped] = (),
        recorded: Sequence[AnyEvent] | None = None,
        **changes: object,
    ) -> Result:
        baseline = Finding("C92", "baseline-passes", "pass")
        if not any(finding.check == "C92" for finding in findings):
            findings = (*findings, baseline)
        outcomes = {"not_exercised": "pass", "not_promised": "pass"}
        verdicts = [outcomes.get(one.outcome, one.outcome) for one in findings]
        judgement = Judgement(
            verdict=worst([*verdicts, *(["unknown"] if unmet else [])]),
            findings=findings,
            exercised=tuple(one.id for one in ALL if one.id not in (*unmet, *unpromised, *idle)),
            not_exercised=(*unmet, *idle),
            not_promised=tuple(unpromised),
            unmet=tuple(unmet),
        )
        header = Header(scenario=name)
        armed: History | None = numbered(header, events() if recorded is None else recorded)
        return Result(
            name=name,
            plan=plan(name, skipped=tuple(skipped), **changes),
            contract=tuned(builtin("maximus"), FAST),
            armed=None if error is not None else armed,
            baseline=None,
            judgement=None if error is not None else judgement,
            seconds=seconds,
            error=error,
            folder=Path(".faultlab/runs/20261123-104951") / name,
        )

    return make


@pytest.fixture
def retry_after() -> Finding:
    """The finding of a client that ignores Retry-After."""
    return Finding(
        "C24",
        "retry-after",
        "fail",
        promised="the next attempt waits max(Retry-After, backoff)",
        seen="a 503 asked for 1 s; the next attempt began 0.042 s later",
        field="retry_after.beats_backoff: max",
        operation=2,
        events=(4, 6, 7, 8),
        marks=((8, "0.042 s, not 1"),),
    )


@pytest.fixture
def refusal() -> tuple[AnyEvent, ...]:
    """A control operation that a foreign server answers with 404."""
    core = {"service": "orders", "conn": 1, "op": 1}
    return (
        ConnOpened(t=0.01, conn=1, service="orders", port=5001),
        OpInvoked(t=0.02, op=1, name="read", service="orders", phase="control"),
        RequestStarted(t=0.021, request=1, method="GET", target="/v2/orders/7", **core),
        ResponseHead(t=0.022, request=1, status=404, **core),
        ResponseComplete(t=0.022, request=1, **core),
        OpFailed(t=0.023, op=1, errors=(Raised(classes=("shop.NotFound",), message="no order 7"),)),
    )


@pytest.fixture
def broken(refusal: tuple[AnyEvent, ...]) -> History:
    """A baseline in which a read is answered with 404, and a write is still running at the end."""
    write = OpInvoked(t=0.03, op=2, name="write", service="orders", phase="control")
    return numbered(Header(run="baseline"), (*refusal, write, OpUnknown(t=0.04, op=2)))
