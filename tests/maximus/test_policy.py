from dataclasses import FrozenInstanceError, replace
from math import inf, nan
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maximus.failure import Failure, Kind
from maximus.policy import (
    BreakerPolicy,
    Policy,
    Timeouts,
    backoff_interval,
    may_repeat,
    next_wait,
)

POLICY = Policy()
FAST = Policy(
    backoff_base=0.05,
    backoff_cap=0.4,
    timeouts=Timeouts(connect=0.3, read=0.7, write=0.7, pool=0.7),
    deadline=4.0,
    breaker=BreakerPolicy(reset_timeout=1.0),
)
REFUSED = Failure(kind=Kind.CONNECT, reason="refused")
SECONDS = st.floats(min_value=0.0, max_value=1e6)


def _status(code, retry_after=None):
    return Failure(kind=Kind.STATUS, reason="", status=code, retry_after=retry_after)


def _wait(failure, *, policy=POLICY, attempt=1, attempts=3, repeatable=True, elapsed=0.0):
    return next_wait(
        policy,
        failure,
        attempt=attempt,
        attempts=attempts,
        repeatable=repeatable,
        elapsed=elapsed,
        random=Random(1),
    )


def test_the_defaults_are_the_promised_numbers():
    """Design section 9, read back."""
    assert Policy() == Policy(
        attempts=3,
        backoff_base=0.5,
        backoff_cap=8.0,
        retry_after_cap=30.0,
        timeouts=Timeouts(connect=2.0, read=10.0, write=10.0, pool=2.0),
        deadline=40.0,
        breaker=BreakerPolicy(fail_max=5, reset_timeout=30.0),
        max_connections=100,
    )


@pytest.mark.parametrize("policy", [POLICY, FAST])
def test_the_deadline_leaves_room_for_every_promised_attempt(policy):
    """Else three attempts could not be promised against a service that hangs."""
    one = policy.timeouts.connect + policy.timeouts.read
    longest = sum(backoff_interval(policy, n)[1] for n in range(1, policy.attempts))
    assert policy.deadline > policy.attempts * one + longest


@pytest.mark.parametrize("policy", [POLICY, FAST])
def test_half_a_second_is_slow_and_not_a_time_out(policy):
    """The story of the slow service needs that."""
    assert policy.timeouts.read > 0.5


def test_a_policy_cannot_change():
    """It is shared by every operation of a client."""
    with pytest.raises(FrozenInstanceError):
        POLICY.attempts = 9


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Policy(attempts=0), "attempts must be a whole number of at least 1, got 0"),
        (lambda: Policy(attempts=2.0), "attempts must be a whole number of at least 1, got 2.0"),
        (lambda: Policy(attempts=True), "attempts must be a whole number of at least 1, got True"),
        (lambda: Policy(backoff_base=-1.0), "backoff_base must be at least 0, got -1.0"),
        (
            lambda: Policy(backoff_cap=nan),
            "backoff_cap must be a finite number of seconds, got nan",
        ),
        (
            lambda: Policy(retry_after_cap="30"),
            "retry_after_cap must be a finite number of seconds, got '30'",
        ),
        (lambda: Policy(deadline=0), "deadline must be above 0, got 0"),
        (lambda: Policy(deadline=inf), "deadline must be a finite number of seconds, got inf"),
        (
            lambda: Policy(max_connections=0),
            "max_connections must be a whole number of at least 1, got 0",
        ),
        (lambda: Policy(timeouts=5), "timeouts must be Timeouts, got 5"),
        (lambda: Policy(breaker=None), "breaker must be a BreakerPolicy, got None"),
        (lambda: Timeouts(read=0.0), "timeouts.read must be above 0, got 0.0"),
        (
            lambda: Timeouts(connect=None),
            "timeouts.connect must be a finite number of seconds, got None",
        ),
        (
            lambda: BreakerPolicy(fail_max=0),
            "breaker.fail_max must be a whole number of at least 1, got 0",
        ),
        (
            lambda: BreakerPolicy(reset_timeout=0.0),
            "breaker.reset_timeout must be above 0, got 0.0",
        ),
    ],
)
def test_nonsense_is_refused_where_it_is_written(make, text):
    """A wrong number must not wait for the first outage to show itself."""
    with pytest.raises((ValueError, TypeError)) as caught:
        make()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("attempt", "interval"),
    [(1, (0.25, 0.5)), (2, (0.5, 1.0)), (4, (2.0, 4.0)), (5, (4.0, 8.0)), (6, (4.0, 8.0))],
)
def test_backoff_doubles_up_to_its_cap(attempt, interval):
    """The intervals that the lab's oracle expects on the wire."""
    assert backoff_interval(POLICY, attempt) == interval


@given(SECONDS, SECONDS, st.integers(min_value=1, max_value=10**6), st.randoms())
def test_a_backoff_lies_in_its_interval_and_under_the_cap(base, cap, attempt, random):
    """Whatever the numbers, and however many attempts."""
    policy = Policy(backoff_base=base, backoff_cap=cap, deadline=1e9)
    low, high = backoff_interval(policy, attempt)
    drawn = next_wait(
        policy,
        REFUSED,
        attempt=attempt,
        attempts=attempt + 1,
        repeatable=False,
        elapsed=0.0,
        random=random,
    )
    assert 0.0 <= low <= drawn <= high <= cap


@pytest.mark.parametrize(
    ("failure", "repeatable", "allowed"),
    [
        (REFUSED, False, True),
        (REFUSED, True, True),
        (Failure(kind=Kind.BROKEN, reason=""), True, True),
        (Failure(kind=Kind.BROKEN, reason=""), False, False),
        (Failure(kind=Kind.TIMEOUT, reason=""), True, True),
        (Failure(kind=Kind.TIMEOUT, reason=""), False, False),
        (Failure(kind=Kind.UNUSABLE, reason=""), True, False),
        (Failure(kind=Kind.POOL, reason=""), True, False),
        (Failure(kind=Kind.LOCAL, reason=""), True, False),
        (replace(REFUSED, cut=True), True, False),
        *((_status(code), True, True) for code in (408, 429, 500, 502, 503, 504)),
        *((_status(code), False, False) for code in (408, 429, 500, 502, 503, 504)),
        *((_status(code), True, False) for code in (301, 400, 404, 409, 422, 501, 505, 599)),
    ],
)
def test_what_may_be_repeated(failure, repeatable, allowed):
    """A POST that may have been carried out is never sent twice; a refused one is."""
    assert may_repeat(failure, repeatable=repeatable) is allowed


def test_the_last_attempt_has_no_successor():
    """Three attempts are promised, a probe has one."""
    assert _wait(REFUSED, attempt=2) is not None
    assert _wait(REFUSED, attempt=3) is None
    assert _wait(REFUSED, attempt=1, attempts=1) is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(0.0, 0.28), (0.1, 0.28), (1.0, 1.0), (30.0, 30.0), (30.1, None), (inf, None)],
)
def test_retry_after_is_obeyed_where_it_is_longer_and_within_its_cap(asked, expected):
    """Over the cap the caller is told, instead of being kept waiting."""
    got = _wait(_status(503, retry_after=asked))
    assert got == (None if expected is None else pytest.approx(expected, abs=0.01))


def test_a_wait_that_would_reach_the_deadline_is_not_begun():
    """It could only end in a cut attempt."""
    assert _wait(_status(503, retry_after=20.0), elapsed=19.9) == 20.0
    assert _wait(_status(503, retry_after=20.0), elapsed=20.0) is None


def test_chance_comes_from_the_generator_alone():
    """Same seed, same waits."""
    draws = [
        next_wait(
            POLICY, REFUSED, attempt=1, attempts=3, repeatable=True, elapsed=0.0, random=Random(s)
        )
        for s in (3, 3, 4)
    ]
    assert draws[0] == draws[1] != draws[2]
