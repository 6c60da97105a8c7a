"""A plan in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from faultlab.faults import (
    AnyFault,
    BadBody,
    Capacity,
    Cut,
    Duplicate,
    Frozen,
    Killed,
    Latency,
    LostAnswer,
    Partition,
    Refused,
    Stale,
    Stall,
    Status,
    Stopped,
)
from faultlab.lab.checks import ALL
from faultlab.lab.contract import builtin
from faultlab.lab.plan import Offer, Operate, Plan, Skipped, plan
from faultlab.lab.report.explain import explained, fault_text
from faultlab.lab.report.lanes import WIDTH
from faultlab.lab.tune import FAST, tuned
from faultlab.scenarios import Incident, Served, catalog

if TYPE_CHECKING:
    from .conftest import MakePlan

MAXIMUS = tuned(builtin("maximus"), FAST)
OFFERS = (
    Offer(name="read", service="core", method="GET", path="/health", idempotent=True),
    Offer(name="read.other", service="core", method="GET", path="/state", idempotent=True),
    Offer(name="read.elsewhere", service="penelope", method="GET", path="/health", idempotent=True),
    Offer(name="write", service="core", method="POST", path="/query", idempotent=False),
)


def story(name: str) -> Plan:
    """A story of the catalog for a subject with every role."""
    made = plan(
        catalog()[name],
        MAXIMUS,
        OFFERS,
        seed=7,
        environment="embedded",
        tune="fast",
        subject="maximus",
        slugs={info.slug: info.id for info in ALL},
    )
    assert isinstance(made, Plan)
    return made


DOWN = """\
down: The backend is completely down
subject maximus   environment embedded   tune fast   seed 7   about X s
contract maximus   cut after X s a play   down.yaml

control    (implied)   no fault
  1-3      write, read, read.elsewhere   ok           1 attempt each
fault
           inject killed on core: its process killed by SIGKILL, back when it is
             over
  4        write                         connection   3 attempts, gaps 25-50 and
                                                      50-100 ms
           clear all
  5        read                          ok           1 attempt
           inject stopped on core: its process stopped by SIGTERM, back after
             0.5 s
  6        read                          contract     3 attempts, then
                                                      connection
           wait 1.5 s
  7        write                         ok           1 attempt
           inject refused on core: no listener, live connections reset, not
             until a request to its service, or endpoint, arrives
  8        write                         connection   1 attempt
           inject refused on core: no listener, live connections closed by FIN
  9        write                         connection   3 attempts
           subject new: breakers closed
  10-14    read                          connection   3 attempts each
  15       read                          open         0 attempts, in 50 ms
  16       read.elsewhere                ok           1 attempt
recovery   (implied)   everything cleared
           wait 1 s: breaker.reset_timeout
  17       write                         ok           1 attempt
  18-19    read                          ok           1 attempt each
  20       read.elsewhere                ok           1 attempt

core          write POST /query, read GET /health
penelope      read.elsewhere GET /health
"""


def test_a_story_is_explained_step_by_step() -> None:
    """The numbers on the left are those of history and witness."""
    lines = list(explained(story("down"), MAXIMUS))
    assert lines[1].startswith(DOWN.splitlines()[1].partition("about")[0])
    lines[1] = lines[1].partition("about")[0] + "about X s"
    lines[2] = re.sub(r"after \d+ s", "after X s", lines[2])
    story_ends = len(DOWN.splitlines())
    assert "\n".join(lines[:story_ends]) + "\n" == DOWN
    assert lines[story_ends].startswith("requires      C02 C20 C40 ")
    assert lines[story_ends + 1 :] == [
        "evidence      refused connects by the audit event, all else at the proxy"
    ]


def test_connects_are_known_by_the_network_where_that_is_simulated() -> None:
    """No audit event tells of them there."""
    simulated = story("down").model_copy(update={"connects": "network"})
    assert [*explained(simulated, MAXIMUS)][-1] == (
        "evidence      refused connects by the simulated network, all else at the proxy"
    )


@pytest.mark.parametrize("name", catalog())
def test_every_story_fits_and_agrees_with_the_contract(name: str) -> None:
    """The catalog was written for this contract; where they differ, one of them is wrong."""
    lines = explained(story(name), MAXIMUS)
    assert max(map(len, lines)) <= WIDTH
    assert not any("the contract ends it" in line for line in lines)


def test_a_file_that_expects_what_the_contract_forbids_is_told(plan: MakePlan) -> None:
    """It would end as unknown; that can be known before a run."""
    lines = explained(plan(), MAXIMUS)
    assert "  3        write                         status:503   1 attempt; the contract" in lines


def test_what_the_file_counts_stands_beside_what_the_contract_counts(plan: MakePlan) -> None:
    """`attempts` in a file overrides nothing that a client promised."""
    made = plan()
    steps = tuple(
        step.model_copy(update={"attempts": 5}) if getattr(step, "ids", ()) == (2,) else step
        for step in made.steps
    )
    text = "\n".join(explained(made.model_copy(update={"steps": steps}), MAXIMUS))
    assert "3 attempts; the file says" in text


def test_concurrency_and_what_a_method_does_not_say_are_shown(plan: MakePlan) -> None:
    """A POST that its subject declares idempotent is retried, and the reader must know why."""
    made = plan()
    steps = tuple(
        step.model_copy(update={"concurrency": 3, "idempotent": False, "keyed": True})
        if isinstance(step, Operate)
        else step
        for step in made.steps
    )
    text = "\n".join(explained(made.model_copy(update={"steps": steps}), MAXIMUS))
    assert "read, 3 at once" in text
    assert "GET /health (not idempotent, with a key)" in text


def test_what_the_file_says_of_the_stubs_is_shown() -> None:
    """A stub that is slow or honours keys makes another story of the same steps."""
    served = (Served("core", 3, preset=("degraded",)), Served("penelope", 4, pace="loaded"))
    told = explained(story("down").model_copy(update={"served": served}), MAXIMUS)
    assert told[1:3] == ("service core: preset degraded", "service penelope: pace loaded")


def test_steps_that_are_not_offered_and_the_incident_are_shown(plan: MakePlan) -> None:
    """Both change what a verdict is worth."""
    step = Skipped(phase="fault", text="read.elsewhere: ok", reason="orders has one service")
    incident = Incident(source="INC-4711", when="2026-10-30", symptom="41 orders twice")
    lines = explained(plan(skipped=(step,), incident=incident), MAXIMUS)
    assert lines[1] == "incident: INC-4711; 2026-10-30; 41 orders twice"
    assert "not offered: read.elsewhere: ok (orders has one service)" in lines


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (
            Refused(service="core"),
            "refused on core: no listener, live connections closed by FIN",
        ),
        (
            Stopped(service="core"),
            "stopped on core: its process stopped by SIGTERM, back when it is over",
        ),
        (
            Killed(service="core", restart=0.5),
            "killed on core: its process killed by SIGKILL, back after 0.5 s",
        ),
        (
            Frozen(service="core"),
            "frozen on core: its process frozen by SIGSTOP: connects taken, then silence",
        ),
        (
            Cut(service="core", at="request_head", by="rst", first=2),
            "cut on core: RST after the request's head, the first 2 requests",
        ),
        (
            Cut(service="core", at="accept", first=2),
            "cut on core: FIN on each connection that is accepted, the first 2 connections",
        ),
        (
            Cut(service="core", at="request_complete"),
            "cut on core: FIN after the whole request",
        ),
        (
            Cut(service="core", at="response_head", by="rst"),
            "cut on core: carried out, then RST at the answer's head",
        ),
        (
            Cut(service="core", at="response_body", bytes=10, endpoint="GET /a"),
            "cut on core GET /a: FIN after 10 bytes of the body",
        ),
        (
            Latency(service="core", delay=0.5, jitter=0.1),
            "latency on core: answers 0.5 s +- 0.1 s late",
        ),
        (Stall(service="core"), "stall on core: silence where the answer should begin"),
        (
            Status(service="core", code=503, headers=(("Retry-After", "1"),)),
            "status on core: 503 to every request, Retry-After: 1",
        ),
        (
            Status(service="core", sequence=(500, 502)),
            "status on core: 500, 502 to one request each, then it works",
        ),
        (
            Partition(service="core"),
            "partition on core: connects unanswered, live connections held",
        ),
        (
            Partition(service="core", live="unplugged", direction="to_backend"),
            "partition on core: connects unanswered, live connections unplugged to_backend",
        ),
        (
            Partition(service="core", live="keep"),
            "partition on core: connects unanswered, live connections kept",
        ),
        (
            Status(service="core", code=503, connections="live", operation=2, attempt=1),
            (
                "status on core: 503, on live connections, of operation 2 that meets it,"
                " attempt 1 of an operation"
            ),
        ),
        (
            Status(service="core", code=503, attempt=(1, 2), every_nth=3, fraction=0.25, first=9),
            (
                "status on core: 503, attempts 1 and 2 of an operation,"
                " one of 3 requests, 0.25 of the requests by chance, the first 9 requests"
            ),
        ),
        (
            Refused(service="core", after=1.9, lasts=5.0),
            (
                "refused on core: no listener, live connections closed by FIN,"
                " not until 1.9s are over, for 5 s"
            ),
        ),
        (
            Stale(service="core"),
            "stale on core: FIN on an idle connection, as the next request begins",
        ),
        (
            Stale(service="core", idle=0.2, at="idle", by="rst"),
            "stale on core: RST on a connection idle for 0.2 s, at once",
        ),
        (
            Capacity(service="core", workers=2),
            "capacity on core: 2 at once, 503 to all others",
        ),
        (
            Capacity(service="core", workers=1, queue=3),
            "capacity on core: 1 at once, 3 more wait, 503 to all others",
        ),
        (Duplicate(service="core"), "duplicate on core: the backend gets each request once more"),
        (
            Duplicate(service="core", copies=3, first=1),
            "duplicate on core: the backend gets each request 3 times more, the first request",
        ),
        (BadBody(service="core"), "bad_body on core: answers with invalid_json"),
        (
            LostAnswer(service="core"),
            "lost_answer on core: carried out, then FIN without an answer",
        ),
    ],
)
def test_each_fault_is_told_in_words(fault: AnyFault, text: str) -> None:
    """What goes wrong, where, and what becomes of live connections."""
    assert fault_text(fault) == text
