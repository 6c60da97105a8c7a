import os
import subprocess
import sys
from pathlib import Path

from faultlab.lab.escaped import SUBJECT, kill_marked

AWAY = "import os, time; os.setsid() if os.fork() == 0 else print(os.getpid()); time.sleep(60)"


def test_what_left_its_group_is_found_by_what_it_inherited() -> None:
    """It has another parent, group and session; and another's process is left alone."""
    marked = subprocess.Popen(
        [sys.executable, "-c", AWAY], env={**os.environ, SUBJECT: "one"}, stdout=subprocess.PIPE
    )
    other = subprocess.Popen(["sleep", "60"], env={**os.environ, SUBJECT: "another"})
    try:
        assert marked.stdout is not None
        marked.stdout.readline()
        children = Path(f"/proc/{marked.pid}/task/{marked.pid}/children").read_text().split()
        assert len(children) == 1
        kill_marked(SUBJECT, "one")
        assert marked.wait(10) < 0
        assert marked.stdout.read() == b""  # nobody holds the other end any more
        assert other.poll() is None
    finally:
        for process in (marked, other):
            process.kill()
            process.wait()
        assert marked.stdout is not None
        marked.stdout.close()
