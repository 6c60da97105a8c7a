"""The environment `embedded`: the lab process on this machine's loopback, no Docker.

Counterpart of `lab/host.py`; `hosted.py` is one run in it.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from ..addresses import TOXIPROXYS
from ..backends.container import Contained
from ..backends.pipe import Place
from ..backends.specification import Specification
from ..errors import SetupError
from ..orders import Wanted
from .handing import Handing
from .toxiproxy import Server

__all__ = ["LabProcess"]

_LAST_WORDS = 1.0  # seconds for it to end by itself


class LabProcess:
    """The lab process: started once, ended with `close` or with this process, whatever kills it.

    Start it from a thread that lives as long as the process: the kernel ties it to that thread.
    `toxiproxy`: the server through which subjects reach it. Raises SetupError if it does not start.
    """

    environment = "embedded"
    problem = ""  # it is this process's child, and its end is seen on each channel
    clock = 0.0  # its processes are this kernel's

    def __init__(self, toxiproxy: Server | None = None) -> None:
        self.address = "127.0.0.1" if toxiproxy is None else TOXIPROXYS
        self.route = "loopback" if toxiproxy is None else f"loopback, through {toxiproxy}"
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        self._handing = Handing(ours)
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-P",  # what lies in the current folder must not hide a module of ours
                        "-m",
                        "faultlab.lab.host",
                        str(theirs.fileno()),
                        str(os.getpid()),
                        *(() if toxiproxy is None else (toxiproxy.path,)),
                    ],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is the conductor's to handle
                )
            except OSError as error:
                ours.close()
                raise SetupError(f"the lab process does not start: {error}") from error

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def who(self) -> str:
        """How messages call it."""
        return f"the lab process (pid {self.pid})"

    def hand_over(self, channel: socket.socket, feed: socket.socket, history: io.FileIO) -> int:
        """Give it a run: two sockets, and the file to write; the run's number here.

        Raises SetupError if it is gone.
        """
        try:
            return self._handing.hand_over(channel, feed, history)
        except OSError as error:
            raise SetupError(self.gone()) from error

    def within(self, specification: Specification) -> Specification:
        """It is on this machine, too."""
        return specification

    def places(self, services: Iterable[str]) -> dict[str, Place] | None:  # noqa: ARG002
        """None: it serves its stubs itself."""
        return None

    def contain(self, run: int, wanted: Wanted) -> Contained:  # noqa: ARG002
        """It asks for none."""
        return Contained("there are no containers in `embedded`")

    def lost(self, run: int) -> str:  # noqa: ARG002
        """It has none in containers; of others its process tells."""
        return ""

    def printed(self, run: int, since: float) -> dict[str, bytes]:  # noqa: ARG002
        """Nothing: what is started here prints into files, or where this process does."""
        return {}

    def release(self, run: int) -> None:
        """None has any."""

    def ended(self) -> str:
        """It has none."""
        return ""

    def gone(self) -> str:
        """What to say when it no longer answers."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WORDS)
        code = self._process.returncode
        ended = "does not answer" if code is None else f"ended with code {code}"
        return f"{self.who} {ended}; what it had recorded is kept"

    def close(self) -> None:
        """Have it close everything and end; kill it if it doesn't."""
        self._control.close()
        try:
            self._process.wait(_LAST_WORDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
