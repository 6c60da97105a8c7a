"""A story is played as its plan says: step by step, phase by phase, and twice."""

from __future__ import annotations

from typing import Any, Protocol

import pytest

from faultlab.lab import history as h
from faultlab.lab.attempts import read
from faultlab.lab.backends.specification import parse
from faultlab.lab.results import Result, judged
from faultlab.lab.run import Progress, Session
from faultlab.lab.subjects.given import Given

pytestmark = pytest.mark.wire

STORY = """scenario: Every kind of step
fault:
  - inject: status
    code: 503
    first: 1
  - read: status:503
  - read: ok
  - connections: fresh
  - read: ok
  - subject: new
  - wait: 200ms
  - inject: refused
  - read: connection
    times: 2
"""


class Ground(Protocol):
    """See conftest.py."""

    def play(self, name: str, text: str, **options: Any) -> Result:
        """A story's result."""


@pytest.fixture
def told() -> list[Progress]:
    """What was said of the story's progress."""
    return []


@pytest.fixture
def played(ground: Ground, told: list[Progress]) -> Result:
    """The story, played on a client that keeps its contract."""
    return ground.play("orders", STORY, progress=told.append)


def test_a_story_is_played_as_planned(played: Result, told: list[Progress]) -> None:
    """Order of steps, clearing at recovery, connections, the subject's lives, waits, progress."""
    assert played.error is None
    assert played.armed is not None
    assert played.baseline is not None

    assert course(played.armed) == [
        *("opened", "control", "read 1"),
        *("fault", "armed status", "read 2", "read 3", "read 4", "closed", "opened"),
        *("armed refused", "read 5", "read 6", "cleared status", "cleared refused"),
        *("recovery", "read 7", "closed"),
    ]
    assert course(played.baseline) == [
        *("opened", "control", "read 1", "fault", "read 2", "read 3", "read 4", "closed"),
        *("opened", "read 5", "read 6", "recovery", "read 7", "closed"),
    ]

    armed = read(played.armed)
    met = {o.id: [a.observable for a in o.attempts] for o in armed.operations}
    assert met == {
        1: ["ok"],
        2: ["status:503"],
        3: ["ok"],
        4: ["ok"],
        5: ["connect_refused"],
        6: ["connect_refused"],
        7: ["ok"],
    }
    conns = {o.id: o.attempts[0].conn for o in armed.operations}
    assert conns[1] == conns[2] == conns[3] != conns[4]  # one warm connection, then a fresh one
    by = {connection.id: connection.by for connection in armed.connections}
    assert by[conns[3]] == "lab"
    lives = {o.id: o.incarnation for o in armed.operations}
    assert lives == {**dict.fromkeys((1, 2, 3, 4), 0), **dict.fromkeys((5, 6, 7), 1)}

    before, after = armed.operations[3:5]
    assert before.ended is not None
    assert after.invoked - before.ended >= 0.2

    assert [said.text for said in told if said.text.startswith("fault")][:3] == [
        *("fault: read x 1", "fault: read x 1", "fault: read x 1")
    ]
    assert told[-1].text == "recovery: read x 1"
    assert (told[0].text, told[0].done) == ("baseline, opening", 0)
    assert [said.done for said in told] == sorted(said.done for said in told)
    assert {said.total for said in told} == {14}
    assert judged(played).verdict == "pass"


def course(history: h.History) -> list[str]:
    """What the conductor did, in the order in which it happened."""
    found = []
    for event in history:
        match event:
            case h.SubjectOpened():
                found.append("opened")
            case h.SubjectClosed():
                found.append("closed")
            case h.PhaseEntered():
                found.append(event.phase)
            case h.FaultArmed():
                found.append(f"armed {event.name}")
            case h.FaultCleared():
                found.append(f"cleared {event.name}")
            case h.OpInvoked():
                found.append(f"{event.name} {event.op}")
    return found


ENDED = """scenario: The process of somebody else's server
fault:
  - inject: killed
  - read: connection
  - clear: all
  - inject: refused
  - read: connection
"""


def test_a_server_of_the_user_s_is_never_killed(ground: Any) -> None:
    """The step is not offered, with the server's address; what else the story tells is played."""
    served = {"orders": parse("http://127.0.0.1:9")}
    session = Session(
        ground.subject("orders"),
        environment="embedded",
        tune=None,
        seed=7,
        out=ground.out,
        given=Given(services=served),
    )
    with session:
        found = ground.plan(session, ENDED)
    assert [fault.kind for fault in found.faults().values()] == ["refused"]
    assert found.skipped[0].text == "inject: killed"
    assert found.skipped[0].reason.endswith("did not start orders's server, http://127.0.0.1:9")


FOR_OPEN = """scenario: What comes when the breaker is open
fault:
  - inject: status
    code: 503
  - inject: stall
    after: open
    endpoint: read
  - read: [status:503, open]
    times: 3
recovery:
  - read: ok
"""


def test_what_waits_for_an_open_breaker_is_looked_for_behind_each_operation(ground: Ground) -> None:
    """In the middle of a step, as soon as the contract has it open, and not before."""
    result = ground.play("breaking", FOR_OPEN)
    assert result.armed is not None
    assert course(result.armed)[3:] == [
        *("fault", "armed status", "read 2", "read 3", "armed stall", "read 4"),
        *("cleared status", "cleared stall", "recovery", "read 5", "closed"),
    ]
