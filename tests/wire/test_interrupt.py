"""Ctrl-C or SIGTERM in the middle of a run, on a real process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faultlab.lab.history import load

pytestmark = pytest.mark.wire

_PATIENCE = 30.0


@pytest.mark.parametrize(
    ("number", "how", "code"),
    [(signal.SIGINT, "interrupted", 130), (signal.SIGTERM, "terminated", 143)],
    ids=["ctrl-c", "term"],
)
def test_an_interrupt_ends_in_one_line_and_keeps_the_history(
    number: signal.Signals, how: str, code: int, tmp_path: Path
) -> None:
    """What was seen until then may be what the user was waiting for."""
    out = tmp_path / "out"
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "faultlab", "run", "partition", "--seed", "7"]
    with subprocess.Popen(
        [*command, "--report", f"json:{report}", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A job in the background of a shell would inherit that it is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        baseline = out / "partition" / "baseline.jsonl"
        limit = time.monotonic() + _PATIENCE
        while not (baseline.exists() and baseline.stat().st_size):
            assert time.monotonic() < limit
            assert process.poll() is None
            time.sleep(0.02)
        assert json.loads(report.read_bytes())["exit_code"] is None
        process.send_signal(number)
        _, told = process.communicate(timeout=_PATIENCE)
    assert process.returncode == code
    assert told == (
        f"{how}: 0 of 1 scenarios had ended; everything is closed, what was recorded is kept "
        f"in {out}; the reports say so (exit {code})\n"
    )
    made = json.loads(report.read_bytes())
    assert (made["verdict"], made["exit_code"], made["cut"]) == ("unknown", code, how)
    assert [story["state"] for story in made["scenarios"]] == ["not played"]
    assert load(baseline).header.scenario == "partition"
    assert (out / "partition" / "plan.json").exists()
