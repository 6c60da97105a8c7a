"""The oracle beside a slow and obvious model of it, over random contracts and sequential operations.

The model knows one operation at a time and counts: attempts left, failures in a row, the instant
at which a breaker opened. It is written from the design's table of promises and shares no code with
the oracle but the table of keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultlab.lab.attempts import Operation, Reading, read
from faultlab.lab.contract import Contract, groups_of, parse
from faultlab.lab.oracle import demands

Drawn = Any  # the strategies in conftest.py

TOUCHY = 0.08  # seconds around a bound in which the model says nothing


@dataclass
class Circuit:
    """One breaker of one service or endpoint, as pybreaker's user would draw it on paper."""

    failures: int = 0
    opened: float | None = None

    def lets_through(self, now: float, reset: float) -> str:
        """yes, probe, no, or `?` about the instant at which the reset time is over."""
        if self.opened is None:
            return "yes"
        if abs(now - self.opened - reset) < TOUCHY:
            return "?"
        return "probe" if now >= self.opened + reset else "no"

    def take(self, vote: str, now: float, fail_max: int, *, probe: bool) -> None:
        """Count one result."""
        if vote == "neutral":
            return
        if vote == "success":
            self.failures, self.opened = 0, None
            return
        self.failures += 1
        if probe or self.failures >= fail_max:
            self.failures, self.opened = 0, now


def has(keys: Any, met: str) -> bool:
    """Whether a list or mapping of contract keys speaks of what an attempt met."""
    return any(key in keys for key in (met, *groups_of(met)))


def rule_for(contract: Contract, met: str) -> str:
    """The retry rule for what an attempt met."""
    if met.startswith("status:"):
        assert contract.retry_on.statuses is not None
        return str(contract.retry_on.methods) if has(contract.retry_on.statuses, met) else "never"
    faults = contract.retry_on.faults or {}
    for key in (met, *groups_of(met)):
        if key in faults:
            return faults[key]
    return "?"


def retried(contract: Contract, operation: Operation, met: str) -> str:
    """yes, no or ?: whether the contract tries again after this."""
    if met == "ok":
        return "no"
    rule = rule_for(contract, met)
    if rule == "?":
        return "?"
    if rule in ("always", "any"):
        return "yes"
    safe = operation.idempotent or (rule == "idempotent_or_key" and operation.keyed)
    return "yes" if rule != "never" and safe else "no"


def window(contract: Contract, retry: int) -> tuple[float, float]:
    """The promised wait before retry number `retry`."""
    backoff = contract.backoff
    assert backoff is not None
    longest = backoff.base
    for _ in range(retry - 1):
        longest *= backoff.factor
    if backoff.max is not None:
        longest = min(longest, backoff.max)
    return (longest / 2 if backoff.jitter == "equal" else longest), longest


@dataclass
class Model:
    """Goes through a reading's operations one after the other."""

    contract: Contract
    circuits: dict[tuple[str, ...], Circuit] = field(default_factory=dict)

    def asked(self, operation: Operation) -> list[tuple[Any, Circuit]]:
        """The breakers that an operation asks, each with its rules."""
        found = []
        for number, rules in enumerate(self.contract.breaker or ()):
            names = (operation.service, operation.endpoint if rules.scope == "endpoint" else "")
            found.append((rules, self.circuits.setdefault((str(number), *names), Circuit())))
        return found

    def admission(self, operation: Operation) -> str:
        """yes, probe, no or ?."""
        now = operation.invoked
        answers = {
            one.lets_through(now, rules.reset_timeout) for rules, one in self.asked(operation)
        }
        return next((each for each in ("no", "?", "probe") if each in answers), "yes")

    def done(self, operation: Operation) -> None:
        """Count the result of an operation that was let through."""
        met = operation.attempts[-1].observable
        key = "status:200" if met == "ok" else met
        now = operation.ended
        assert now is not None
        for rules, one in self.asked(operation):
            vote = next(
                each
                for each, keys in (
                    ("counts", rules.counts),
                    ("success", rules.success),
                    ("neutral", rules.neutral),
                )
                if has(keys, key)
            )
            probe = one.lets_through(operation.invoked, rules.reset_timeout) == "probe"
            one.take(vote, now, rules.fail_max, probe=probe)


FATES = (
    *("ok", "status:404", "status:429", "status:503", "eof_before_response"),
    *("read_timeout_headers", "bad_json", "connect_refused"),
)
ANSWERED = ["reset", "eof", "read_timeout", "body", "unusable"]


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """Contracts of the reference client's form, which leave nothing open."""
    rule = st.sampled_from(("always", "idempotent", "idempotent_or_key", "never"))
    breakers = [
        {
            "scope": scope,
            "counts": counts,
            "success": success,
            "neutral": neutral,
            "fail_max": draw(st.integers(1, 3)),
            "reset_timeout": draw(st.sampled_from((0.3, 1.0))),
            "half_open": {"probes": 1, "attempts": 1, "success_threshold": 1},
            "late_results": "ignore",
        }
        for scope, counts, success, neutral in (
            ("service", ["connect"], [*ANSWERED, "status"], ["cancelled"]),
            ("endpoint", [*ANSWERED, "m5xx"], ["m2xx", "m4xx"], ["connect", "cancelled"]),
        )
    ]
    keys = ("connect", "reset", "eof", "read_timeout", "body", "unusable")
    return parse(
        {
            "attempts": {"max": draw(st.integers(1, 4))},
            "retry_on": {
                "faults": {key: draw(rule) for key in keys if draw(st.booleans())},
                "statuses": draw(st.sampled_from(([], ["status:503"], ["m5xx", "status:429"]))),
                "methods": draw(st.sampled_from(("any", "idempotent", "idempotent_or_key"))),
            },
            "backoff": {
                "base": draw(st.sampled_from((0.05, 0.2))),
                "factor": draw(st.sampled_from((1, 2, 3))),
                "max": draw(st.sampled_from((None, 0.3))),
                "jitter": draw(st.sampled_from(("none", "equal"))),
            },
            "breaker": draw(st.sampled_from(([], breakers[:1], breakers[1:], breakers))),
            "errors": {"open": "Open", "status": "Down"},
        },
        "drawn",
    )


def played(drawn: Drawn, data: st.DataObject, contract: Contract) -> tuple[Reading, list[str]]:
    """Operations one after the other, and what the model said of each admission.

    Whom the breakers let through makes attempts as chance has it; the others are rejected.
    """
    fates = st.builds(
        drawn.Try,
        fate=st.sampled_from(FATES),
        takes=st.just(0.01),
        gap=st.sampled_from((0.02, 0.15)),
    )
    one = st.builds(
        drawn.Op,
        after=st.sampled_from((0.01, 0.01, 0.01, 0.5, 1.5)),
        overlaps=st.just(False),
        service=st.sampled_from(("core", "core", "nis")),
        endpoint=st.sampled_from(("GET /a", "GET /a", "POST /b")),
        keyed=st.booleans(),
        tries=st.lists(fates, min_size=1, max_size=3).map(tuple),
        ending=st.just("failed"),
        error=st.just("x.Down"),
    )
    model = Model(contract)
    made: list[Any] = []
    said: list[str] = []
    for wanted in data.draw(st.lists(one, min_size=3, max_size=10)):
        operation = read(drawn.written([*made, wanted])).operations[-1]
        says = model.admission(operation)
        if says == "?":
            continue
        said.append(says)
        if says == "no":
            made.append(replace(wanted, tries=(), error="x.Open"))
        else:
            made.append(wanted)
            model.done(operation)
    return read(drawn.written(made)), said


@given(st.data())
@settings(max_examples=60)
def test_the_oracle_demands_what_the_model_does(drawn: Drawn, data: st.DataObject) -> None:
    """Two ways to the same answer, one of them plain enough to be read."""
    contract = data.draw(contracts())
    reading, said = played(drawn, data, contract)
    found = demands(contract, reading)
    for operation, says in zip(reading.operations, said, strict=True):
        demand = found.of(operation.id)
        assert demand.admission.demand.start == ("must_not" if says == "no" else "must")
        assert demand.admission.explained
        assert demand.admission.probe == ("yes" if says == "probe" else "no")
        if says == "no":
            assert (demand.least, demand.most, demand.ends_as) == (0, 0, {"open"})
            continue
        most = 1 if says == "probe" else contract.attempts.max
        assert most is not None
        for boundary, attempt in zip(demand.boundaries, operation.attempts, strict=True):
            again = retried(contract, operation, attempt.observable)
            over = again == "no" or boundary.after >= most
            start = "must_not" if over else {"yes": "must", "?": "may"}[again]
            assert boundary.demand.start == start
            assert boundary.wait == pytest.approx(window(contract, boundary.after))
        assert demand.ends_as == {operation.attempts[-1].observable}
