import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maximus.breaker import Admission, Breaker, Breakers, Refusal
from maximus.failure import Vote, Votes
from maximus.policy import BreakerPolicy

POLICY = BreakerPolicy(fail_max=3, reset_timeout=10.0)
GOOD, BAD, NONE = Vote.SUCCESS, Vote.FAILURE, Vote.NEUTRAL


class Clock:
    """Stands still until told otherwise."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        """Return the time."""
        return self.now


@pytest.fixture
def clock():
    """The time of all breakers of a test."""
    return Clock()


@pytest.fixture
def breaker(clock):
    """One circuit: three failures, ten seconds."""
    return Breaker(POLICY, clock)


def _play(breaker, *votes):
    for vote in votes:
        breaker.settle(breaker.admit(), vote)


def test_it_opens_at_its_number_of_failures_in_a_row(breaker):
    """One fewer stays closed, and a success begins the count anew."""
    _play(breaker, BAD, BAD, GOOD, BAD, BAD)
    assert breaker.refuses_for() is None
    _play(breaker, BAD)
    assert breaker.state == "open"
    assert breaker.refuses_for() == 10.0


def test_neutral_results_neither_count_nor_reset(breaker):
    """A cancelled caller says nothing about the service."""
    _play(breaker, BAD, BAD, NONE, BAD)
    assert breaker.state == "open"


def test_it_refuses_until_the_time_is_over_and_then_admits_one(breaker, clock):
    """Recovery begins with a single probe."""
    _play(breaker, BAD, BAD, BAD)
    clock.now += 9.5
    assert breaker.refuses_for() == 0.5
    clock.now += 0.5
    assert breaker.refuses_for() is None
    probe = breaker.admit()
    assert probe.probe
    assert breaker.refuses_for() == 0.0
    breaker.settle(probe, GOOD)
    assert breaker.state == "closed"
    assert not breaker.admit().probe


def test_a_failed_probe_opens_it_for_the_full_time(breaker, clock):
    """Not for what was left of the first period."""
    _play(breaker, BAD, BAD, BAD)
    clock.now += 25.0
    _play(breaker, BAD)
    assert breaker.refuses_for() == 10.0


def test_after_a_good_probe_the_count_begins_at_zero(breaker, clock):
    """Old failures are forgiven."""
    _play(breaker, BAD, BAD, BAD)
    clock.now += 10.0
    _play(breaker, GOOD, BAD, BAD)
    assert breaker.state == "closed"


def test_a_neutral_probe_gives_its_permit_back(breaker, clock):
    """A cancelled probe must not leave the circuit half-open for ever."""
    _play(breaker, BAD, BAD, BAD)
    clock.now += 10.0
    _play(breaker, NONE)
    assert breaker.state == "half-open"
    _play(breaker, GOOD)
    assert breaker.state == "closed"


def test_late_results_are_dropped(breaker, clock):
    """Neither the opening time, nor the count, nor the recovered state may move."""
    late = [breaker.admit() for _ in range(4)]
    _play(breaker, BAD, BAD, BAD)
    clock.now += 4.0
    breaker.settle(late[0], BAD)
    breaker.settle(late[1], GOOD)
    assert breaker.refuses_for() == 6.0
    clock.now += 6.0
    probe = breaker.admit()
    breaker.settle(late[2], BAD)
    assert breaker.refuses_for() == 0.0
    breaker.settle(probe, GOOD)
    breaker.settle(late[3], BAD)
    _play(breaker, BAD, BAD)
    assert breaker.state == "closed"


class SlowModel:
    """The promise again, as plainly as it can be said; shares no code with the breaker."""

    def __init__(self):
        self.now = 100.0
        self.state = "closed"
        self.results = []
        self.opened_at = None
        self.probe_out = False
        self.generation = 0

    def admits(self):
        """Whether an operation would be admitted."""
        if self.state == "open":
            return self.now >= self.opened_at + 10.0
        return self.state == "closed" or not self.probe_out

    def admit(self):
        """Admit one; its generation is its permit."""
        if self.state == "open":
            self.state = "half-open"
            self.generation += 1
        if self.state == "half-open":
            self.probe_out = True
        return self.generation

    def settle(self, generation, vote):
        """Take a result."""
        if generation != self.generation:
            return
        self.probe_out = False
        if vote is NONE:
            return
        if self.state == "half-open":
            self.generation += 1
            self.results = []
            self.state = "closed" if vote is GOOD else "open"
            self.opened_at = self.now
            return
        self.results.append(vote)
        if self.results[-3:] == [BAD, BAD, BAD]:
            self.generation += 1
            self.results = []
            self.state = "open"
            self.opened_at = self.now


STEPS = st.lists(
    st.just("admit")
    | st.tuples(st.integers(min_value=0, max_value=9), st.sampled_from(Vote))
    | st.sampled_from([0.0, 2.5, 5.0, 10.0]),
    max_size=60,
)


@given(STEPS)
@settings(max_examples=300)
def test_it_behaves_like_the_slow_model(steps):
    """Over any order of admissions, results and time."""
    clock, model = Clock(), SlowModel()
    breaker = Breaker(POLICY, clock)
    out = []
    for step in steps:
        if step == "admit":
            assert (breaker.refuses_for() is None) == model.admits()
            if model.admits():
                out.append((breaker.admit(), model.admit()))
                assert out[-1][0].probe == (model.state == "half-open")
        elif isinstance(step, tuple):
            if out:
                permit, generation = out.pop(step[0] % len(out))
                breaker.settle(permit, step[1])
                model.settle(generation, step[1])
        else:
            clock.now += step
            model.now += step
        assert breaker.state == model.state


UP, DOWN = Votes(service=GOOD, endpoint=GOOD), Votes(service=BAD)
SICK = Votes(service=GOOD, endpoint=BAD)


@pytest.fixture
def breakers(clock):
    """A client's circuits."""
    return Breakers(POLICY, clock)


def _settle(breakers, endpoint, *votes, service="core"):
    for vote in votes:
        breakers.admit(service, endpoint).settle(vote)


def test_a_sick_endpoint_blocks_itself_alone(breakers):
    """Its neighbours on the same service go on."""
    _settle(breakers, "GET /a", SICK, SICK, SICK)
    assert breakers.admit("core", "GET /a") == Refusal("endpoint", 10.0)
    assert isinstance(breakers.admit("core", "GET /b"), Admission)


def test_a_lost_service_blocks_all_its_endpoints_and_no_other_service(breakers):
    """Failures of several endpoints add up in the service's circuit."""
    for endpoint in ("GET /a", "GET /b", "GET /c"):
        _settle(breakers, endpoint, DOWN)
    assert breakers.admit("core", "GET /new") == Refusal("service", 10.0)
    assert isinstance(breakers.admit("penelope", "GET /a"), Admission)


def test_where_both_refuse_the_service_is_named_and_the_longer_wait_told(breakers, clock):
    """The caller learns how long asking again is useless."""
    _settle(breakers, "GET /b", DOWN, DOWN)
    _settle(breakers, "GET /a", Votes(endpoint=BAD), Votes(endpoint=BAD))
    clock.now += 4.0
    early = breakers.admit("core", "GET /a")
    _settle(breakers, "GET /b", DOWN)
    clock.now += 3.0
    early.settle(Votes(endpoint=BAD))
    assert breakers.admit("core", "GET /a") == Refusal("service", 10.0)


def test_no_permit_is_taken_where_one_of_two_is_refused(breakers, clock):
    """Else a refused operation would hold the other circuit's only probe."""
    _settle(breakers, "GET /b", DOWN, DOWN, DOWN)
    clock.now += 10.0
    probe = breakers.admit("core", "GET /b")
    assert breakers.admit("core", "GET /a") == Refusal("service", 0.0)
    probe.settle(UP)
    admission = breakers.admit("core", "GET /a")
    assert not admission.probe


def test_a_half_open_service_keeps_its_permit_when_the_endpoint_refuses(breakers, clock):
    """It must go to an operation that can use it."""
    _settle(breakers, "GET /a", SICK, SICK)
    _settle(breakers, "GET /b", DOWN, DOWN)
    late = breakers.admit("core", "GET /a")
    _settle(breakers, "GET /b", DOWN)
    clock.now += 5.0
    late.settle(SICK)
    clock.now += 5.0
    assert breakers.admit("core", "GET /a") == Refusal("endpoint", 5.0)
    probe = breakers.admit("core", "GET /b")
    assert probe.probe


def test_a_probe_that_reaches_a_sick_endpoint_closes_the_service(breakers, clock):
    """Any answer proves the reach."""
    _settle(breakers, "GET /a", DOWN, DOWN, DOWN)
    clock.now += 10.0
    _settle(breakers, "GET /a", SICK)
    assert not breakers.admit("core", "GET /b").probe


def test_either_circuit_makes_an_operation_a_probe(breakers, clock):
    """It then has a single attempt."""
    _settle(breakers, "GET /a", SICK, SICK, SICK)
    clock.now += 10.0
    assert breakers.admit("core", "GET /a").probe
