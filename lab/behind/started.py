"""A Toxiproxy of our own, on a free port of the loopback, and ended with us.

Counterpart: `environments/toxiproxy.py` finds its binary.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess
import time
from contextlib import suppress
from functools import partial

from ..errors import SetupError
from ..mortal import die_with
from .control import Control

__all__ = ["Toxiproxy"]

_HOST = "127.0.0.1"
_PATIENCE = 10.0  # seconds until its API must answer, on a loaded machine
_LAST_WORDS = 0.2  # seconds that its end may come behind its output's
_PIPE = 1024 * 1024  # bytes: as much as everybody may have
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of <linux/fcntl.h>
_LOOK = 0.01  # seconds between looks whether it does


class Toxiproxy:
    """The server at `path`, as a child of this process. Raises SetupError if it does not serve.

    Start it from a thread that lives as long as it shall, while no other runs: the kernel ties it
    to that thread. It is killed with it, whatever kills that.
    """

    def __init__(self, path: str) -> None:
        with socket.socket() as place:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.bind((_HOST, 0))  # nobody else gets the port before it listens
            port = place.getsockname()[1]
            self.control = Control(_HOST, port)
            try:
                self._process = subprocess.Popen(
                    [path, "-host", _HOST, "-port", str(port)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "LOG_LEVEL": "info"},
                    start_new_session=True,  # Ctrl-C is the conductor's to handle
                    preexec_fn=partial(die_with, os.getpid()),  # no other thread runs
                )
            except OSError as error:
                raise SetupError(f"{path} does not start: {error.strerror}") from error
            assert self._process.stdout is not None
            self.output = self._process.stdout.fileno()
            os.set_blocking(self.output, False)
            with suppress(OSError):  # while we are busy it should not have to wait
                fcntl.fcntl(self.output, _SET_PIPE_SIZE, _PIPE)
            try:
                self.version = self._answering(path)
            except BaseException:
                self.close()
                raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def gone(self) -> str:
        """What to say when it has ended; empty while it runs."""
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(_LAST_WORDS)  # its output may end a little sooner
            return f"Toxiproxy (pid {self.pid}) ended with code {code}"
        return ""

    def close(self) -> None:
        """End it: what it has is worth nothing."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _answering(self, path: str) -> str:
        """Its version, as soon as it says so."""
        said = b""
        limit = time.monotonic() + _PATIENCE
        while True:
            version = ""
            with suppress(SetupError):
                version = self.control.version()
            if version:
                return version
            select.select([self.output], [], [], _LOOK)
            with suppress(BlockingIOError):
                said += os.read(self.output, 65536)
            if self._process.poll() is not None or time.monotonic() > limit:
                last = said.decode(errors="replace").strip().splitlines()[-1:]
                how = self.gone() or f"it did not answer within {_PATIENCE:g} s"
                seen = last[0][:300] if last else ""
                raise SetupError(f"{path} does not serve: {how}", seen=seen)
