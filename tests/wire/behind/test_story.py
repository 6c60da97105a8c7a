"""A story of the catalog through a real Toxiproxy, by the command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from faultlab.lab.history import FaultArmed, FaultFired, OpInvoked, load

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


def test_a_missing_right_is_told_before_anything_is_played(server: str, tmp_path: Path) -> None:
    """With what to do about it; a story that needs none is played all the same."""
    assert server
    setpriv = shutil.which("setpriv")
    if setpriv is None or os.geteuid():
        pytest.skip("it takes root, and `setpriv`, to be without a right")
    rights = "-net_admin,-net_raw"
    command = [setpriv, f"--bounding-set={rights}", f"--inh-caps={rights}"]
    command += [sys.executable, "-m", "faultlab", "run", "partition", "5xx"]
    done = subprocess.run(
        [*command, "--proxy", "toxiproxy", "--seed", "5", "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "the right to filter packets (CAP_NET_ADMIN, which root has) is missing" in done.stdout
    assert "--env embedded can without --proxy toxiproxy" in done.stdout
    begun = load(tmp_path / "run" / "partition" / "baseline.jsonl")
    assert not [event for event in begun if isinstance(event, OpInvoked)]
    assert "1 pass, 1 error" in done.stdout.replace("1 error, 1 pass", "1 pass, 1 error")
