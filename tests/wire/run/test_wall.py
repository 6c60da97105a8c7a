"""A breaker that goes by the wall clock, found where a story sets it; and one that does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.wire, pytest.mark.slow]

SUBJECTS = """
import time

import httpx
from faultlab import op, subject


class Open(Exception):
    pass


class Breaking:
    def __init__(self, http, clock):
        self.http = http
        self.clock = clock
        self.failed = 0
        self.until = None

    async def read(self):
        if self.until is not None and self.clock() < self.until:
            raise Open
        try:
            answer = await self.http.get("/orders/7")
        except httpx.ConnectError:
            self.failed += 1
            if self.failed >= 3 or self.until is not None:
                self.until = self.clock() + 30
            raise
        self.failed, self.until = 0, None
        return answer.json()


CONTRACT = {
    "attempts": {"max": 1},
    "timeouts": {"connect": 5},
    "errors": {"connect": "httpx.ConnectError", "open": "orders_lab.Open"},
    "breaker": {
        "scope": "service",
        "counts": ["connect"],
        "success": ["m2xx"],
        "layer": "per_call",
        "window": "consecutive",
        "fail_max": 3,
        "reset_timeout": 30,
        "clock": "monotonic",
        "half_open": {"probes": 1, "success_threshold": 1, "excess": "reject"},
    },
}


def by(clock):
    @subject(services={"orders": {"GET /orders/{id}": {"id": 7}}}, contract=CONTRACT)
    async def orders(urls):
        async with httpx.AsyncClient(base_url=urls["orders"]) as http:
            yield {"read": op("GET /orders/{id}", Breaking(http, clock).read)}

    return orders


monotonic = by(time.monotonic)
wall = by(time.time)
"""

STORY = """scenario: The clock is set while a breaker is open
fault:
  - inject: refused
  - read: connection
    times: breaker.fail_max
  - read: open
  - clock: +1m
  - read: open
recovery:
  - wait: breaker.reset_timeout
  - read: ok
    times: 2
"""


def ran(folder: Path, subject: str) -> subprocess.CompletedProcess[str]:
    """The story on a subject, with what the command says."""
    (folder / "orders_lab.py").write_text(SUBJECTS)
    (folder / "clock.yaml").write_text(STORY)
    command = [sys.executable, "-m", "faultlab", "run", "clock.yaml", "--env", "simulated"]
    return subprocess.run(
        [*command, "--subject", f"orders_lab.py:{subject}", "--seed", "7", "--out", "out"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_breaker_that_goes_by_the_wall_clock_is_found(tmp_path: Path) -> None:
    """It half-opens when the date is set, though no time has passed."""
    done = ran(tmp_path, "wall")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL clock: C40" in done.stdout


def test_a_breaker_that_goes_by_the_monotonic_clock_passes(tmp_path: Path) -> None:
    """Its time is not over."""
    done = ran(tmp_path, "monotonic")
    assert done.returncode == 0, done.stdout + done.stderr
