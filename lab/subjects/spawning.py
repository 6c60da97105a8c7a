"""The subject's side of its commands: has a process of their own start them, and waits for them.

Counterpart: `spawner.py` is that process. Belongs to one loop, but for `end`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import LabError, SetupError, SubjectError
from ..excerpt import last_lines
from ..programs import ended
from ..redaction import redacted
from .command_line import CommandFailed, CommandLine, Output

__all__ = ["Spawning", "demand_program"]

_MESSAGE = 512 * 1024  # bytes
_LONGEST = 128 * 1024  # bytes of all arguments; Linux lets one argument be as long
_START = 20.0  # seconds, on a loaded machine
_LAST_WORDS = 0.45  # seconds in which it ends its commands


def demand_program(command: CommandLine, kind: type[LabError], text: str) -> None:
    """Raise `kind`, with `text` in front, where the command's program can't be started."""
    program = command.program
    if shutil.which(program) is not None:
        return
    if os.sep not in program:
        raise kind(f"{text}: there is no program {program}", seen="nothing of this name on PATH")
    if Path(program).is_file():
        raise kind(f"{text}: {program} can't be executed", mend=f"chmod +x {program}")
    raise kind(f"{text}: there is no program {program}", seen=f"from {Path.cwd()}")


class Spawning:
    """Runs commands, any number at once, between `start` and `close`.

    `lost` is called if the process that starts them is gone: how they ended is known no more.
    """

    def __init__(self, lost: Callable[[], None]) -> None:
        self._lost = lost
        self._ending = False
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ready: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Start the process that starts commands, once. Raises SetupError."""
        if self._process is not None:
            return
        loop = asyncio.get_running_loop()
        self._process, self._socket = _started()
        self._ready = loop.create_future()
        loop.add_reader(self._socket, self._told)
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), _START)
        except TimeoutError:
            raise SetupError("the process that starts commands does not start") from None

    async def run(self, op: int, command: CommandLine) -> Output:
        """Run a command to its end. Raises CommandFailed, and SetupError where it can't be started.

        Cancelled, it has the command ended (SIGTERM, then SIGKILL) and waits for that.
        """
        assert self._socket is not None
        order = json.dumps({"start": op, "arguments": command.arguments}).encode()
        if len(order) > _LONGEST:
            raise SubjectError(f"a command of {len(order)} bytes; at most {_LONGEST} are started")
        answer = self._waiting[op] = asyncio.get_running_loop().create_future()
        self._send(order)
        try:
            told = await asyncio.shield(answer)
        except asyncio.CancelledError:
            with contextlib.suppress(LabError):
                self._send(json.dumps({"end": op}).encode())
                _show(op, command, await answer)
            raise
        finally:
            del self._waiting[op]
        _show(op, command, told)
        if told["code"] == 0:
            return Output(told["size"], told["digest"])
        raise CommandFailed(ended(told["code"]), _said(told, "err") or _said(told, "out"))

    def end(self) -> None:
        """End every command for good, and wait a moment for that. From any thread."""
        if self._socket is None or self._process is None:
            return
        self._ending = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WORDS)

    def close(self) -> None:
        """On the loop: end every command, and give back what this holds."""
        self.end()
        if self._socket is not None:
            self._give_up()
            self._socket.close()

    def _send(self, order: bytes) -> None:
        assert self._socket is not None
        try:
            self._socket.send(order)
        except OSError as error:
            raise SetupError(f"the process that starts commands is gone: {error}") from error

    def _told(self) -> None:
        """On the loop: hand each message to who waits for it."""
        assert self._socket is not None
        assert self._ready is not None
        try:
            data = self._socket.recv(_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._give_up()
            if not self._ending:
                self._lost()
            return
        told = json.loads(data)
        if "ready" in told:
            self._ready.set_result(None)
            return
        answer = self._waiting.get(told["op"])
        if answer is None or answer.done():
            return
        if "missing" in told:
            answer.set_exception(SubjectError(f"a command can't be started: {told['missing']}"))
        else:
            answer.set_result(told)

    def _give_up(self) -> None:
        assert self._socket is not None
        assert self._ready is not None
        asyncio.get_running_loop().remove_reader(self._socket)
        gone = SetupError("the process that starts commands is gone")
        if not self._ready.done():
            self._ready.set_exception(gone)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(gone)


def _started() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with theirs:
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",  # what lies in the current folder must not hide a module of ours
                "-m",
                "faultlab.lab.subjects.spawner",
                str(theirs.fileno()),
                str(os.getpid()),
            ],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # who sweeps our group must leave it the time to sweep
        )
    return process, ours


def _show(op: int, command: CommandLine, told: dict[str, Any]) -> None:
    """Into the subject's log: how a command ended, and the last lines that it wrote."""
    lines = [f"[operation {op}] {command.program}: {ended(told['code'])}"]
    lines += filter(None, (redacted(_said(told, "out")), redacted(_said(told, "err"))))
    with contextlib.suppress(OSError, ValueError):  # the author's code may have closed it
        sys.stdout.write("\n".join(lines) + "\n")


def _said(told: dict[str, Any], name: str) -> str:
    return last_lines(told[name]["tail"].encode("latin-1"), cut=told[name]["cut"])
