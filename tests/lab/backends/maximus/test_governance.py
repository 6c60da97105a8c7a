"""Core's decisions and sessions against a plain model of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from faultlab.lab.backends.maximus import EPOCH, maximus_routes
from faultlab.lab.backends.maximus.governance import SESSION_SECONDS
from faultlab.lab.backends.routes import Request, Routes

PREFIX = "/api/v1/governance"
LEVELS = ("low", "medium", "high", "critical")

operators = st.sampled_from(["ann", "bob"])
decisions = st.sampled_from(["dec-1", "dec-2", "dec-3", "mine", "yours", "nobody's"])
sessions = st.integers(0, 4)


def asked(routes: Routes, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and value of an answer."""
    sent = b"" if body is None else json.dumps(body).encode()
    reply = routes.answer(Request(method, f"{PREFIX}{path}", body=sent))
    return reply.status, json.loads(reply.body)


class Model(RuleBasedStateMachine):
    """What waits, who is logged in until when, and what each of them decided."""

    def __init__(self) -> None:
        super().__init__()
        self.now = EPOCH
        self.routes = maximus_routes("core", lambda: self.now)
        self.waiting = {"dec-1": "high", "dec-2": "low", "dec-3": "medium"}
        self.logged_in: list[tuple[str, str, float]] = []
        self.decided: list[tuple[str, str]] = []

    @rule(operator=operators)
    def log_in(self, operator: str) -> None:
        """A session more."""
        body = {"operator_id": operator, "operator_name": operator}
        status, value = asked(self.routes, "POST", "/session/create", body)
        assert (status, value["operator_id"]) == (200, operator)
        assert value["session_id"] not in [name for name, _, _ in self.logged_in]
        self.logged_in.append((value["session_id"], operator, self.now + SESSION_SECONDS))

    @rule(decision=decisions, level=st.sampled_from([*LEVELS, "bogus"]))
    def enqueue(self, decision: str, level: str) -> None:
        """A decision more, or the same anew."""
        body = {"decision_id": decision, "risk_level": level}
        status, _ = asked(self.routes, "POST", "/test/enqueue", body)
        assert status == (500 if level == "bogus" else 200)
        if level != "bogus":
            self.waiting[decision] = level

    @rule(
        decision=decisions,
        number=sessions,
        verb=st.sampled_from(["approve", "reject", "escalate"]),
    )
    def decide(self, decision: str, number: int, verb: str) -> None:
        """The session is looked at first; an escalation leaves all as it was."""
        known = number < len(self.logged_in)
        name, operator, until = self.logged_in[number] if known else ("none", "", 0.0)
        body = {"session_id": name, "reason": "r", "escalation_reason": "e"}
        status, value = asked(self.routes, "POST", f"/decision/{decision}/{verb}", body)
        if until <= self.now:
            assert (status, value) == (404, {"detail": f"Invalid or expired session: {name}"})
        elif decision not in self.waiting:
            assert (status, value) == (404, {"detail": f"Decision {decision} not found"})
        elif verb == "escalate":
            assert status == 500
        else:
            assert (status, value["executed"]) == (200, False)
            del self.waiting[decision]
            self.decided.append((operator, verb))

    @rule(hours=st.integers(1, 5))
    def wait(self, hours: int) -> None:
        """Time passes."""
        self.now += hours * 3600.0

    @invariant()
    def the_queue_is_counted(self) -> None:
        """By level, and in all."""
        status, value = asked(self.routes, "GET", "/pending")
        levels = list(self.waiting.values())
        assert (status, value["total_pending"]) == (200, len(levels))
        assert value["by_risk_level"] == {level: levels.count(level) for level in LEVELS}

    @rule(operator=operators)
    def look_back(self, operator: str) -> None:
        """What an operator did is counted for that operator."""
        _, value = asked(self.routes, "GET", f"/session/{operator}/stats")
        mine = [verb for who, verb in self.decided if who == operator]
        assert value["total_sessions"] == sum(who == operator for _, who, _ in self.logged_in)
        assert value["total_decisions_reviewed"] == len(mine)
        assert value["total_approved"] == mine.count("approve")
        assert value["approval_rate"] == (mine.count("approve") / len(mine) if mine else 0.0)

    @rule(decision=decisions)
    def look_at(self, decision: str) -> None:
        """What waits can't be shown, and what doesn't is unknown."""
        status, _ = asked(self.routes, "GET", f"/decision/{decision}")
        assert status == (500 if decision in self.waiting else 404)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=20)


@pytest.mark.parametrize(
    "given", [{"decision_id": 7}, {"context": []}, {"context": {"action_params": 3}}, {}]
)
def test_any_object_is_enqueued(given: dict[str, Any]) -> None:
    """The service takes whatever it is given; the stub makes a whole decision of it."""
    routes = maximus_routes("core")
    status, value = asked(routes, "POST", "/test/enqueue", given)
    assert (status, value["risk_level"]) == (200, "medium")
    assert asked(routes, "GET", "/pending")[1]["total_pending"] == 4
