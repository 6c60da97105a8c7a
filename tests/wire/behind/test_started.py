"""A Toxiproxy of our own: it serves, or says why not, and it is gone with whoever started it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from faultlab.lab.behind import Toxiproxy
from faultlab.lab.errors import SetupError

pytestmark = pytest.mark.wire

PARENT = """
import sys, time
from faultlab.lab.behind import Toxiproxy
print(Toxiproxy(sys.argv[1]).pid, flush=True)
time.sleep(60)
"""


def test_it_serves_until_it_is_closed(server: str) -> None:
    """No port is fixed, so two labs do not meet."""
    one, other = Toxiproxy(server), Toxiproxy(server)
    try:
        assert one.control.version() == one.version
        assert one.control.port != other.control.port
        assert one.gone() == ""
    finally:
        one.close()
        other.close()
    assert one.gone() == f"Toxiproxy (pid {one.pid}) ended with code -9"


def test_a_program_that_does_not_serve_is_told_with_its_last_words(tmp_path: Path) -> None:
    """It has the right name, and is something else."""
    program = tmp_path / "toxiproxy-server"
    program.write_text("#!/bin/sh\necho 'no memory left'\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(
        SetupError, match=r"does not serve: Toxiproxy \(pid \d+\) ended with code 3"
    ) as e:
        Toxiproxy(str(program))
    assert e.value.rows == {"seen": "no memory left"}


def test_it_dies_with_a_parent_that_is_killed(server: str) -> None:
    """Nobody is left to end it."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, server], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
    try:
        ended, _, _ = select.select([child], [], [], 5.0)
        assert ended == [child]
    finally:
        os.close(child)
