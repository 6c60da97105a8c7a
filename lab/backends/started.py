"""A server of the user's that the lab starts by a command, as the lab process sees it.

Counterpart: `lab/keeper.py` is the process between them, which starts the server and ends all of it.
The third form of a backend; it reports nothing of what it serves. Knows no proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

from ..escaped import SERVER, kill_marked
from .process import Launch
from .servers import Command

__all__ = ["Started", "keep"]

_MESSAGE = 512 * 1024  # bytes
_LOOK = 0.002  # seconds between looks at a process that is nearly gone
_OUTLIVED = (
    "; a command that goes into the background must be told not to, so that the lab can end it"
)

State = Literal["starting", "serving", "freezing", "frozen", "ending", "gone"]
_SERVES = ("serving", "freezing", "frozen")


def keep(pipe: socket.socket) -> subprocess.Popen[bytes]:
    """Start the process of `lab/keeper.py`, in a session of its own: a signal to ours is none to it."""
    return subprocess.Popen(
        [
            sys.executable,
            "-P",  # what lies in the current folder must not hide a module of ours
            "-m",
            "faultlab.lab.keeper",
            str(pipe.fileno()),
            str(os.getpid()),
        ],
        pass_fds=(pipe.fileno(),),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


class Started:
    """The backend of one service, started by a command.

    What it prints goes to `log`. `changed` is called, from the loop, when `settled` may have changed.
    Start it from a thread that lives as long as the lab process: the kernel ties it to that thread.
    """

    what = "the server's processes"
    halts = "SIGSTOP"
    network = None  # it has that of the lab process

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        service: str,
        command: Command,
        *,
        log: Path,
        changed: Callable[[], None],
        launched: Launch = keep,
    ) -> None:
        self.problem = ""
        self._loop = loop
        self._service = service
        self._command = command
        self._log = log
        self._mark = token_hex(8)
        self._told = changed
        self._launched = launched
        self._state: State = "gone"
        self._port = 0
        self._pipe: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._left: list[subprocess.Popen[bytes]] = []  # that were told to end
        self._served: Callable[[], None] | None = None  # to be called when it serves
        self._ended: Callable[[], None] | None = None  # to be called when it has ended
        self._frozen: Callable[[], None] | None = None  # to be called when it is halted

    def __repr__(self) -> str:
        return f"Started({self._service}, {self._state})"

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, host and port; port 0 while it doesn't."""
        return "127.0.0.1", self._port if self._state in _SERVES else 0

    @property
    def settled(self) -> bool:
        """Whether it is neither starting nor ending, or will do neither any more."""
        return bool(self.problem) or not (self._served or self._ended or self._frozen)

    @property
    def gone(self) -> bool:
        """Whether nothing of it is left."""
        return self._process is None and not self._left

    def open(self, served: Callable[[], None]) -> None:
        """Start it, where it does not run; `served` is called when it serves."""
        if self._served is not None or self.address[1] or self.problem:
            return
        self._served = served
        if self._state == "gone":
            self._start()

    def end(self, how: Literal["stop", "kill"], ended: Callable[[], None]) -> None:
        """End it with all that it started; `ended` is called when it is gone."""
        self._served = None  # what was to be started again is not, by this
        if self._state == "gone":
            ended()
            return
        self._ended = ended
        self._state = "ending"
        self._say(order=how)

    def freeze(self, frozen: Callable[[], None]) -> None:
        """Halt it where it stands, with all that it started; `frozen` is called when it is halted."""
        if self._state != "serving":
            frozen()
            return
        self._state = "freezing"
        self._frozen = frozen
        self._say(order="freeze")

    def thaw(self) -> None:
        """Let it go on."""
        if self._state in ("freezing", "frozen"):
            self._state = "serving"
            self._say(order="thaw")
            self._soon()

    def drain(self) -> None:
        """Take what has been told of it."""
        while self._pipe is not None:
            try:
                data = self._pipe.recv(_MESSAGE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._let_go()
                kill_marked(SERVER, self._mark)
                self._fail("the process that keeps it is gone")
                return
            self._hear(json.loads(data))

    def close(self) -> None:
        """End it now, and wait for nothing: `gone` tells when that is done."""
        self._let_go()
        self._served = self._ended = self._frozen = None

    def wait(self) -> None:
        """Wait until nothing of it is left."""
        self.close()
        while self._left:
            self._left.pop().wait()

    # --- its keeper ------------------------------------------------------------------------------

    def _start(self) -> None:
        """Have a keeper of its own start it."""
        command = self._command
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = self._launched(theirs)
        except OSError as error:
            ours.close()
            self._fail(f"its process does not start: {error}")
            return
        self._pipe = ours
        self._state = "starting"
        self._loop.add_reader(ours, self.drain)
        self._say(
            order="start",
            arguments=command.arguments,
            folder=command.folder,
            environment={**dict(command.environment), SERVER: self._mark},
            ready=command.ready,
            within=command.ready_within,
            log=str(self._log),
        )

    def _say(self, **order: object) -> None:
        if self._pipe is not None:
            with contextlib.suppress(OSError):  # it has ended; its pipe says so
                self._pipe.send(json.dumps(order).encode())

    def _hear(self, told: dict[str, Any]) -> None:
        match told:
            case {"serving": int(port)}:
                self._port = port
                if self._state == "starting":
                    self._state = "serving"
                    self._soon()
            case {"halted": True} if self._state == "freezing":
                self._state = "frozen"
                self._soon()
            case {"halted": False}:
                self._fail("its processes can't be halted")
            case {"ended": str(how), "said": str(said)}:
                self._gone(how, said)
            case {"late": int(port)}:
                asked = f"`GET {self._command.ready}`" if self._command.ready else "a connection"
                self._fail(
                    f"it did not answer {asked} on 127.0.0.1:{port} within"
                    f" {self._command.ready_within:g} s; {{port}} and PORT tell it where to listen"
                )
            case {"unable": str(why)}:
                self._fail(why)

    def _gone(self, how: str, said: str) -> None:
        """It has ended, as it was told or not."""
        asked, before = self._state == "ending", self._state == "starting"
        self._let_go()
        if not asked:
            when = "before it served" if before else "by itself"
            left = _OUTLIVED if before and how == "exit 0" else ""
            self._fail(f"it ended {when}, {how}{left}", said)
            return
        self._soon()

    def _soon(self) -> None:
        """Not at once: it is also heard of in the middle of something else."""
        self._loop.call_soon(self._proceed)

    def _proceed(self) -> None:
        """Go on from what it has come to."""
        if self._frozen is not None and self._state != "freezing":
            frozen, self._frozen = self._frozen, None
            frozen()
        if self._state == "gone":
            ended, self._ended = self._ended, None
            if ended is not None:
                ended()
        if self._state == "serving":
            served, self._served = self._served, None
            if served is not None:
                served()
        elif self._state == "gone" and self._served is not None and not self.problem:
            self._start()
        self._told()

    def _fail(self, why: str, said: str = "") -> None:
        if self.problem:
            return
        shown = f"; it said: {' | '.join(said.splitlines())}" if said else ""
        self.problem = f"{self._service}: {self._command.text}: {why}{shown}; log: {self._log}"
        self._let_go()
        self._soon()

    def _let_go(self) -> None:
        """Its keeper ends with its pipe, and all of the server before it."""
        self._state = "gone"
        if self._pipe is not None:
            self._loop.remove_reader(self._pipe)
            self._pipe.close()
            self._pipe = None
        process, self._process = self._process, None
        if process is not None:
            self._left.append(process)
            self._await_exits()

    def _await_exits(self) -> None:
        self._left = [process for process in self._left if process.poll() is None]
        if self._left:
            self._loop.call_later(_LOOK, self._await_exits)
