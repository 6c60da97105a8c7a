"""Dying with the parent: a process of our own learns it before it does anything else."""

import os
import select
import subprocess
import sys

CHILD = """
import os, sys
from faultlab.lab.mortal import die_with
die_with(int(sys.argv[1]))
print(os.getpid(), flush=True)
sys.stdin.read()
"""
PARENT = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
sys.stdin.read()
"""


def test_whoever_starts_too_late_ends_at_once() -> None:
    """The parent may have died before the kernel was asked; its orphan must not stay."""
    stranger = os.getppid()
    run = subprocess.run(
        [sys.executable, "-c", CHILD, str(stranger)], capture_output=True, check=False
    )
    assert (run.returncode, run.stdout) == (1, b"")


def test_a_kill_of_the_parent_is_one_of_the_child() -> None:
    """Also where the child waits for an input that somebody else keeps open."""
    ours, theirs = os.pipe()  # the child's standard input: it never ends
    try:
        with subprocess.Popen(
            [sys.executable, "-c", PARENT, CHILD], stdin=ours, stdout=subprocess.PIPE
        ) as parent:
            assert parent.stdout is not None
            child = os.pidfd_open(int(parent.stdout.readline()))
            parent.kill()
            assert select.select([child], [], [], 1.0)[0] == [child]
            os.close(child)
    finally:
        os.close(ours)
        os.close(theirs)
