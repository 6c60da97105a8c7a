"""The oracle against a slow, obvious client, and against the same client with one thing wrong."""

from __future__ import annotations

import heapq
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultlab.lab.attempts import Attempt, Incarnation, Operation, Reading
from faultlab.lab.contract import Contract, builtin, parse
from faultlab.lab.history import Header, Raised
from faultlab.lab.oracle import (
    AttemptBegan,
    AttemptEnded,
    Demands,
    Ended,
    Invoked,
    Key,
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
    elif observable.startswith("read_timeout"):
        kind = "timeout"
    else:
        kind = "open" if observable == "open" else "connection"
    return (Raised(classes=tuple(f"maximus.errors.{name}" for name in ERRORS[kind])),)


# --- a reading by hand ---------------------------------------------------------------------------


class Story:
    """Writes operations one after another, each with what its attempts meet."""

    def __init__(self) -> None:
        self.now = 0.0
        self.operations: list[Operation] = []
        self.incarnation = 0

    def op(
        self,
        *fates: str,
        endpoint: str = "GET /health",
        service: str = "core",
        idempotent: bool = True,
        keyed: bool = False,
        gaps: tuple[float, ...] = (0.05, 0.1, 0.2, 0.2),
        retry_after: str | None = None,
        ends: str | None = None,
        takes: float = 0.01,
    ) -> int:
        """One operation; without fates it is refused. `gaps` are its waits between attempts."""
        ident = len(self.operations) + 1
        invoked = self.now
        attempts = []
        for number, fate in enumerate(fates, 1):
            begun = self.now + 0.001
            seen = begun + takes
            attempts.append(
                Attempt(
                    op=ident,
                    number=number,
                    service=service,
                    method=endpoint.split()[0],
                    target="/",
                    begun=begun,
                    sent=None if fate in CONNECT else begun,
                    seen=seen,
                    observable=fate,
                    retry_after=retry_after,
                )
            )
            self.now = seen + (gaps[number - 1] - 0.001 if number < len(fates) else 0.0)
        last = ends or (fates[-1] if fates else "open")
        ended = self.now + 0.0005
        self.now = ended + 0.01
        self.operations.append(
            Operation(
                id=ident,
                name="read",
                service=service,
                endpoint=endpoint,
                idempotent=idempotent,
                keyed=keyed,
                phase="fault",
                invoked=invoked,
                ended=ended,
                ending="ok" if last == "ok" else "failed",
                errors=() if last == "ok" else raised(last),
                attempts=tuple(attempts),
                incarnation=self.incarnation,
            )
        )
        return ident

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def renew(self) -> None:
        """Open the subject anew."""
        self.incarnation += 1

    def reading(self) -> Reading:
        """What was written so far."""
        lives = tuple(Incarnation(float(n), None) for n in range(self.incarnation + 1))
        return Reading(
            header=Header(),
            operations=tuple(self.operations),
            strays=(),
            faults=(),
            connections=(),
            incarnations=lives,
            missing=(),
            end=self.now,
        )

    def judge(self, contract: Contract = MAXIMUS) -> Demands:
        """What the oracle demands of it."""
        return demands(contract, self.reading())


def opened(story: Story, fate: str = "status:503") -> Story:
    """Five operations that open a breaker, the minimum of the contract."""
    for _ in range(5):
        story.op(fate, fate, fate)
    return story


# --- attempts ------------------------------------------------------------------------------------


def test_a_lasting_retryable_failure_uses_all_attempts() -> None:
    """Three on the wire is the promise that everything else hangs on."""
    story = Story()
    op = story.op("status:503", "status:503", "status:503")
    demand = story.judge().of(op)
    assert (demand.least, demand.most, demand.limit) == (3, 3, (3, 3))
    assert [b.demand.start for b in demand.boundaries] == ["must", "must", "must_not"]
    assert demand.boundaries[2].persists
    assert demand.why == "attempts.max: 3"
    assert demand.ends_as == {"status:503"}


def test_a_missing_attempt_is_demanded() -> None:
    """An operation that gives up early has broken the count."""
    story = Story()
    op = story.op("status:503", "status:503")
    demand = story.judge().of(op)
    assert (demand.least, demand.most) == (3, 3)
    assert demand.boundaries[1].demand.start == "must"
    assert not demand.boundaries[1].followed


def test_an_attempt_too_many_is_forbidden_by_the_count() -> None:
    """Off by one shows on this side too."""
    story = Story()
    op = story.op(*["status:503"] * 4)
    demand = story.judge().of(op)
    assert (demand.least, demand.most) == (3, 3)
    assert demand.boundaries[2].followed


@pytest.mark.parametrize(
    ("fate", "idempotent", "keyed", "start", "why"),
    [
        ("connect_refused", False, False, "must", "retry_on.faults.connect: always"),
        ("eof_before_response", True, False, "must", "retry_on.faults.eof: idempotent_or_key"),
        ("eof_before_response", False, False, "must_not", "retry_on.faults.eof: idempotent_or_key"),
        ("eof_before_response", False, True, "must", "retry_on.faults.eof: idempotent_or_key"),
        ("status:503", False, False, "must_not", "retry_on.methods: idempotent_or_key"),
        ("status:404", True, False, "must_not", "retry_on.statuses: not 404"),
        ("bad_json", True, False, "must_not", "retry_on.faults.unusable: never"),
        ("ok", True, False, "must_not", "the attempt succeeded"),
        ("unknown", True, False, "may", "what attempt met is unknown"),
    ],
)
def test_what_is_retried(fate: str, idempotent: bool, keyed: bool, start: str, why: str) -> None:
    """Whether to try again depends on what was met, on the method, and on a key."""
    story = Story()
    op = story.op(fate, idempotent=idempotent, keyed=keyed)
    boundary = story.judge().of(op).boundaries[0]
    assert boundary.demand.start == start
    if start != "must":
        assert boundary.demand.why == why


def test_an_unmapped_observable_leaves_it_open_and_names_the_key() -> None:
    """A contract that says nothing is not broken by either."""
    contract = parse({"attempts": {"max": 3}, "retry_on": {"faults": {"connect": "always"}}}, "x")
    story = Story()
    op = story.op("bad_json", "bad_json")
    demand = story.judge(contract).of(op)
    assert demand.boundaries[0].demand.start == "may"
    assert demand.boundaries[0].demand.why == "retry_on.faults: bad_json is not mapped"
    assert (demand.least, demand.most) == (1, 3)


def test_without_a_contract_nothing_is_demanded() -> None:
    """Every field may be left out."""
    story = Story()
    op = story.op("status:503", "status:503")
    demand = story.judge(Contract()).of(op)
    assert demand.admission.demand.start == "may"
    assert {b.demand.start for b in demand.boundaries} == {"may"}
    assert demand.most is None


# --- waits ---------------------------------------------------------------------------------------


def test_waits_are_bounded_by_backoff_and_jitter() -> None:
    """Equal jitter: the second wait lies between 50 and 100 ms under the fast tune."""
    story = Story()
    op = story.op("status:503", "status:503", "status:503", gaps=(0.03, 0.15))
    first, second, _ = story.judge().of(op).boundaries
    assert first.wait == (0.025, 0.05)
    assert first.in_time == "yes"
    assert second.wait == (0.05, 0.1)
    assert second.gap == pytest.approx(0.15)
    assert second.in_time == "no"


def test_an_early_attempt_is_seen() -> None:
    """Lower bounds are hard but for the clock's resolution."""
    story = Story()
    op = story.op("status:503", "status:503", gaps=(0.02,))
    assert story.judge().of(op).boundaries[0].in_time == "no"


@pytest.mark.parametrize(
    ("value", "wait", "start"),
    [
        ("1", (1.0, 1.0), "must"),
        ("0", (0.025, 0.05), "must"),
        ("soon", (0.025, 0.05), "must"),
        ("31", (31.0, None), "must_not"),
        ("30", (30.0, 30.0), "must_not"),  # past the deadline of 4 s
    ],
)
def test_retry_after_moves_the_wait(
    value: str, wait: tuple[float, float | None], start: str
) -> None:
    """The longer of it and the backoff, unless it is over the cap or past the deadline."""
    story = Story()
    op = story.op("status:503", retry_after=value)
    boundary = story.judge().of(op).boundaries[0]
    assert boundary.wait == wait
    assert boundary.demand.start == start


def test_a_wait_past_the_deadline_is_not_begun() -> None:
    """The operation ends with the last attempt's error instead."""
    story = Story()
    op = story.op("read_timeout_headers", takes=3.99)
    boundary = story.judge().of(op).boundaries[0]
    assert boundary.demand.start == "must_not"
    assert boundary.demand.why == "deadline.total: 4.0"
    assert not boundary.persists


# --- breakers ------------------------------------------------------------------------------------


def test_a_breaker_opens_after_its_threshold() -> None:
    """The sixth operation must not reach the wire, the fifth must."""
    story = opened(Story())
    op = story.op()
    found = story.judge()
    assert found.of(5).admission.demand.start == "must"
    admission = found.of(op).admission
    assert admission.demand.start == "must_not"
    assert admission.explained
    assert [str(key) for key in admission.refusers] == ["endpoint core GET /health"]
    assert found.of(op).ends_as == {"open"}
    assert (found.of(op).least, found.of(op).most) == (0, 0)
    (episode,) = found.episodes
    assert (episode.by, episode.rejected, episode.closed) == (5, (op,), None)
    assert dict(found.at_end)[episode.key] == {"open"}


def test_refused_connects_open_the_service_and_leave_the_endpoint() -> None:
    """Nothing was sent, so the endpoint is not to blame."""
    story = opened(Story(), "connect_refused")
    other = story.op(endpoint="GET /other")
    elsewhere = story.op("ok", service="penelope")
    found = story.judge()
    assert [str(key) for key in found.of(other).admission.refusers] == ["service core"]
    assert found.of(elsewhere).admission.demand.start == "must"


def test_one_sick_endpoint_leaves_the_others() -> None:
    """Isolation is per endpoint for what came after the connect."""
    story = opened(Story())
    other = story.op("ok", endpoint="GET /other")
    assert story.judge().of(other).admission.demand.start == "must"


def test_404_never_opens() -> None:
    """The service answered."""
    story = Story()
    for _ in range(6):
        story.op("status:404")
    admission = story.judge().of(6).admission
    assert admission.demand.start == "must"
    assert [standing.failures for standing in admission.standings] == [(0, 0), (0, 0)]


def test_an_attempt_while_open_is_no_longer_explained() -> None:
    """A client without a breaker is found, and found at each operation."""
    story = opened(Story())
    sixth = story.op(*["status:503"] * 3)
    seventh = story.op(*["status:503"] * 3)
    found = story.judge()
    for op in (sixth, seventh):
        assert found.of(op).admission.demand.start == "must_not"
        assert not found.of(op).admission.explained


def test_a_refusal_below_the_threshold_is_a_deviation() -> None:
    """Opening early is a fault of its own."""
    story = Story()
    for _ in range(4):
        story.op(*["status:503"] * 3)
    op = story.op()
    admission = story.judge().of(op).admission
    assert admission.demand.start == "must"
    assert not admission.explained
    assert admission.standings[1].failures == (4, 4)


def test_one_deviation_is_reported_once() -> None:
    """After an early opening the oracle follows the client until both agree again."""
    story = Story()
    for _ in range(4):
        story.op(*["status:503"] * 3)
    story.op()
    again = story.op()
    assert story.judge().of(again).admission.explained


def test_after_the_reset_time_one_probe_of_one_attempt() -> None:
    """The full period, then exactly one attempt."""
    story = opened(Story())
    early = story.op()
    story.wait(1.0)
    probe = story.op("ok")
    after = story.op("ok")
    found = story.judge()
    assert found.of(early).admission.demand.start == "must_not"
    assert found.of(probe).admission.demand.start == "must"
    assert found.of(probe).admission.probe == "yes"
    assert found.of(probe).limit == (1, 1)
    assert found.of(after).admission.demand.start == "must"
    assert found.of(after).limit == (3, 3)
    (episode,) = found.episodes
    assert episode.probes == ((probe, "ok"),)
    assert episode.closed is not None


def test_a_probe_that_tries_again_is_told_so_by_its_own_field() -> None:
    """A probe is one attempt."""
    story = opened(Story())
    story.wait(1.0)
    probe = story.op("status:503", "status:503")
    boundary = story.judge().of(probe).boundaries[0]
    assert boundary.demand.start == "must_not"
    assert boundary.demand.why == "breaker.half_open.attempts: 1"


def test_a_failed_probe_reopens_for_the_full_time() -> None:
    """The period starts at the probe's failure."""
    story = opened(Story())
    story.wait(1.0)
    probe = story.op("status:503")
    story.wait(0.5)
    still = story.op()
    story.wait(0.6)
    second = story.op("ok")
    found = story.judge()
    assert found.of(still).admission.demand.start == "must_not"
    assert found.of(still).admission.standings[1].since == {"probe_failed"}
    assert found.of(second).admission.demand.start == "must"
    (episode,) = found.episodes
    assert episode.probes == ((probe, "failed"), (second, "ok"))


def test_a_breaker_that_stays_open_is_told_to_let_through() -> None:
    """Stuck open is as wrong as never open."""
    story = opened(Story())
    story.wait(1.5)
    stuck = story.op()
    admission = story.judge().of(stuck).admission
    assert admission.demand.start == "must"
    assert not admission.explained


def test_a_neutral_probe_gives_its_permit_back() -> None:
    """A refused connect says nothing of an endpoint: the next operation is its probe."""
    story = opened(Story())
    story.wait(1.0)
    story.op("connect_refused")
    second = story.op("ok")
    found = story.judge()
    assert found.of(second).admission.demand.start == "must"
    assert found.of(second).admission.probe == "yes"


def test_a_new_subject_starts_closed() -> None:
    """Breakers belong to a client's life."""
    story = opened(Story())
    story.renew()
    op = story.op("ok")
    assert story.judge().of(op).admission.demand.start == "must"


def test_ten_at_once_while_half_open() -> None:
    """One probe, nine rejected, whatever the order of their stamps."""
    story = opened(Story())
    story.wait(1.0)
    begin_at = story.now
    probe = story.op("read_timeout_headers", takes=0.7)
    end = story.now
    for n in range(9):
        story.now = begin_at + 0.0001 * n
        story.op()
    story.now = end
    found = story.judge()
    assert found.of(probe).admission.probe == "yes"
    for op in range(probe + 1, probe + 10):
        assert found.of(op).admission.explained
    assert [episode.probes for episode in found.episodes] == [((probe, "failed"),)]


def test_two_probes_at_once_are_one_too_many() -> None:
    """A half-open circuit lets one through."""
    story = opened(Story())
    story.wait(1.0)
    begin_at = story.now
    first = story.op("read_timeout_headers", takes=0.7)
    story.now = begin_at + 0.0005
    second = story.op("read_timeout_headers", takes=0.6)
    found = story.judge()
    admissions = [found.of(op).admission for op in (first, second)]
    assert sorted(admission.explained for admission in admissions) == [False, True]
    wrong = next(admission for admission in admissions if not admission.explained)
    assert wrong.demand.start == "must_not"
    assert wrong.demand.why.startswith("breaker.half_open.probes: 1")


def test_late_results_are_dropped() -> None:
    """An operation admitted before the trip keeps its attempts and counts nowhere."""
    story = Story()
    for _ in range(4):
        story.op(*["status:503"] * 3)
    began = story.now
    slow = story.op("ok", takes=0.9)
    story.now = began + 0.01
    story.op(*["status:503"] * 3)
    story.now = began + 0.95
    refused = story.op()
    found = story.judge()
    assert found.of(slow).admission.explained
    assert found.of(refused).admission.demand.start == "must_not"


def test_a_breaker_that_counts_attempts_ends_an_operation_between_two_of_them() -> None:
    """Where the contract counts attempts, two failures of one operation open the circuit."""
    contract = parse(
        {
            "attempts": {"max": 3},
            "retry_on": {"statuses": ["m5xx"], "methods": "any"},
            "errors": {"status": "MaximusAPIError", "open": "MaximusCircuitOpenError"},
            "breaker": {
                "scope": "service",
                "layer": "per_attempt",
                "counts": ["m5xx"],
                "fail_max": 2,
                "reset_timeout": 1,
                "late_results": "ignore",
            },
        },
        "x",
    )
    story = Story()
    op = story.op("status:500", "status:500", ends="open")
    after = story.op()
    found = story.judge(contract)
    assert [b.demand.start for b in found.of(op).boundaries] == ["must", "must_not"]
    assert found.of(op).why.startswith("breaker.reset_timeout: 1")
    assert found.of(op).ends_as >= {"open"}
    assert found.of(after).admission.demand.start == "must_not"


# --- the two functions ---------------------------------------------------------------------------


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


# --- the slow, obvious client --------------------------------------------------------------------

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
        while True:
            yield self.blink()
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

SICK = st.lists(
    st.sampled_from((*FATES, *["status:503"] * 8, *["connect_refused"] * 8)), max_size=80
)


def played(wrong: str, gaps: list[tuple[float, str]], fates: list[str], seed: int) -> Reading:
    """What a client does when operations begin these many seconds after one another."""
    at, starts = 0.0, []
    for gap, endpoint in gaps:
        at += gap
        starts.append((at, endpoint, not endpoint.startswith("POST")))
    return Client(Random(seed), list(fates), wrong).run(starts)


def objections(reading: Reading) -> list[str]:
    """Everything in which a reading differs from what was demanded."""
    found = demands(MAXIMUS, reading)
    said = []
    for operation in reading.operations:
        demand = found.of(operation.id)
        made = len(operation.attempts)
        if not demand.admission.explained:
            said.append(f"{operation.id}: {demand.admission.demand.start} start")
        elif made and demand.admission.demand.start != "must_not":
            if made < demand.least:
                said.append(f"{operation.id}: one less")
            if demand.most is not None and made > demand.most:
                said.append(f"{operation.id}: one more")
        said += [f"{operation.id}: wait" for b in demand.boundaries if b.in_time == "no"]
    return said


@settings(max_examples=300, deadline=None)
@given(STARTS, SICK, st.integers(0, 2**16))
def test_the_oracle_never_objects_to_a_client_that_keeps_its_contract(
    gaps: list[tuple[float, str]], fates: list[str], seed: int
) -> None:
    """A false alarm would make every red verdict a question."""
    assert objections(played("", gaps, fates, seed)) == []


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("one more", "one more"),
        ("one less", "one less"),
        ("early start", "wait"),
        ("attempt while open", "must_not start"),
    ],
)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_a_planted_deviation_is_objected_to(wrong: str, complaint: str, seed: int) -> None:
    """An oracle that accepts everything would pass the test above."""
    gaps = [(0.6, "GET /a")] * 8
    said = objections(played(wrong, gaps, ["status:503"] * 40, seed))
    assert {text.partition(": ")[2] for text in said} == {complaint}


def test_keys_read_well() -> None:
    """They stand in messages."""
    assert str(Key(1, "endpoint", "core", "GET /health")) == "endpoint core GET /health"
    assert str(Key(0, "client")) == "client"
