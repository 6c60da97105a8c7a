"""The process that starts a subject's commands, and lets none of what they start outlive it.

Started by `spawning.py` as `python -m faultlab.lab.subjects.spawner SOCKET PARENT`. It has one thread, so
that it may run code between fork and exec, and imports little, so that it is there soon. It ends,
and all commands before it, when the socket or its parent does.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any, NoReturn

from ..children import unreaped, wake
from ..mortal import adopt_orphans, die_with, sweep

__all__ = ["main"]

_MESSAGE = 512 * 1024  # bytes
_CHUNK = 64 * 1024
_FREELY = 4 * 1024 * 1024  # bytes of one output that are read as fast as they come
_PACE = 0.001  # seconds between two reads of one that floods
_TAIL = 4096  # bytes of an output's end that are kept
_GRACE = 0.5  # seconds from SIGTERM to SIGKILL for a command that is cancelled
_LAST_GRACE = 0.2  # the same when everything ends


@dataclass(slots=True)
class _Stream:
    """One output of a command while it comes."""

    file: IO[bytes]
    size: int = 0
    tail: bytes = b""
    digest: Any = field(default_factory=hashlib.sha256)

    def read(self) -> bytes | None:
        """Take a piece; None if there is none now, empty at the end."""
        try:
            data = os.read(self.file.fileno(), _CHUNK)
        except BlockingIOError:
            return None
        self.size += len(data)
        self.tail = (self.tail + data)[-_TAIL:]
        self.digest.update(data)
        return data


@dataclass(slots=True)
class _Run:
    """One command that runs. `kill_at`: it was told to end, and has until then."""

    op: int
    process: subprocess.Popen[bytes]
    out: _Stream
    err: _Stream
    kill_at: float | None = None


class _Spawner:
    """Starts commands as it is told, watches their outputs and ends, and tells."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._selector = selectors.DefaultSelector()
        self._runs: dict[int, _Run] = {}  # by process id
        self._resting: list[_Stream] = []  # outputs that flood, until the next look
        self._over = False
        self._become = partial(_become_a_command, os.getpid())

    def serve(self) -> None:
        """Obey until it is over; then end every command and all that they started."""
        wake(self._selector, self._terminated)
        self._selector.register(self._socket, selectors.EVENT_READ, self._take)
        self._tell(ready=True)
        while not self._over:
            self._turn()
        self._end_all()

    def _terminated(self) -> None:
        self._over = True

    def _turn(self) -> None:
        for key, _ in self._selector.select(self._wait()):
            key.data()
        for stream in self._resting:
            self._watch(stream)
        self._resting.clear()
        self._reap()
        now = time.monotonic()
        for run in self._runs.values():
            if run.kill_at is not None and run.kill_at <= now:
                run.kill_at = None
                _signal(run.process.pid, signal.SIGKILL)

    def _wait(self) -> float | None:
        """Seconds to the next thing that nobody will tell."""
        if self._resting:
            return _PACE
        due = [run.kill_at for run in self._runs.values() if run.kill_at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _take(self) -> None:
        try:
            data = self._socket.recv(_MESSAGE)
        except OSError:
            data = b""
        if not data:
            self._over = True
            return
        order = json.loads(data)
        if "start" in order:
            self._start(order["start"], order["arguments"])
        else:
            for run in self._runs.values():
                if run.op == order["end"] and run.kill_at is None:
                    run.kill_at = time.monotonic() + _GRACE
                    _signal(run.process.pid, signal.SIGTERM)

    def _start(self, op: int, arguments: list[str]) -> None:
        try:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                preexec_fn=self._become,  # no other thread can hold a lock
            )
        except (OSError, ValueError) as error:
            self._tell(op=op, missing=f"{arguments[0]}: {getattr(error, 'strerror', '') or error}")
            return
        assert process.stdout is not None
        assert process.stderr is not None
        run = _Run(op, process, _Stream(process.stdout), _Stream(process.stderr))
        self._runs[process.pid] = run
        for stream in (run.out, run.err):
            os.set_blocking(stream.file.fileno(), False)
            self._watch(stream)

    # --- outputs ---------------------------------------------------------------------------------

    def _watch(self, stream: _Stream) -> None:
        if not stream.file.closed:
            read = partial(self._read, stream)
            self._selector.register(stream.file, selectors.EVENT_READ, read)

    def _read(self, stream: _Stream) -> None:
        data = stream.read()
        if data == b"":
            self._selector.unregister(stream.file)
        elif data and stream.size > _FREELY:
            self._selector.unregister(stream.file)
            self._resting.append(stream)

    def _finish(self, stream: _Stream) -> None:
        """Take what is left of an output, and close it."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(stream.file)
        for _ in range(_FREELY // _CHUNK):  # whoever still writes to it is not waited for
            if not stream.read():
                break
        stream.file.close()

    # --- ends ------------------------------------------------------------------------------------

    def _reap(self) -> None:
        """Tell of the commands that have ended, after what they left running was killed."""
        while ended := unreaped():
            run = self._runs.pop(ended, None)
            if run is not None:
                # While the command is not reaped, its group's number is nobody else's.
                _signal(ended, signal.SIGKILL)
            _, status = os.waitpid(ended, 0)
            if run is None:
                continue  # an orphan that was adopted
            if not self._runs:
                sweep()
            run.process.returncode = os.waitstatus_to_exitcode(status)
            for stream in (run.out, run.err):
                self._finish(stream)
            self._tell(
                op=run.op,
                code=run.process.returncode,
                size=run.out.size,
                digest=run.out.digest.hexdigest()[:12],
                out=_told(run.out),
                err=_told(run.err),
            )

    def _end_all(self) -> None:
        for pid in self._runs:
            _signal(pid, signal.SIGTERM)
        until = time.monotonic() + _LAST_GRACE
        while self._runs and time.monotonic() < until:
            self._selector.select(until - time.monotonic())
            self._reap()
        for pid in self._runs:
            _signal(pid, signal.SIGKILL)
        sweep()

    def _tell(self, **message: object) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more; the end of file follows
            self._socket.send(json.dumps(message).encode())


def _become_a_command(spawner: int) -> None:
    """Between fork and exec."""
    die_with(spawner)


def _told(stream: _Stream) -> dict[str, object]:
    return {"tail": stream.tail.decode("latin-1"), "cut": stream.size > len(stream.tail)}


def _signal(group: int, by: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, by)


def main(arguments: list[str]) -> NoReturn:
    """Serve until the parent, or its end of the socket, is gone."""
    sock, parent = (int(argument) for argument in arguments)
    die_with(parent, signal.SIGTERM)
    adopt_orphans()
    _Spawner(socket.socket(fileno=sock)).serve()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
