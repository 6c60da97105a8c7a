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

import msgspec

from ..frames import Batch, Frames, pack
from ..history import AnyEvent
from .routes import Request
from .specification import Builtin, Routed

__all__ = ["Launch", "Listening", "Ready", "Said", "Serve", "StubProcess", "Unable", "launch"]

STARTING = 20.0  # seconds for an interpreter to start, on a loaded machine
ORDERLY = 5.0  # seconds for an orderly end; what takes longer is killed
_READ = 256 * 1024
_LOOK = 0.001  # seconds between looks at a process whose pipe has ended: it is nearly gone

State = Literal["starting", "ready", "opening", "serving", "frozen", "ending", "gone"]
Launch = Callable[[socket.socket], "subprocess.Popen[bytes]"]
"""Starts a process that is given this end of its pipe. Raises OSError."""


class Serve(msgspec.Struct, frozen=True):
    """What the process is told, once: serve this, after these requests have been carried out."""

    service: str
    specification: Routed | Builtin
    start: float
    past: tuple[Request, ...] = ()


class Ready(msgspec.Struct, frozen=True, tag="ready", tag_field="frame"):
    """It has started, and waits to be told what to serve."""


class Listening(msgspec.Struct, frozen=True, tag="listening", tag_field="frame"):
    """It serves, on this port."""

    port: int


class Unable(msgspec.Struct, frozen=True, tag="unable", tag_field="frame"):
    """It can't serve, and why."""

    text: str


Said = Batch | Ready | Listening | Unable

_serve = msgspec.msgpack.Encoder()
_said = msgspec.msgpack.Decoder(Said)


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


class StubProcess:
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
        self.state: State = "starting"
        self.port = 0
        self.problem = ""  # why it does not do what it was told
        self._loop = loop
        self._record = record
        self._changed = changed
        self._frames = Frames()
        self._pipe, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = start(theirs)
        except OSError:
            self._pipe.close()
            raise
        loop.add_reader(self._pipe, self.drain)
        self._limit = loop.call_later(STARTING, self._late)

    def __repr__(self) -> str:
        return f"StubProcess({self.state})"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def serve(self, what: Serve) -> None:
        """Have it serve; it is `serving` as soon as it says that it listens."""
        self.state = "opening"
        try:
            self._pipe.sendall(pack(_serve.encode(what)))
        except OSError:
            self.drain()  # it has ended; its pipe says so

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

    def drain(self) -> None:
        """Take what it has reported."""
        while self._pipe.fileno() >= 0:
            try:
                data = self._pipe.recv(_READ, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._loop.remove_reader(self._pipe)
                self._pipe.close()
                self._await_exit()
                return
            for body in self._frames.bodies(data):
                self._hear(_said.decode(body))

    def close(self) -> None:
        """Kill it, frozen or not; it is gone on return."""
        self._limit.cancel()
        if self._pipe.fileno() >= 0:
            self._loop.remove_reader(self._pipe)
            self._pipe.close()
        self.state = "gone"
        self._process.kill()
        self._process.wait()

    def _hear(self, said: Said) -> None:
        match said:
            case Batch(events=events):
                for event in events:
                    self._record(event)
                return
            case Ready():
                self._limit.cancel()
                if self.state == "starting":
                    self.state = "ready"
            case Listening(port=port):
                self.port = port
                if self.state == "opening":
                    self.state = "serving"
            case Unable(text=text):
                self.problem = text
        # Not at once: reports are also taken in the middle of something else.
        self._loop.call_soon(self._changed)

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
        self._loop.call_soon(self._changed)

    def _late(self) -> None:
        self.problem = f"its process did not start within {STARTING:g} s"
        self._process.kill()
