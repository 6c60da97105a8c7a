"""Runs in virtual time, by the command: a client that hangs is a failure, at once, and told where."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from faultlab.lab.history import OpHung, load

pytestmark = [pytest.mark.wire, pytest.mark.slow]

SUBJECTS = """
import asyncio

import httpx
from faultlab import op, subject


class Orders:
    def __init__(self, http):
        self.http = http
        self.lock = asyncio.Lock()

    async def behind_a_lock(self):
        await self.lock.acquire()
        answer = await self.http.get("/orders/7")
        answer.raise_for_status()  # and the lock is kept
        self.lock.release()
        return answer.json()

    async def by_a_future(self):
        told = asyncio.get_running_loop().create_future()
        answer = await self.http.get("/orders/7")
        if answer.is_success:
            told.set_result(answer.json())
        return await told  # which nobody tells anything else

    async def never(self):
        await asyncio.Queue().get()


def offering(name):
    @subject(services={"orders": {"GET /orders/{id}": {"id": 7}}}, contract="httpx")
    async def orders(urls):
        async with httpx.AsyncClient(base_url=urls["orders"], timeout=10) as http:
            yield {"read": op("GET /orders/{id}", getattr(Orders(http), name))}

    return orders


behind_a_lock = offering("behind_a_lock")
by_a_future = offering("by_a_future")
never = offering("never")
"""

STORY = """scenario: It fails once
fault:
  - inject: status
    code: 503
    first: 1
  - read: contract
  - read: ok
"""


LINES = SUBJECTS.splitlines()


def waits(code: str) -> str:
    """Where a line of the subject's is."""
    (number,) = (number for number, line in enumerate(LINES, 1) if code in line)
    return f"orders_lab.py:{number}, Orders."


def ran(folder: Path, subject: str) -> subprocess.CompletedProcess[str]:
    """The story on a subject, with what the command says."""
    (folder / "orders_lab.py").write_text(SUBJECTS)
    (folder / "once.yaml").write_text(STORY)
    command = [sys.executable, "-m", "faultlab", "run", "once.yaml", "--env", "simulated"]
    return subprocess.run(
        [*command, "--subject", f"orders_lab.py:{subject}", "--out", "out"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("subject", "operation", "awaits"),
    [
        ("behind_a_lock", 3, f"{waits('lock.acquire')}behind_a_lock, in Lock.acquire"),
        ("by_a_future", 2, f"{waits('await told')}by_a_future, for a Future"),
    ],
)
def test_a_client_that_hangs_under_a_fault_fails_with_its_line(
    tmp_path: Path, subject: str, operation: int, awaits: str
) -> None:
    """Not when the plan's time is over: what can't end is known to."""
    done = ran(tmp_path, subject)
    assert done.returncode == 1, done.stdout + done.stderr
    (hung,) = (e for e in load(tmp_path / "out/once/armed.jsonl") if isinstance(e, OpHung))
    assert (hung.op, hung.awaits) == (operation, (awaits,))
    told = " ".join(done.stdout.split())
    assert "FAIL once: C34 ends" in told
    assert f"<- awaits {awaits}" in told
    assert done.stderr == ""


def test_a_client_that_hangs_without_a_fault_fails_by_its_baseline(tmp_path: Path) -> None:
    """It is no answer to faults, and no less a failure; judged again it is the same."""
    began = time.monotonic()
    done = ran(tmp_path, "never")
    assert time.monotonic() - began < 60
    assert done.returncode == 1, done.stdout + done.stderr
    told = " ".join(done.stdout.split())
    assert "FAIL once: C92 baseline-passes" in told
    assert f"<- awaits {waits('Queue')}never, in Queue.get" in told
    again = subprocess.run(
        [sys.executable, "-m", "faultlab", "judge", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1
    assert "FAIL once: C92 baseline-passes" in " ".join(again.stdout.split())
