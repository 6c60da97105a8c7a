"""A Toxiproxy of our own: its binary found, started on a free port of the loopback, and ended with us."""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from ..errors import SetupError
from ..mortal import die_with
from .control import Control

__all__ = ["Started", "binary", "too_old"]

NAME = "toxiproxy-server"
VARIABLE = "FAULTLAB_TOXIPROXY"
OLDEST = (2, 5)  # the first whose output is made of JSON lines

_HOST = "127.0.0.1"
_PATIENCE = 10.0  # seconds until its API must answer, on a loaded machine
_LOOK = 0.01  # seconds between looks whether it does

_MEND = (
    f"install Toxiproxy {OLDEST[0]}.{OLDEST[1]} or later (github.com/Shopify/toxiproxy) so that "
    f"`{NAME}` is on PATH, or say where it is: {VARIABLE}=/path/to/{NAME}"
)


def binary(environ: Mapping[str, str]) -> str:
    """Where the server's binary is. Raises SetupError."""
    named = environ.get(VARIABLE, "")
    if named:
        found = shutil.which(named)
        if found is None:
            raise SetupError(f"{VARIABLE}={named}: no program that can be started", mend=_MEND)
        return str(Path(found).absolute())
    found = shutil.which(NAME, path=environ.get("PATH"))
    if found is None:
        raise SetupError(f"no `{NAME}` on PATH", mend=_MEND)
    return str(Path(found).absolute())


def too_old(version: str) -> bool:
    """Whether a version is known to be too old; one built from source has no number."""
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) < OLDEST


class Started:
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
                raise SetupError(f"{path} does not start: {error.strerror}", mend=_MEND) from error
            assert self._process.stdout is not None
            self.output = self._process.stdout.fileno()
            os.set_blocking(self.output, False)
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
        code = self._process.poll()
        return "" if code is None else f"Toxiproxy (pid {self.pid}) ended with code {code}"

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
            if too_old(version):
                raise SetupError(f"{path} is Toxiproxy {version}: too old", mend=_MEND)
            if version:
                return version
            select.select([self.output], [], [], _LOOK)
            with suppress(BlockingIOError):
                said += os.read(self.output, 65536)
            if self._process.poll() is not None or time.monotonic() > limit:
                last = said.decode(errors="replace").strip().splitlines()[-1:]
                how = self.gone() or f"it did not answer within {_PATIENCE:g} s"
                seen = last[0][:300] if last else ""
                raise SetupError(f"{path} does not serve: {how}", seen=seen, mend=_MEND)
