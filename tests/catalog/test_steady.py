"""The stories again and again: the same verdicts and the same digests, idle and under load."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from faultlab.lab.attempts import canonical, read
from faultlab.lab.plan import Plan
from faultlab.lab.results import Result

pytestmark = [pytest.mark.slow, pytest.mark.wire, pytest.mark.timeout(600)]

Play = Callable[[Path, list[Plan]], dict[str, Result]]

SPIN = """
import os, sys, time
from faultlab.lab.mortal import die_with
die_with(int(sys.argv[1]))
os.sched_setaffinity(0, {int(sys.argv[2])})
print(flush=True)
end = time.monotonic() + 300
while time.monotonic() < end:
    pass
"""


@contextmanager
def load() -> Iterator[None]:
    """One busy process on each core that this one may use."""
    with ExitStack() as stack:
        for core in os.sched_getaffinity(0):
            spinning = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", SPIN, str(os.getpid()), str(core)],
                    stdout=subprocess.PIPE,
                )
            )
            stack.callback(spinning.kill)
            assert spinning.stdout is not None
            spinning.stdout.readline()
        yield


@pytest.fixture(scope="module")
def idle(
    tmp_path_factory: pytest.TempPathFactory, plans: dict[str, Plan], play: Play
) -> dict[str, tuple[str, ...]]:
    """What one play of the catalog tells."""
    return told(play(tmp_path_factory.mktemp("idle"), list(plans.values())))


def told(results: dict[str, Result]) -> dict[str, tuple[str, ...]]:
    """A story's verdict, what speaks against it, and the digests of its runs."""
    found: dict[str, tuple[str, ...]] = {}
    for name, result in results.items():
        assert result.error is None, result.error
        assert result.judgement is not None
        assert result.armed is not None
        assert result.baseline is not None
        against = [f"{it.check} {it.outcome}: {it.missing}" for it in result.judgement.shown]
        digests = [canonical(read(history)) for history in (result.armed, result.baseline)]
        found[name] = (result.verdict, *against, *digests)
    return found


def test_twenty_plays_tell_the_same(
    tmp_path: Path, plans: dict[str, Plan], play: Play, idle: dict[str, tuple[str, ...]]
) -> None:
    """A verdict that changes by itself is believed by nobody."""
    assert {verdict for verdict, *_ in idle.values()} == {"pass"}
    for number in range(2, 21):
        assert told(play(tmp_path / str(number), list(plans.values()))) == idle, number


def test_load_on_every_core_changes_nothing(
    tmp_path: Path, plans: dict[str, Plan], play: Play, idle: dict[str, tuple[str, ...]]
) -> None:
    """Continuous integration is never idle."""
    for number in range(1, 4):
        with load():
            assert told(play(tmp_path / str(number), list(plans.values()))) == idle, number
