"""Twice the history is twice the work, whatever it is full of: counted in lines that ran."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from faultlab.lab import history as h
from faultlab.lab.contract import Contract, parse
from faultlab.lab.verdict import judge

Drawn = Any  # the writer of histories in conftest.py

CONTRACT = parse(
    {
        "attempts": {"max": 3},
        "retry_on": {"faults": {"connect": "always"}, "statuses": ["m5xx"], "methods": "any"},
        "backoff": {"base": 0.05, "jitter": "full"},
        "timeouts": {"connect": 0.3, "read": 1.0, "pool": 0.3},
        "deadline": {"total": 5.0},
        "errors": {"connect": "Down", "m5xx": "Down", "open": "Open"},
        "breaker": {
            "scope": "service",
            "counts": ["m5xx"],
            "success": ["m2xx"],
            "fail_max": 2,
            "reset_timeout": 1.0,
            "late_results": "ignore",
            "open_raises": "Open",
        },
    },
    "drawn",
)
UNJOINED = CONTRACT.model_copy(update={"breaker": ()})
READ = "GET /a"


def work(contract: Contract, history: h.History) -> int:
    """How many lines of Python it takes to judge a history."""
    lines = 0

    def count(_: FrameType, event: str, __: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        judge(contract, history)
    finally:
        sys.settrace(before)
    return lines


def calm(drawn: Drawn, count: int) -> h.History:
    """One success after the other."""
    one = drawn.Op(0.01, False, "core", READ, False, (drawn.Try("ok"),), "ok", "")
    return drawn.written([one] * count)


def strays(drawn: Drawn, count: int) -> h.History:
    """Two at once, so that nobody knows whose the requests are; all of them fail."""
    tries = (drawn.Try("status:503", 0.02),)
    pair = [
        drawn.Op(0.1, False, "core", READ, False, tries, "failed", "x.Down"),
        drawn.Op(0.002, True, "core", READ, False, tries, "failed", "x.Down"),
    ]
    return drawn.written(pair * (count // 2), tagged=False)


def faults(drawn: Drawn, count: int) -> h.History:
    """A fault for each operation, which fails by it, on a client whose connects nobody sees."""
    tries = (drawn.Try("connect_refused"),)
    one = drawn.Op(0.1, False, "core", READ, False, tries, "failed", "x.Down")
    written = drawn.written([one] * count)
    seen = [each for each in written if not isinstance(each, h.ConnectAttempted)]
    hidden = h.ConnectsHidden(t=0.0, why="this is uvloop")
    return h.numbered(written.header, [seen[0], hidden, *seen[1:]])


def rejected(drawn: Drawn, count: int) -> h.History:
    """A breaker that opens, rejects, and is probed, again and again."""
    bad = (drawn.Try("status:503", gap=0.02),) * 3
    failing = drawn.Op(0.01, False, "core", READ, False, bad, "failed", "x.Down")
    turned = drawn.Op(0.01, False, "core", READ, False, (), "failed", "x.Open")
    probe = drawn.Op(1.1, False, "core", READ, False, (drawn.Try("ok"),), "ok", "")
    return drawn.written([failing, failing, turned, turned, turned, probe] * (count // 6))


@pytest.mark.parametrize(
    ("full_of", "contract"),
    [(calm, CONTRACT), (strays, UNJOINED), (faults, UNJOINED), (rejected, CONTRACT)],
)
def test_a_longer_history_takes_as_much_more(
    drawn: Drawn, full_of: Callable[[Drawn, int], h.History], contract: Contract
) -> None:
    """Else the history of a night could not be judged the morning after."""
    one, two, four = (work(contract, full_of(drawn, 12 * times)) for times in (1, 2, 4))
    assert (four - two) / (two - one) < 2.05
