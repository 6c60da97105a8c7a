"""What a process learns of its children's ends."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys

from faultlab.lab.children import unreaped

WAITS = """
import os, selectors, signal
from faultlab.lab.children import unreaped, wake
selector = selectors.DefaultSelector()
told = []
wake(selector, lambda: told.append("terminated"))
child = os.fork()
if not child:
    os._exit(0)
while unreaped() != child:
    for key, _ in selector.select(20):
        key.data()
os.waitpid(child, 0)
print("ended", flush=True)
while not told:
    for key, _ in selector.select(20):
        key.data()
print(*told, flush=True)
"""


def test_an_end_and_sigterm_wake_who_waits_in_a_selector() -> None:
    """No thread, no timeout."""
    with subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ended\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == b"terminated\n"
    assert process.returncode == 0


def test_a_child_that_has_ended_is_named_and_still_there() -> None:
    """Whoever asks reaps it, with what it has to do before."""
    child = os.fork()
    if not child:
        os._exit(3)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert unreaped() == child
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


def test_nobody_is_named_who_runs() -> None:
    """Nor where there is no child at all."""
    assert unreaped() == 0
    with selectors.DefaultSelector() as selector:
        assert selector.select(0) == []
