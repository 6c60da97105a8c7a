"""A whole reading: a slow, obvious client, and the same client with one thing wrong."""

from __future__ import annotations

import heapq
from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from faultlab.lab.attempts import Attempt, Incarnation, Operation, Reading, Told
from faultlab.lab.contract import builtin, error_keys
from faultlab.lab.history import Header, Raised
from faultlab.lab.oracle import (
    AttemptBegan,
    AttemptEnded,
    Ended,
    Invoked,
    begin,
    demands,
    fold,
    next_demand,
)
from faultlab.lab.tune import FAST, tuned

MAXIMUS = tuned(builtin("maximus"), FAST)
CONNECT = {"connect_refused", "connect_timeout"}
ERRORS = {
    "connection": ("MaximusConnectionError", "MaximusError"),
    "timeout": ("MaximusTimeoutError", "MaximusConnectionError", "MaximusError"),
    "open": ("MaximusCircuitOpenError", "MaximusConnectionError", "MaximusError"),
    "status": ("MaximusAPIError", "MaximusError"),
    "response": ("MaximusResponseError", "MaximusError"),
}
FATES = (
    "ok",
    "connect_refused",
    "connect_timeout",
    "read_timeout_headers",
    "eof_before_response",
    "reset_mid_body",
    "bad_json",
    "status:404",
    "status:429",
    "status:500",
    "status:503",
)


def raised(observable: str) -> tuple[Raised, ...]:
    """The error that the model client raises for what its last attempt met."""
    if observable.startswith("status"):
        kind = "status"
    elif observable == "bad_json":
        kind = "response"
    elif observable.startswith("read_timeout") or observable == "pool_exhausted":
        kind = "timeout"
    else:
        kind = "open" if observable == "open" else "connection"
    return (Raised(classes=tuple(f"maximus.errors.{name}" for name in ERRORS[kind])),)


def test_fold_and_next_tell_the_same_story_step_by_step() -> None:
    """The driver is a loop over these two."""
    state = begin()
    state = fold(MAXIMUS, state, Invoked(0.0, 1, "core", "GET /health", True, False, 0, "yes"))
    assert next_demand(MAXIMUS, state, 1, 0.001).start == "must"
    state = fold(MAXIMUS, state, AttemptBegan(0.001, 1, 1))
    assert next_demand(MAXIMUS, state, 1, 0.002).start == "must_not"
    ended = AttemptEnded(0.01, 1, 1, "connect_refused", low=0.01, high=0.01)
    state = fold(MAXIMUS, state, ended)
    demand = next_demand(MAXIMUS, state, 1, 0.02)
    assert (demand.start, demand.ends_as) == ("must", {"connect_refused"})
    assert demand.earliest == pytest.approx(0.035)
    assert demand.latest == pytest.approx(0.06)
    state = fold(MAXIMUS, state, Ended(0.02, 1, "failed", frozenset(("connect_refused",))))
    with pytest.raises(KeyError):
        next_demand(MAXIMUS, state, 1, 0.03)


Wait = Generator[float, None, None]


@dataclass
class Circuit:
    """A breaker as one would explain it: five in a row, one second, one probe."""

    failures: int = 0
    opened: float | None = None
    probing: bool = False
    epoch: int = 0

    def refuses(self, now: float) -> bool:
        """Whether it lets nobody through now."""
        if self.opened is None:
            return False
        return self.probing or now < self.opened + FAST.reset_timeout

    def admit(self) -> tuple[int, bool]:
        """Let one through; whether it is a probe."""
        self.probing = self.opened is not None
        if self.probing:
            self.epoch += 1
        return self.epoch, self.probing

    def settle(self, permit: tuple[int, bool], vote: str, now: float) -> None:
        """Take a result."""
        epoch, probe = permit
        if epoch != self.epoch:
            return
        self.probing = False
        if vote == "counts":
            self.failures += 1
            if probe or self.failures == 5:
                self.failures, self.opened, self.epoch = 0, now, self.epoch + 1
        elif vote == "success":
            self.failures = 0
            if probe:
                self.opened, self.epoch = None, self.epoch + 1


@dataclass
class Client:
    """Follows the contract in virtual time; `wrong` names the one thing that it does not."""

    chance: Random
    fates: list[str]
    wrong: str = ""
    queues: list[float] = field(default_factory=list)
    now: float = 0.0
    operations: dict[int, Operation] = field(default_factory=dict)
    circuits: dict[tuple[str, str], Circuit] = field(default_factory=dict)

    def run(self, starts: list[tuple[float, str, bool]]) -> Reading:
        """Begin an operation at each of these times, on that endpoint, idempotent or not."""
        order = count()
        queue: list[tuple[float, int, Wait]] = []
        for ident, (at, endpoint, idempotent) in enumerate(starts, 1):
            heapq.heappush(queue, (at, next(order), self.operate(ident, endpoint, idempotent)))
        while queue:
            self.now, _, task = heapq.heappop(queue)
            for pause in task:
                heapq.heappush(queue, (self.now + pause, next(order), task))
                break
        return Reading(
            header=Header(),
            operations=tuple(self.operations[ident] for ident in sorted(self.operations)),
            strays=(),
            faults=(),
            connections=(),
            incarnations=(Incarnation(0.0, None),),
            missing=(),
            end=self.now,
        )

    def blink(self) -> float:
        """The time that the client itself needs."""
        return self.chance.uniform(0.00001, 0.0004)

    def operate(self, ident: int, endpoint: str, idempotent: bool) -> Wait:
        """One operation from end to end; yields pauses in seconds."""
        operation = Operation(
            id=ident,
            name="read",
            service="core",
            endpoint=endpoint,
            idempotent=idempotent,
            keyed=False,
            phase="fault",
            invoked=self.now,
            ended=None,
            ending="unknown",
        )
        yield self.blink()
        pair = [
            self.circuits.setdefault(key, Circuit()) for key in (("core", ""), ("core", endpoint))
        ]
        refused = any(circuit.refuses(self.now) for circuit in pair)
        if refused and self.wrong != "attempt while open":
            yield self.blink()
            self.operations[ident] = replace(
                operation, ended=self.now, ending="failed", errors=raised("open")
            )
            return
        permits = [(-1, False)] * 2 if refused else [circuit.admit() for circuit in pair]
        limit = 1 if any(probe for _, probe in permits) else 3
        attempts: list[Attempt] = []
        yield (queued := self.queues.pop(0) if self.queues else 0.0)
        while True:
            yield self.blink()
            if queued >= FAST.pool:
                fate = "pool_exhausted"
                break
            fate, begun = self.fate(), self.now
            takes = {"connect_timeout": 0.3, "read_timeout_headers": 0.7, "connect_refused": 0.0}
            yield takes.get(fate, self.chance.choice((0.001, 0.1, 0.5)))
            attempts.append(
                Attempt(
                    op=ident,
                    number=len(attempts) + 1,
                    service="core",
                    method="",
                    target="",
                    begun=begun,
                    sent=None if fate in CONNECT else begun,
                    seen=self.now,
                    observable=fate,
                    gave_up="timeout" in fate,
                )
            )
            if not self.again(fate, idempotent, len(attempts), limit):
                break
            most = 0.05 * 2 ** (len(attempts) - 1)
            yield self.chance.uniform(most / 2, most) - (
                most / 2 + 0.002 if self.wrong == "early start" else 0.0
            )
        yield self.blink()
        for circuit, permit, vote in zip(pair, permits, votes(fate), strict=True):
            circuit.settle(permit, vote, self.now)
        yield self.blink()
        self.operations[ident] = replace(
            operation,
            ended=self.now,
            ending="ok" if fate == "ok" else "failed",
            errors=() if fate == "ok" else raised(fate),
            attempts=tuple(attempts),
        )

    def fate(self) -> str:
        """What the next attempt meets."""
        return self.fates.pop(0) if self.fates else "ok"

    def again(self, fate: str, idempotent: bool, number: int, limit: int) -> bool:
        """Whether it tries again."""
        retried = fate in CONNECT or (idempotent and fate not in ("ok", "bad_json", "status:404"))
        if self.wrong == "one more":
            limit += 1
        if self.wrong == "one less":
            limit = max(1, limit - 1)
        return retried and number < limit


def votes(fate: str) -> tuple[str, str]:
    """What the last attempt's fate means to the service's circuit and to the endpoint's."""
    if fate == "pool_exhausted":
        return "neutral", "neutral"
    if fate in CONNECT:
        return "counts", "neutral"
    if fate in ("ok", "status:404", "status:429"):
        return "success", "success"
    return "success", "counts"


ENDPOINTS = ("GET /a", "GET /b", "POST /c")

STARTS = st.lists(
    st.tuples(
        st.sampled_from((0.0, 0.0, 0.0001, 0.05, 0.4, 1.1)),
        st.sampled_from(ENDPOINTS),
    ),
    min_size=1,
    max_size=30,
)
CROWDS = st.lists(
    st.tuples(st.sampled_from((0.0, 0.05, 0.4)), st.just("GET /a")), min_size=12, max_size=24
)

SICK = st.lists(
    st.sampled_from((*FATES, *["status:503"] * 8, *["connect_refused"] * 8)), max_size=80
)


# How long operations wait for a connection of the pool, before their first attempt.
QUEUES = st.lists(st.sampled_from((0.0, 0.0, 0.6, FAST.pool)), min_size=24, max_size=24)


def played(
    wrong: str,
    gaps: list[tuple[float, str]],
    fates: list[str],
    seed: int,
    queues: list[float] | None = None,
) -> Reading:
    """What a client does when operations begin these many seconds after one another."""
    at, starts = 0.0, []
    for gap, endpoint in gaps:
        at += gap
        starts.append((at, endpoint, not endpoint.startswith("POST")))
    return Client(Random(seed), list(fates), wrong, list(queues or ())).run(starts)


def objections(reading: Reading) -> list[str]:
    """Everything in which a reading differs from what was demanded."""
    found = demands(MAXIMUS, reading)
    said = []
    for operation in reading.operations:
        demand = found.of(operation.id)
        made = len(operation.attempts)
        ends = error_keys(MAXIMUS, operation.errors)
        if not demand.admission.explained or (not made and ends.isdisjoint(demand.ends_as)):
            said.append(f"{operation.id}: {demand.admission.demand.start} start")
        elif made and demand.admission.demand.start != "must_not":
            if made < demand.least:
                said.append(f"{operation.id}: one less")
            if demand.most is not None and made > demand.most:
                said.append(f"{operation.id}: one more")
        said += [f"{operation.id}: wait" for b in demand.boundaries if b.in_time == "no"]
    return said


@pytest.mark.parametrize(
    ("told", "next_told"),
    [(Told(begun=0.01, ended=0.02, error="httpx.ReadError"), Told(begun=0.05)), (Told(), Told())],
)
def test_a_wait_after_a_stale_connection_begins_when_the_client_knew_not_when_its_request_came(
    told: Told, next_told: Told
) -> None:
    """The lab was kept waiting between sending RST and reading the request behind it."""
    stale = Attempt(
        1, 1, "core", "GET", "/health", 0.04, 0.04, "stale_reset", sent=0.04, conn=1, told=told
    )
    again = Attempt(
        1, 2, "core", "GET", "/health", 0.055, 0.06, "ok", sent=0.055, conn=2, told=next_told
    )
    operation = Operation(
        1,
        "read",
        "core",
        "GET /health",
        True,
        False,
        "fault",
        0.0,
        0.07,
        "ok",
        (),
        attempts=(stale, again),
    )
    lives = (Incarnation(0.0, None, tagged=True),)
    reading = Reading(Header(scenario="x"), (operation,), (), (), (), lives, (), 1.0)
    (boundary, *_) = demands(MAXIMUS, reading).of(1).boundaries
    assert boundary.in_time == "yes"


@settings(max_examples=300)
@given(STARTS, SICK, st.integers(0, 2**16))
def test_the_oracle_never_objects_to_a_client_that_keeps_its_contract(
    gaps: list[tuple[float, str]], fates: list[str], seed: int
) -> None:
    """A false alarm would make every red verdict a question."""
    assert objections(played("", gaps, fates, seed)) == []


@settings(max_examples=100)
@given(CROWDS, st.integers(0, 2**16), QUEUES)
def test_who_waits_for_a_connection_while_the_breaker_opens_was_admitted_before(
    gaps: list[tuple[float, str]], seed: int, queues: list[float]
) -> None:
    """Its attempts come late, or its time for the pool runs out; neither breaks a promise."""
    assert objections(played("", gaps, ["status:503"] * 90, seed, queues)) == []


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("one more", "one more"),
        ("one less", "one less"),
        ("early start", "wait"),
        ("attempt while open", "must_not start"),
    ],
)
@settings(max_examples=30)
@given(seed=st.integers(0, 2**16))
def test_a_planted_deviation_is_objected_to(wrong: str, complaint: str, seed: int) -> None:
    """An oracle that accepts everything would pass the test above."""
    gaps = [(0.6, "GET /a")] * 8
    said = objections(played(wrong, gaps, ["status:503"] * 40, seed))
    assert complaint in {text.partition(": ")[2] for text in said}
