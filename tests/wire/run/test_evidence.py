"""What a Python subject hides from the lab makes a verdict unknown; what it leaves makes it fail."""

from __future__ import annotations

from typing import Any

import pytest

from faultlab.lab.results import judged
from faultlab.lab.verdict import Judgement

pytestmark = [pytest.mark.wire, pytest.mark.slow]

SUBJECTS = """
import queue, sys, threading
import httpx
from faultlab import op, subject
from orders_lab import ORDERS, client

if sys.argv[-1].endswith("on_uvloop"):
    import uvloop
    uvloop.install()

CONTRACT = {
    "attempts": {"max": 1},
    "errors": {"connection": httpx.TransportError, "status": httpx.HTTPStatusError},
}

@subject(services=ORDERS, contract=CONTRACT)
async def on_uvloop(urls):
    async with httpx.AsyncClient(base_url=urls["orders"], timeout=2, trust_env=False) as http:
        async def read():
            (await http.get("/orders/7")).raise_for_status()
        yield {"read": op("GET /orders/{id}", read)}

@subject(services=ORDERS, contract=CONTRACT)
def by_a_worker(urls):
    work = queue.SimpleQueue()
    def run():
        while (answer := work.get()) is not None:
            answer.put(http.get("/orders/7"))
    def read():
        answer = queue.SimpleQueue()
        work.put(answer)
        answer.get().raise_for_status()
    with client(urls) as http:
        worker = threading.Thread(target=run)
        worker.start()
        yield {"read": op("GET /orders/{id}", read)}
        work.put(None)
        worker.join()

KEPT = []

@subject(services=ORDERS, contract=CONTRACT)
def leaks(urls):
    http = client(urls)
    KEPT.append(http)
    yield {"read": op("GET /orders/{id}", lambda: http.get("/orders/7").raise_for_status())}
"""

REFUSED = "scenario: Nobody listens\nfault:\n  - inject: refused\n  - read: connection\n"
ONE, SEVERAL = (
    "scenario: It answers 503\nfault:\n  - inject: status\n    code: 503\n  - read: status:503\n"
    f"    times: 4\n    concurrency: {number}\n"
    for number in (1, 4)
)


@pytest.fixture
def judgement(ground: Any) -> Any:
    """Plays a story on a subject of this file, and judges it."""
    (ground.folder / "evidence_lab.py").write_text(SUBJECTS)

    def played(name: str, story: str) -> Judgement:
        ground.subject = lambda named: f"{ground.folder / 'evidence_lab.py'}:{named}"
        result = judged(ground.play(name, story))
        assert result.error is None
        assert result.judgement is not None
        found: Judgement = result.judgement
        return found

    return played


def test_refused_connects_on_uvloop_are_unknown(judgement: Any) -> None:
    """None was seen, and one may have been made: it is no pass, nor a failure."""
    found = judgement("on_uvloop", REFUSED)
    assert found.verdict == "unknown"
    assert any("uvloop" in str(finding.missing) for finding in found.shown)


@pytest.mark.parametrize(("story", "verdict"), [(ONE, "pass"), (SEVERAL, "unknown")])
def test_what_a_worker_sends_is_judged_where_one_is_in_flight(
    judgement: Any, story: str, verdict: str
) -> None:
    """With four in flight nobody knows whose each was."""
    assert judgement("by_a_worker", story).verdict == verdict


def test_a_connection_that_is_left_open_is_a_failure(judgement: Any) -> None:
    """The death of the process closes it, which must not hide it."""
    found = judgement("leaks", ONE)
    assert found.verdict == "fail"
    assert "C70" in {finding.check for finding in found.shown}
