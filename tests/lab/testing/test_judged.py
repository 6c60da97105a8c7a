"""A verdict that says why."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from faultlab.lab.attempts import read
from faultlab.lab.checks import Finding
from faultlab.lab.contract import builtin
from faultlab.lab.history import OpInvoked, OpOk, ResponseComplete, ResponseHead
from faultlab.lab.testing.judged import Verdict, judged

if TYPE_CHECKING:
    from .conftest import Paper

BACKOFF = Finding("C20", "backoff", "unknown", missing="its jitter", to_know="more operations")
AFTER = Finding("C24", "retry-after", "fail", promised="waits 1 s", seen="0.042 s", more=2)


def test_a_verdict_is_its_word() -> None:
    """In comparisons, sets, texts and between processes."""
    verdict = Verdict("fail", findings=[AFTER], told=["FAIL"])
    assert verdict == "fail"
    assert (f"{verdict}", verdict in {"fail"}) == ("fail", True)
    copy = pickle.loads(pickle.dumps(verdict))
    assert (copy, copy.findings, copy.told) == (verdict, (AFTER,), ("FAIL",))


def test_a_verdict_explains_itself_by_the_worst_finding() -> None:
    """All are named; what speaks most against it is told."""
    assert Verdict("fail", findings=[BACKOFF, AFTER]).explain("==", "pass") == [
        "fail: C24 retry-after, C20 backoff != 'pass'",
        "promised   waits 1 s",
        "seen       0.042 s; 2 more like it",
    ]
    assert Verdict("unknown", findings=[BACKOFF]).explain("==", "pass") == [
        "unknown: C20 backoff != 'pass'",
        "missing    its jitter",
        "to know    more operations",
    ]
    assert Verdict("pass").explain("!=", "pass") == ["pass == 'pass'"]


def call(paper: Paper, *, answered: bool = True) -> None:
    """One marked operation that ends ok, and its request."""
    paper.add(OpInvoked, op=1, name="get", idempotent=None)
    paper.request("orders", op=1)
    if answered:
        on: dict[str, Any] = {"service": "orders", "conn": paper.recorded[-1].conn, "request": 1}
        paper.add(ResponseHead, status=200, **on)
        paper.add(ResponseComplete, **on)
    paper.add(OpOk, op=1)


def test_a_pass_needs_an_operation(paper: Paper) -> None:
    """An empty history keeps every promise."""
    verdict = judged(read(paper.events()), None)
    assert verdict == "unknown"
    assert verdict.told[:4] == (
        "  UNKNOWN C91 workload-ran",
        "    missing    no operation was marked, so nothing that the client did can be",
        "               judged",
        '    to know    mark each of its calls: with lab.operation("name"): ...',
    )


def test_a_pass_needs_a_fault_that_acted(paper: Paper) -> None:
    """What works without one shows nothing."""
    call(paper)
    verdict = judged(read(paper.events()), None)
    assert (verdict, verdict.findings[0].check) == ("unknown", "C90")
    assert verdict.findings[0].missing == "no fault acted in this test"


def test_what_is_broken_comes_first(paper: Paper) -> None:
    """It ended ok without an answer: a failure, whatever proof is missing beside it."""
    call(paper, answered=False)
    verdict = judged(read(paper.events()), builtin("httpx"))
    assert verdict == "fail"
    assert verdict.told[0] == "  FAIL C63 no-swallow"
    assert (
        verdict.told[2] == "    seen       the last attempt of `get` met pending, and it ended ok"
    )


def test_what_nobody_marked_beside_operations_is_to_be_marked(paper: Paper) -> None:
    """The advice is for who writes the test, not for who writes an adapter."""
    call(paper)
    paper.request("orders")
    found = {one.check: one for one in judged(read(paper.events()), None).findings}
    assert found["C97"].missing == "1 attempts belong to no operation"
    assert found["C97"].to_know.startswith("mark each of its calls: with lab.operation(")
