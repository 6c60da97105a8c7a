"""One set of numbers for subject and contract, and what must hold for each such set."""

from __future__ import annotations

import pytest

from faultlab.lab.contract import Contract, builtin, resolve
from faultlab.lab.tune import FAST, TUNES, tuned

MAXIMUS = builtin("maximus")


@pytest.mark.parametrize("tune", TUNES.values(), ids=TUNES)
def test_a_deadline_leaves_room_for_three_slow_attempts(tune: object) -> None:
    """Otherwise no story about time-outs could show three attempts."""
    contract = tuned(MAXIMUS, tune)  # type: ignore[arg-type]  # parametrize forgets the type
    connect, read = contract.timeouts.connect, contract.timeouts.read
    total, backoff = contract.deadline.total, contract.backoff
    assert connect is not None
    assert read is not None
    assert total is not None
    assert backoff is not None
    longest = sum(backoff.interval(retry)[1] for retry in (1, 2))
    assert total > 3 * (connect + read) + longest
    assert read > 0.5  # the story of 500 ms is slow, and no time-out


def test_fast_changes_the_times_and_nothing_else() -> None:
    """Counts, the Retry-After cap and the meaning of everything stay."""
    fast = tuned(MAXIMUS, FAST)
    assert fast.timeouts.model_dump() == {"connect": 0.3, "read": 0.7, "write": 0.7, "pool": 0.7}
    assert resolve(fast, "deadline.total") == 4.0
    assert resolve(fast, "backoff.base") == 0.05
    assert resolve(fast, "backoff.max") == 0.4
    assert {breaker.reset_timeout for breaker in fast.breaker or ()} == {1.0}
    assert fast.attempts == MAXIMUS.attempts
    assert fast.retry_on == MAXIMUS.retry_on
    assert fast.retry_after == MAXIMUS.retry_after
    assert fast.errors == MAXIMUS.errors
    assert [b.fail_max for b in fast.breaker or ()] == [5, 5]


def test_what_is_left_open_stays_open() -> None:
    """A tune promises nothing on a client's behalf."""
    assert tuned(Contract(), FAST) == Contract()
    assert tuned(builtin("httpx"), FAST).breaker == ()


def test_no_tune_changes_nothing() -> None:
    """The true numbers."""
    assert tuned(MAXIMUS, TUNES["none"]) == MAXIMUS
