"""What a file says of its services is what the subject meets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faultlab.lab import history as h
from faultlab.lab.backends.specification import Builtin, Routed
from faultlab.lab.results import Result
from faultlab.lab.run import Session
from faultlab.scenarios import ScenarioError

pytestmark = [pytest.mark.wire, pytest.mark.slow]

KEYED = """
import itertools
import httpx
from faultlab import op, subject

@subject(services={"orders": {"POST /orders": [201, {"id": 8}]}, "core": "core"}, contract="httpx")
def keyed(urls):
    keys = itertools.count()
    with httpx.Client(base_url=urls["orders"], timeout=2, trust_env=False) as http:
        def write():
            key = {"Idempotency-Key": f"k{next(keys)}"}
            try:
                return http.post("/orders", json={}, headers=key)
            except httpx.TransportError:
                return http.post("/orders", json={}, headers=key)
        yield {
            "write": op("orders POST /orders", write),
            "read": op("core GET /health", httpx.get, urls["core"] + "/health", trust_env=False),
        }
"""
LOST = """scenario: The answer to a write is lost
{services}fault:
  - inject: lost_answer
    service: orders
    first: 1
  - write: ok
  - read: ok
"""


@pytest.fixture
def keyed(ground: Any) -> Any:
    """The ground, with a subject that sends each write's key again."""
    Path(ground.folder / "keyed_lab.py").write_text(KEYED)
    ground.subject = lambda _: f"{ground.folder / 'keyed_lab.py'}:keyed"
    return ground


def effects(result: Result) -> int:
    """How often the backend carried a write out while the fault was in force."""
    assert result.armed is not None
    assert result.error is None
    events = [event for event in result.armed if event.phase == "fault"]
    return sum(isinstance(event, h.EffectApplied) for event in events)


@pytest.mark.parametrize(
    ("services", "carried_out"),
    [("", 2), ("services:\n  orders: {honours_idempotency_key: true}\n", 1)],
)
def test_a_key_counts_where_the_file_says_so(keyed: Any, services: str, carried_out: int) -> None:
    """One client, one fault: whether the write happens twice is the server's word."""
    assert effects(keyed.play("keyed", LOST.format(services=services))) == carried_out


def test_a_preset_and_a_pace_serve_the_story(keyed: Any) -> None:
    """The stub takes its time in both runs; the contract's promises are judged as ever."""
    services = "services:\n  core: {preset: degraded, pace: loaded}\n"
    result = keyed.play("keyed", LOST.format(services=services))
    for run in (result.armed, result.baseline):
        asked = [it for it in run if isinstance(it, h.RequestReceived) and it.service == "core"]
        sent = [it for it in run if isinstance(it, h.ResponseSent) and it.service == "core"]
        assert len(asked) == len(sent) > 0
        assert all(b.t - a.t >= 0.53 for a, b in zip(asked, sent, strict=True))


def test_what_a_file_says_is_said_of_the_subject_s_own(keyed: Any) -> None:
    """What it doesn't mention stays; another stub may take the place."""
    with keyed.session("keyed") as session:
        assert isinstance(session, Session)
        text = LOST.format(
            services="services:\n  orders: {honours_idempotency_key: true}\n  core: {stub: nis}\n"
        )
        served = session.served(keyed.plan(session, text))
    assert served == {
        "orders": Routed('{"POST /orders": [201, {"id": 8}]}', honours_idempotency_key=True),
        "core": Builtin("nis"),
    }


def test_wrong_words_are_told_with_the_other_mistakes(keyed: Any) -> None:
    """File and line, before anything is started."""
    services = "services:\n  core: {preset: sabbath}\n  orders: {pace: measured}\n  ordres: {pace: loaded}\n"
    text = LOST.format(services=services).replace("service: orders", "service: stock")
    with keyed.session("keyed") as session, pytest.raises(ScenarioError) as refused:
        keyed.plan(session, text)
    told = [(it.line, it.key, it.text.partition(";")[0]) for it in refused.value.problems]
    assert told == [
        (3, "services.core", "core has no preset 'sabbath'"),
        (4, "services.orders", "pace: is not for `routes`"),
        (5, "services.ordres", f"{session.subject} has no service `ordres`"),
        (7, "fault[1].service", "the subject has no service `stock`"),
    ]


def test_what_an_environment_can_not_do_is_told_before_anything_is_started(keyed: Any) -> None:
    """Where it stands, and where it can be done."""
    text = LOST.format(services="").replace("lost_answer", "partition\n    between: proxy")
    text = text.replace("    first: 1\n", "")
    with keyed.session("keyed") as session, pytest.raises(ScenarioError) as refused:
        keyed.plan(session, text)
    (problem,) = refused.value.problems
    assert (problem.line, problem.key) == (3, "inject")
    assert problem.text.startswith("`partition` between orders and proxy can't be done in embedded")
