"""A story of the catalog through a real Toxiproxy, by the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from faultlab.lab.history import FaultArmed, FaultFired, load

pytestmark = [pytest.mark.wire, pytest.mark.slow]


@pytest.mark.parametrize("story", ["down", "slow"])
def test_the_reference_client_passes(server: str, tmp_path: Path, story: str) -> None:
    """The same story, the same verdict; what each fault was done by is in the history."""
    assert server
    command = [sys.executable, "-m", "faultlab", "run", story, "--proxy", "toxiproxy"]
    done = subprocess.run(
        [*command, "--seed", "5", "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    history = load(tmp_path / "run" / story / "armed.jsonl")
    assert history.header.route.startswith("loopback, through Toxiproxy ")
    armed = {event.fault: event.mechanism for event in history if isinstance(event, FaultArmed)}
    fired = {event.fault for event in history if isinstance(event, FaultFired)}
    said = {"down": "packet filter: reject", "slow": "toxic latency of Toxiproxy"}[story]
    by = {fault for fault, mechanism in armed.items() if said in mechanism}
    assert by
    assert story == "down" or by <= fired
