"""What many waits show together: the corners of the claims, and the chance of being wrong."""

from random import Random
from typing import Any

import pytest

from faultlab.lab.checks.spread import FALSE_ALARM, LATE, as_close, as_many
from faultlab.lab.contract import Contract


def with_backoff(contract: Contract, **changes: Any) -> Contract:
    """The golden contract with another backoff."""
    assert contract.backoff is not None
    return contract.model_copy(update={"backoff": contract.backoff.model_copy(update=changes)})


def waiting(story: Any, *waits: tuple[float, ...]) -> Any:
    """Reads that meet 503 until they have waited so, and then work."""
    told, t = story(), 0.0
    for op, gaps in enumerate(waits, 1):
        t += 0.1
        told.begin(op, t)
        for number, gap in enumerate((0.001, *gaps), 1):
            t += gap
            told.meet(op, number, t, 503 if number <= len(gaps) else 200)
            t += 0.001
        told.ok(op, t + 0.001)
    return told


def seen(contract: Contract, many: int, seed: int = 1) -> list[tuple[float, ...]]:
    """The waits of a client that keeps its promise: two for each of so many operations."""
    assert contract.backoff is not None
    draw = Random(seed).uniform
    return [tuple(draw(*contract.backoff.interval(n)) for n in (1, 2)) for _ in range(many)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("how", ["full", "equal", "none"])
def test_a_client_that_keeps_its_promise_passes(
    story: Any, found: Any, contract: Contract, how: str, seed: int
) -> None:
    """Never mind the seed: a false alarm is believed once."""
    under = with_backoff(contract, jitter=how)
    told = waiting(story, *seen(under, 25, seed))
    assert found("C21", told, under).outcome == "pass"
    assert found("C22", told, under).outcome == ("not_exercised" if how == "none" else "pass")


def test_waits_without_growth_are_found_as_soon_as_that_is_no_chance(
    story: Any, found: Any, contract: Contract
) -> None:
    """With full jitter half of the second waits may be as short as a first one."""
    under = with_backoff(contract, jitter="full")
    draw = Random(1).uniform
    waits = [(draw(0, 0.5), draw(0, 0.5)) for _ in range(20)]
    assert found("C21", waiting(story, *waits[:19]), under).outcome == "not_exercised"
    finding = found("C21", waiting(story, *waits), under)
    assert finding.outcome == "fail"
    assert finding.promised == "waits grow: up to 0.5 s, then up to 1 s"
    assert finding.field == "backoff.factor: 2"


def test_where_no_wait_may_be_so_short_one_operation_shows_it(story: Any, found: Any) -> None:
    """Equal jitter keeps the second wait above the first."""
    finding = found("C21", waiting(story, (0.4, 0.45)))
    assert finding.seen == (
        "the median wait of 1 operation was 0.400 s before attempt 2, and 0.450 s before attempt 3"
    )
    assert [remark for _, remark in finding.marks] == ["<- 0.400 s", "<- 0.450 s"]


def test_one_short_wait_among_many_is_not_the_schedule(story: Any, found: Any) -> None:
    """Its own bounds say what is wrong with it."""
    told = waiting(story, (0.4, 0.8), (0.4, 0.3), (0.4, 0.9))
    assert (found("C21", told).outcome, found("C20", told).outcome) == ("pass", "fail")


def test_waits_as_long_as_the_first_may_be_are_found_with_more_of_them(
    story: Any, found: Any
) -> None:
    """A constant delay comes a little late, and is then within the bounds of a second one."""
    assert found("C21", waiting(story, *[(0.5, 0.503)] * 5)).outcome == "pass"
    assert found("C21", waiting(story, *[(0.5, 0.503)] * 6)).outcome == "fail"


def test_waits_need_not_grow_past_their_cap(story: Any, found: Any, contract: Contract) -> None:
    """Nor where the contract promises none to."""
    told = waiting(story, (0.4, 0.4))
    for change in ({"max": 0.5}, {"factor": 1.0}):
        assert found("C21", told, with_backoff(contract, **change)).outcome == "not_exercised"


def test_waits_that_a_server_asked_for_are_no_schedule(story: Any, found: Any) -> None:
    """Nor do they need to differ."""
    told = story()
    for op in range(1, 7):
        told.begin(op, op).meet(op, 1, op + 0.1, 503, retry_after="1", conn=op)
        told.meet(op, 2, op + 1.101, 503, retry_after="soon", conn=op)
        told.meet(op, 3, op + 1.8, 200, conn=op).ok(op, op + 1.9)
    assert {found(check, told).outcome for check in ("C21", "C22")} == {"not_exercised"}


def test_equal_waits_are_found_as_soon_as_that_is_no_chance(story: Any, found: Any) -> None:
    """Six within 2 ms, where a quarter of a second is promised."""
    waits = [(0.4 + late,) for late in (0.0, 0.0012, 0.002, 0.0018, 0.0014, 0.0016)]
    assert found("C22", waiting(story, *waits[:5])).outcome == "not_exercised"
    finding = found("C22", waiting(story, *waits))
    assert finding.seen == "6 waits before attempt 2 lie within 0.002 s"
    assert finding.promised == "they differ, over 0.25 to 0.5 s"
    assert finding.field == "backoff.jitter: equal"
    assert [remark for _, remark in finding.marks] == ["<- 0.400 s", "<- 0.401 s", "<- 0.401 s"]


def test_equal_waits_that_come_late_are_found_with_more_of_them(story: Any, found: Any) -> None:
    """On a busy machine they differ, and not as much as promised."""
    late = Random(1)
    waits = [(0.4 + late.uniform(0, 0.03),) for _ in range(12)]
    assert found("C22", waiting(story, *waits[:6])).outcome == "pass"
    assert found("C22", waiting(story, *waits)).outcome == "fail"


def test_a_few_that_come_very_late_hide_nothing(story: Any, found: Any) -> None:
    """A machine that stood still once makes no jitter."""
    waits = [(0.4 + number / 1000,) for number in range(9)] + [(0.52,), (0.61,)]
    finding = found("C22", waiting(story, *waits))
    assert finding.seen == "9 of 11 waits before attempt 2 lie within 0.008 s"


def test_a_wait_of_an_operation_in_doubt_is_no_sample(story: Any, found: Any) -> None:
    """An attempt that was not seen may lie between the two."""
    told = story()
    for op in (1, 2):
        told.begin(op, 0.1 * op).start(None, None, 0.5, conn=op).answer(0.5, 503, conn=op)
        told.start(None, None, 0.9, conn=op).answer(0.9, 200, conn=op).ok(op, 1.0)
    assert {found(check, told).outcome for check in ("C21", "C22")} == {"not_exercised"}


@pytest.mark.parametrize(
    ("spread", "needed"), [(0.025, 12), (0.05, 9), (0.25, 6), (0.5, 5), (1.0, 5)]
)
def test_the_power_is_as_stated(spread: float, needed: int) -> None:
    """So many waits, for so much jitter, at half the false alarms: two windows are tried."""
    enough, fewer = (as_close(many, many, LATE / spread) for many in (needed, needed - 1))
    assert enough <= FALSE_ALARM / 2 < fewer


def test_with_full_jitter_it_takes_twenty() -> None:
    """Of which every second one may be short."""
    assert as_many(20, 20, 0.5) <= FALSE_ALARM < as_many(19, 19, 0.5)


@pytest.mark.parametrize("late", [0.0, 0.5])
def test_a_false_alarm_is_as_rare_as_stated(late: float) -> None:
    """Counted over draws, for chances large enough to be counted, however late they come."""
    draw = Random(7).random
    rounds = [sorted(draw() + late * draw() for _ in range(8)) for _ in range(5_000)]
    close = sum(min(one[5] - one[0], one[6] - one[1], one[7] - one[2]) <= 0.2 for one in rounds)
    assert 0 < close / len(rounds) <= as_close(8, 6, 0.2)
    short = sum(sum(each <= 0.3 for each in one) >= 4 for one in rounds)
    assert 0 < short / len(rounds) <= 1.15 * as_many(8, 4, 0.3)


def test_one_wait_is_as_close_as_can_be() -> None:
    """And none differs from itself."""
    assert (as_close(1, 1, 0.0), as_close(9, 9, 1.0), as_close(9, 9, 0.9)) == (1.0, 1.0, 1.0)
    assert as_close(2, 2, 0.0) == 0.0


def test_many_thousand_waits_are_judged_as_few_are() -> None:
    """The choices among them are beyond a float; the chance is not."""
    assert as_many(100_000, 50_000, 0.5) == pytest.approx(0.5, abs=0.01)
    assert as_close(6_000, 4_500, 0.1) == 0.0
    assert as_many(8, 4, 0.3) == pytest.approx(0.194104, abs=1e-6)
