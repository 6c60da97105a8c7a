"""A process that serves one stub, as the lab process sees it: its start, its reports, its end.

Counterpart: `lab/apart.py` is that process; `apart.py` beside this file puts one in the place of
another. Knows no proxy and no fault.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Literal

from ..history import AnyEvent
from .pipe import STARTING, Pipe
from .speaking import Speaking

__all__ = ["Launch", "StubProcess", "launch"]

ORDERLY = 5.0  # seconds for an orderly end; what takes longer is killed
_LOOK = 0.001  # seconds between looks at a process whose pipe has ended: it is nearly gone

Launch = Callable[[socket.socket], "subprocess.Popen[bytes]"]
"""Starts a process that is given this end of its pipe. Raises OSError."""


def launch(pipe: socket.socket) -> subprocess.Popen[bytes]:
    """Start the process of `lab/apart.py`."""
    return subprocess.Popen(
        [
            sys.executable,
            "-P",  # what lies in the current folder must not hide a module of ours
            "-m",
            "faultlab.lab.apart",
            str(pipe.fileno()),
            str(os.getpid()),
        ],
        pass_fds=(pipe.fileno(),),
        stdin=subprocess.DEVNULL,
    )


class StubProcess(Speaking):
    """One process, from its start to its end.

    `record` takes the events that it reports, stamped whole. `changed` is called, from the loop,
    when its state has changed by itself. Start it from a thread that lives as long as the lab
    process: the kernel ties it to that thread. Raises OSError if it does not start.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        record: Callable[[AnyEvent], None],
        changed: Callable[[], None],
        start: Launch = launch,
    ) -> None:
        super().__init__(loop, record, changed, host="127.0.0.1")
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = start(theirs)
        except OSError:
            self._limit.cancel()
            ours.close()
            raise
        self._pipe = Pipe(loop, ours, self._hear, self._await_exit)

    def __repr__(self) -> str:
        return f"StubProcess({self.state})"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def end(self, how: Literal["stop", "kill"]) -> None:
        """Have it end, in order or at once; it is `gone` when its kernel has closed all it had."""
        if self.state == "gone":
            return
        self.state = "ending"
        self._process.send_signal(signal.SIGTERM if how == "stop" else signal.SIGKILL)
        if how == "stop":
            self._limit.cancel()
            self._limit = self._loop.call_later(ORDERLY, self._process.kill)

    def freeze(self) -> None:
        """Stop it where it stands; it does nothing any more on return."""
        if self.state != "serving":
            return
        self._process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            self.state = "frozen"
        else:
            self._process.returncode = os.waitstatus_to_exitcode(status)

    def thaw(self) -> None:
        """Let it go on."""
        if self.state == "frozen":
            self.state = "serving"
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill it, frozen or not; it is gone on return."""
        self._let_go()
        self.state = "gone"
        self._process.kill()
        self._process.wait()

    def _await_exit(self) -> None:
        """Its pipe has ended, and with it all but the last of the process."""
        if self.state == "gone":
            return
        if self._process.poll() is None:
            self._loop.call_later(_LOOK, self._await_exit)
            return
        self._limit.cancel()
        if self.state != "ending" and not self.problem:
            self.problem = f"its process ended by itself, with code {self._process.returncode}"
        self.state = "gone"
        self._changes()

    def _late(self) -> None:
        self.problem = f"its process did not start within {STARTING:g} s"
        self._process.kill()
