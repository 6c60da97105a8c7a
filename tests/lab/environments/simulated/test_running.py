"""A run: who has it, and that nothing of it stays."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import repeat
from time import monotonic

import pytest

from faultlab.lab.environments.simulated import START, Escaped, Run


def everything() -> tuple[object, ...]:
    """What a run replaces, as it is looked up."""
    return (
        *(time.monotonic, time.sleep, random.seed, random.Random.seed, threading.Thread.start),
        *(time.monotonic.__self__, type(random.random.__self__)),
    )


def test_a_run_has_its_clock_its_seed_and_its_date() -> None:
    """The three that it is told."""
    with Run(lambda: 2.0, seed=1, wall=1000.0).on() as run:
        assert (monotonic(), time.time()) == (2.0, 1002.0)
        run.clocks.step(60)
        assert datetime.now(UTC).timestamp() == 1062.0
        first = random.random()
    with Run(lambda: 2.0, seed=1).on() as run:
        assert time.time() == START + 2.0
        assert random.random() == first


def test_nothing_of_it_stays_whatever_ends_it() -> None:
    """A crash, Ctrl-C and the exit of the program included."""
    before, real = everything(), time.monotonic()
    for kind in (ValueError, KeyboardInterrupt, SystemExit, GeneratorExit):
        with pytest.raises(kind), Run(lambda: -1.0, seed=0).on():
            raise kind
        assert everything() == before
        assert monotonic() >= real
        threading.Thread(target=int).start()


def test_who_waits_by_looking_at_the_time_is_refused() -> None:
    """It stands still as long as somebody computes; on the machine it would not."""
    now = 0.0
    with Run(lambda: now, seed=0, looks=1000).on() as run:
        for _ in range(5):
            for _ in range(1000):
                time.monotonic()
            now += 1.0  # it has passed: nobody waits in vain
        with pytest.raises(Escaped, match="1,000 looks at the time, which stands still") as told:
            all(time.monotonic() < 60.0 for _ in repeat(None))
    assert run.escapes == [told.value]
    assert "test_running.py:" in told.value.where


def test_runs_are_not_nested_and_the_outer_one_goes_on() -> None:
    """Two clocks for one thread would be one too many."""
    with Run(lambda: 3.0, seed=0).on():
        with pytest.raises(RuntimeError, match="nested"), Run(lambda: 4.0, seed=0).on():
            pass
        assert monotonic() == 3.0
    with Run(lambda: 4.0, seed=0).on():
        assert monotonic() == 4.0


def test_other_threads_have_the_machines_clocks_chance_and_ways() -> None:
    """Watchdogs, coverage and time-outs of test runners live there."""

    def outside() -> tuple[float, object]:
        time.sleep(0.000_001)
        threading.Thread(target=int).start()
        return time.monotonic(), random.getrandbits(64)

    real = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()  # its thread is there
        asked, answered = threading.Semaphore(0), []
        waiting = pool.submit(lambda: (asked.acquire(), answered.append(outside())))
        with Run(lambda: -5.0, seed=1).on():
            asked.release()
            while not answered:
                pass
            assert monotonic() == -5.0
        waiting.result()
    assert answered[0][0] > real


def test_each_thread_can_have_a_run_of_its_own() -> None:
    """The first that ends must not take the other's clock away."""
    assert shown_in_two_threads() == [(1.0, 1.0), (2.0, 2.0)]


def shown_in_two_threads() -> list[tuple[float, float]]:
    """What `monotonic` shows in two runs that overlap, at two moments each."""
    turns = [threading.Lock() for _ in range(2)]  # a bare lock is no way out of a run
    for turn in turns:
        turn.acquire()

    def shown(mine: int) -> tuple[float, float]:
        with Run(lambda: mine + 1.0, seed=0).on():
            turns[1 - mine].release()
            turns[mine].acquire()
            first = monotonic()
        with Run(lambda: mine + 1.0, seed=0).on():
            return first, monotonic()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(shown, range(2)))


def test_a_run_that_is_put_on_again_goes_on() -> None:
    """A test's loop runs for its fixtures and for itself; between them are the machine's clocks."""
    run = Run(lambda: -1.0, seed=1)
    with run.on():
        run.clocks.step(5)
        first = random.random()
    assert monotonic() > 0
    with run.on(), run.on():
        second = random.random()
        with run.on():
            pass
        assert time.time() == START + 4.0
    with Run(lambda: -1.0, seed=1).on():
        assert [random.random(), random.random()] == [first, second]
