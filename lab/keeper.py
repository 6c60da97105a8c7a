"""The process that keeps a server of the user's: starts it, halts it, and lets nothing of it outlive it.

`python -m faultlab.lab.keeper FD PARENT`: FD is its end of a socket over which it is told what to
start and tells what became of it (`backends/started.py`). One thread and few imports, so that it is
there soon and may run code between fork and exec. It ends, and all that it started before it, with
the socket or the parent, however they end.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

from .children import unreaped, wake
from .excerpt import Excerpt, last_lines
from .mortal import adopt_orphans, die_with, sweep
from .programs import ended, on_port
from .redaction import redacted

__all__ = ["main"]

ORDERLY = 5.0  # seconds from SIGTERM to SIGKILL
_LOOK = 0.01  # seconds between two looks whether it serves
_ANSWER = 2.0  # seconds that one look waits for an answer
_HALTED = 1.0  # seconds in which the kernel has stopped what was told to
_MESSAGE = 512 * 1024  # bytes
_CHUNK = 64 * 1024
_FREELY = 4 * 1024 * 1024  # bytes of the output that are read as fast as they come
_PACE = 0.001  # seconds between two reads of one that floods
_TAIL = 4096  # bytes of the output's end that are kept for a message
_ROUNDS = 100  # of processes that start others while they are halted
_LOCAL = "127.0.0.1"


class _Output:
    """What the server prints, on its way into a file."""

    def __init__(self, pipe: IO[bytes], file: IO[bytes]) -> None:
        self.pipe = pipe
        self._file = file
        self._excerpt = Excerpt()
        self.size = 0
        self._tail = b""
        os.set_blocking(pipe.fileno(), False)

    def take(self) -> bool:
        """Take a piece; whether there may be more."""
        try:
            data = os.read(self.pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return False
        self.size += len(data)
        self._tail = (self._tail + data)[-_TAIL:]
        with contextlib.suppress(OSError):  # the disk is full; the run is not about that
            self._file.write(self._excerpt.feed(data))
        return bool(data)

    def finish(self) -> str:
        """Take what is left; its last lines."""
        for _ in range(_TAIL):  # whoever still writes to it is not waited for
            if not self.take():
                break
        with contextlib.suppress(OSError):
            self._file.write(self._excerpt.finish())
        self._file.close()
        self.pipe.close()
        return redacted(last_lines(self._tail, cut=self.size > len(self._tail)))


class _Look:
    """One look whether a server is there: a connect, and with a path a request."""

    def __init__(self, port: int, path: str) -> None:
        self.until = time.monotonic() + _ANSWER
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.events = selectors.EVENT_WRITE
        self._path = path
        self._sent = False
        self._port = port
        self._said = b""
        with contextlib.suppress(BlockingIOError):
            self.socket.connect((_LOCAL, port))

    def go_on(self) -> bool | None:
        """Whether it serves; None while that is not known."""
        if not self._sent:
            if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return False
            if self.socket.getsockname()[1] == self._port:
                return False  # nobody listens, and chance has it connected with itself
            if not self._path:
                return True
            self._sent = True
            self.events = selectors.EVENT_READ
            head = f"GET {self._path} HTTP/1.1\r\nHost: {_LOCAL}:{self._port}\r\n"
            self.socket.send(f"{head}Connection: close\r\n\r\n".encode("ascii"))
            return None
        data = self.socket.recv(_CHUNK)
        self._said += data
        line, end, _ = self._said.partition(b"\r\n")
        if end:
            return line.startswith(b"HTTP/1.") and line[9:10] == b"2"
        return None if data and len(self._said) < _CHUNK else False


class _Keeper:
    """One server, from its start to its end."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._selector = selectors.DefaultSelector()
        self._process: subprocess.Popen[bytes] | None = None
        self._output: _Output | None = None
        self._port = 0
        self._ready = ""
        self._late = 0.0  # when it should have served; 0 as soon as it does
        self._again = 0.0  # when to look next
        self._look: _Look | None = None
        self._kill_at: float | None = None
        self._resting = False  # its output floods, and is not read until the next look
        self._scratch = Path()
        self._over = False
        self._become = partial(die_with, os.getpid())

    def serve(self) -> None:
        """Obey until it is over; then end all that was started."""
        wake(self._selector, self._terminated)
        self._selector.register(self._socket, selectors.EVENT_READ, self._take)
        while not self._over:
            for key, _ in self._selector.select(self._wait()):
                key.data()
            self._turn()
            if self._resting and self._output is not None:
                self._resting = False
                self._watch(self._output)
        sweep()
        self._forget()

    def _terminated(self) -> None:
        self._over = True

    def _turn(self) -> None:
        self._reap()
        now = time.monotonic()
        if self._kill_at is not None and self._kill_at <= now:
            self._kill_at = None
            _kill()
        if self._late:
            self._look_out(now)

    def _wait(self) -> float | None:
        """Seconds to the next thing that nobody will tell."""
        if self._resting:
            return _PACE
        due = [] if self._kill_at is None else [self._kill_at]
        if self._late:
            due.append(self._again if self._look is None else self._look.until)
        return max(0.0, min(due) - time.monotonic()) if due else None

    # --- what it is told -------------------------------------------------------------------------

    def _take(self) -> None:
        try:
            data = self._socket.recv(_MESSAGE)
        except OSError:
            data = b""
        if not data:
            self._over = True
            return
        order = json.loads(data)
        match order["order"]:
            case "start":
                self._start(order)
            case "stop" if self._process is not None:
                self._kill_at = time.monotonic() + ORDERLY
                self._process.terminate()
            case "kill":
                _kill()
            case "freeze":
                self._tell(halted=_halted())
            case "thaw":
                for pid in _descendants(os.getpid()):
                    _signal(pid, signal.SIGCONT)

    def _start(self, order: dict[str, Any]) -> None:
        self._port = _free_port()
        self._ready = order["ready"]
        arguments = [on_port(word, self._port) for word in order["arguments"]]
        own = {name: on_port(value, self._port) for name, value in order["environment"].items()}
        log = Path(order["log"])
        self._scratch = log.with_suffix(".tmp")
        try:
            self._scratch.mkdir(parents=True, exist_ok=True)
            file = log.open("ab", buffering=0)
        except OSError as error:
            self._unable(f"{log}: can't be written: {error.strerror}")
            return
        if not Path(order["folder"]).is_dir():
            file.close()
            self._unable(f"there is no folder {order['folder']} to start it in")
            return
        try:
            self._process = subprocess.Popen(
                arguments,
                cwd=order["folder"],
                env={**os.environ, "TMPDIR": str(self._scratch), **own, "PORT": str(self._port)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self._become,  # no other thread can hold a lock
            )
        except (OSError, ValueError) as error:
            file.close()
            self._unable(_missing(arguments[0], error))
            return
        assert self._process.stdout is not None
        self._output = _Output(self._process.stdout, file)
        self._watch(self._output)
        self._again = time.monotonic()
        self._late = self._again + order["within"]

    # --- whether it serves -----------------------------------------------------------------------

    def _look_out(self, now: float) -> None:
        """Look whether it serves, as often as is needed."""
        if self._look is not None and self._look.until <= now:
            self._looked(serves=False)
        if self._look is None and now >= self._late:
            self._late = 0.0
            self._tell(late=self._port)
        elif self._look is None and now >= self._again:
            try:
                self._look = _Look(self._port, self._ready)
            except OSError:
                self._again = now + _LOOK
                return
            self._selector.register(self._look.socket, self._look.events, self._seen)

    def _seen(self) -> None:
        if self._look is None:
            return
        try:
            serves = self._look.go_on()
        except BlockingIOError:
            return
        except OSError:
            serves = False
        if serves is None:
            self._selector.modify(self._look.socket, self._look.events, self._seen)
        else:
            self._looked(serves=serves)

    def _looked(self, *, serves: bool) -> None:
        assert self._look is not None
        self._selector.unregister(self._look.socket)
        self._look.socket.close()
        self._look = None
        self._again = time.monotonic() + _LOOK
        if serves:
            self._late = 0.0
            self._tell(serving=self._port)

    # --- its output and its end ------------------------------------------------------------------

    def _watch(self, output: _Output) -> None:
        self._selector.register(output.pipe, selectors.EVENT_READ, self._printed)

    def _printed(self) -> None:
        assert self._output is not None
        more = self._output.take()
        self._resting = more and self._output.size > _FREELY
        if not more or self._resting:
            self._selector.unregister(self._output.pipe)

    def _reap(self) -> None:
        """Tell of the server's end, once nothing is left of it."""
        while gone := unreaped():
            _, status = os.waitpid(gone, 0)
            process = self._process
            if process is None or gone != process.pid:
                continue  # one that it started
            process.returncode = os.waitstatus_to_exitcode(status)
            sweep()
            self._process = None
            self._late = 0.0
            self._kill_at = None
            if self._look is not None:
                self._looked(serves=False)
            self._tell(ended=ended(process.returncode), said=self._forget())

    def _forget(self) -> str:
        """Give back what its output and its temporary files took; its last lines."""
        output, self._output = self._output, None
        said = ""
        if output is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(output.pipe)
            said = output.finish()
        if self._scratch.name:
            shutil.rmtree(self._scratch, ignore_errors=True)
        return said

    def _unable(self, why: str) -> None:
        self._forget()
        self._tell(unable=why)

    def _tell(self, **message: object) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more; the end of file follows
            self._socket.send(json.dumps(message).encode())


def _free_port() -> int:
    """A port that nobody has now; whoever takes it until the server does shows as its failure."""
    with socket.socket() as taken:
        taken.bind((_LOCAL, 0))
        port: int = taken.getsockname()[1]
    return port


def _missing(program: str, error: OSError | ValueError) -> str:
    shown = redacted(program)
    match error:
        case FileNotFoundError() if os.sep not in program:
            return f"there is no program {shown} on PATH"
        case FileNotFoundError():
            return f"there is no program {shown}"
        case PermissionError():
            return f"{shown} can't be executed: chmod +x {shown}"
        case OSError():
            return f"{shown} does not start: {error.strerror}"
        case _:
            return f"{shown} does not start: {error}"


def _signal(pid: int, by: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, by)


def _descendants(pid: int) -> Iterator[int]:
    """What this process started, and what that did, those that start others first."""
    with contextlib.suppress(OSError):  # it has ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text("ascii").split():
                yield int(child)
                yield from _descendants(int(child))


def _kill() -> None:
    """Kill all that was started; what ends by that is told as it is reaped."""
    for pid in tuple(_descendants(os.getpid())):
        _signal(pid, signal.SIGKILL)


def _halted() -> bool:
    """Stop all that was started where it stands; whether all of it stands still on return."""
    halted: set[int] = set()
    for _ in range(_ROUNDS):
        new = [pid for pid in _descendants(os.getpid()) if pid not in halted]
        if not new:
            break
        for pid in new:
            _signal(pid, signal.SIGSTOP)
        halted.update(new)
    until = time.monotonic() + _HALTED
    while any(_runs(pid) for pid in halted):
        if time.monotonic() > until:
            return False
        time.sleep(0.0005)
    return True


def _runs(pid: int) -> bool:
    """Whether a process neither stands still nor has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in {"T", "t", "Z", "X"}


def main(arguments: list[str]) -> NoReturn:
    """Serve until the parent, or its end of the socket, is gone."""
    sock, parent = (int(argument) for argument in arguments)
    die_with(parent, signal.SIGTERM)
    adopt_orphans()
    _Keeper(socket.socket(fileno=sock)).serve()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
