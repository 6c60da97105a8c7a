"""The catalog in virtual time, by the command: the verdicts of everywhere, and each byte again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from faultlab.lab.checks import ALL
from faultlab.lab.plan import Plan
from faultlab.lab.run import Session
from faultlab.scenarios import catalog

from .here import simulated

pytestmark = [pytest.mark.wire, pytest.mark.slow]

AGAIN = 20
LONG = 1000
STORIES = ("down", "partial")  # processes that die, and chance in every wait


def ran(out: Path, *more: str, **environment: str) -> dict[str, bytes]:
    """Every history of the whole catalog but for its first line, which says when it was played."""
    done = subprocess.run(
        [sys.executable, "-m", "faultlab", "run", "--env", "simulated", "--out", str(out), *more],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        str(path.relative_to(out)): path.read_bytes().partition(b"\n")[2]
        for path in sorted(out.glob("*/*.jsonl"))
    }


@pytest.mark.timeout(300)
def test_the_catalog_passes_with_the_true_constants(tmp_path: Path) -> None:
    """A breaker's thirty seconds are thirty seconds, of no time at all."""
    histories = ran(tmp_path, "--seed", "7")
    assert len(histories) == 2 * len(catalog())
    breaker = (tmp_path / "breaker" / "armed.jsonl").read_text().splitlines()
    assert json.loads(breaker[0])["tune"] == "none"
    assert json.loads(breaker[-1])["t"] > 30


@pytest.mark.timeout(300)
def test_the_catalog_passes_with_the_constants_of_other_environments(tmp_path: Path) -> None:
    """So that both can be compared."""
    ran(tmp_path, "--seed", "7", "--tune", "fast")


@pytest.mark.timeout(900)
def test_each_byte_is_the_same_in_every_process(tmp_path: Path) -> None:
    """Whatever seed strings are hashed with, on one processor or on several."""
    asked = (*STORIES, "--seed", "7")
    first = ran(tmp_path / "0", *asked, PYTHONHASHSEED="0")
    one = min(os.sched_getaffinity(0))
    every = os.sched_getaffinity(0)
    for number in range(1, AGAIN):
        os.sched_setaffinity(0, {one} if number % 2 else every)
        try:
            again = ran(tmp_path / str(number), *asked, PYTHONHASHSEED=str(number))
        finally:
            os.sched_setaffinity(0, every)
        assert again == first


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_each_byte_is_the_same_a_thousand_times_in_a_row(tmp_path: Path) -> None:
    """Nothing of a play stays in its process: no order, no name, no number that counts on."""
    slugs = {info.slug: info.id for info in ALL}
    promises = {info.id: info.promise for info in ALL}
    seen = set()
    with Session("maximus", environment="simulated", tune="none", seed=7, out=tmp_path) as planning:
        story = planning.plan(catalog()["down"], slugs, promises)
        assert isinstance(story, Plan)
        for _ in range(LONG):
            simulated(planning, story, "maximus", tmp_path)
            armed, baseline = (
                (tmp_path / f"{kind}.jsonl").read_bytes().partition(b"\n")[2]
                for kind in ("armed", "baseline")
            )
            seen.add((armed, baseline))
    assert len(seen) == 1


@pytest.mark.timeout(300)
def test_another_seed_gives_another_history(tmp_path: Path) -> None:
    """Else nothing would be drawn."""
    first = ran(tmp_path / "7", "down", "--seed", "7")
    assert ran(tmp_path / "8", "down", "--seed", "8") != first
