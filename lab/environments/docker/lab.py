"""The lab process in a container: the environment `docker` as the conductor sees it.

The gate's process (`lab/contained.py`) dials a socket in a folder that this one shares with it, and is
given each run over it, as a child is over an inherited one: descriptors pass between containers of
one kernel.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import select
import shutil
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from ...backends.container import Contained
from ...backends.pipe import Place
from ...backends.specification import Specification, Url
from ...errors import SetupError
from ...orders import CLOCK, Wanted
from ..handing import Handing
from .backends import Backends, in_one
from .building import EngineBuilder
from .cleaner import Cleaner
from .client import connect
from .containers import Engine
from .images import Images, Say, have_image, use_images
from .labels import Owner, started
from .printed import printed
from .relay import Relays
from .removal import remove, sweep
from .site import Site
from .watch import Happened, Watch

__all__ = ["DockerLab"]

_SOCKET = "lab"  # in the shared folder
_STARTING = 30.0  # seconds for the gate's process to dial, on a loaded machine
_LOOK = 0.25  # seconds between looks whether its container has ended instead
_ASKED = 8  # times that the clock is asked; the quickest answer bounds it best
_ANSWER = 5.0  # seconds for the lab process to tell its clock
_REST = 0.05  # seconds between passes of a removal
_GONE = 1.0  # seconds for a container's end to be known
_LOOPBACK = re.compile(r"127(?:\.\d+){3}|localhost|::1", re.IGNORECASE)
_seconds = struct.Struct("d")


class DockerLab:
    """The lab process in a container, with all that it needs: started once, removed with `close`.

    `say` gets a line for whatever takes long before, as an image that is built. `services`: those whose
    stubs will be wanted; they are started beside everything else. A process of its own removes
    everything, too, when this one is gone. Raises SetupError if it can't be started; nothing is left
    then.
    """

    environment = "docker"
    route = "the front's own address, by the bridge of the lab's network"

    def __init__(self, say: Say, services: Iterable[str] = ()) -> None:
        if sys.platform != "linux":
            raise SetupError("the environment docker needs Linux", mend="play in `--env embedded`")
        self._closed = False
        self._broken = ""  # what happened from outside
        self._one = in_one(os.environ)
        self._undo = ExitStack()
        try:
            client = connect(os.environ)
            self._undo.callback(client.close)
            builder = EngineBuilder(client)
            images = use_images(builder, os.environ, say)
            self._engine = Engine(client)
            have = partial(have_image, builder, say=say)
            self._control = self._start(images, say, have, services)
            self._undo.callback(self._control.close)
            self._handing = Handing(self._control)
            self.clock = _bound(self._control)
            self._control.settimeout(None)
            watch = Watch(self._engine.watch(self._lab), self._lasting, self._break)
            self._undo.callback(watch.close)
        except BaseException:
            self._closed = True
            self._undo.close()
            raise

    def _start(
        self, images: Images, say: Say, have: Callable[[str], None], services: Iterable[str]
    ) -> socket.socket:
        owner = Owner.here()
        self._lab = lab = secrets.token_hex(4)
        folder = Path(tempfile.mkdtemp(prefix="faultlab-"))
        self._undo.callback(shutil.rmtree, folder, ignore_errors=True)
        self._undo.callback(self._remove, lab, Cleaner(lab, owner, folder))
        try:
            sweep(self._engine, owner, started, rest=_rest)
        except SetupError as error:  # it is in nobody's way
            say(f"what an earlier lab has left can't be removed: {error}")
        self.site = Site(
            self._engine, lab, owner, images, folder, first=int.from_bytes(os.urandom(2), "big")
        )
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(folder / _SOCKET))
            listener.listen(1)
            self.site.connect()
            self._backends = Backends(self.site, self._engine, have, one=self._one)
            self._undo.callback(self._backends.close)
            self._relays = Relays(
                self.site.outside, lambda command: self._engine.run(self.site.gate.id, command)
            )
            self._undo.callback(self._relays.close)
            self._backends.begin(services)
            reached = (f"{self.site.shared}/{_SOCKET}", self.site.address)
            self.site.open(("python3", "-P", "-m", "faultlab.lab.contained", *reached))
            return self._dialled(listener)

    def _remove(self, lab: str, cleaner: Cleaner) -> None:
        try:
            remove(self._engine, lab, empty=1, rest=_rest)
        except BaseException:
            cleaner.take_over()
            raise
        cleaner.let_go()

    def _dialled(self, listener: socket.socket) -> socket.socket:
        """The connection of the gate's process. Raises SetupError if it ends instead."""
        listener.settimeout(_LOOK)
        until = time.monotonic() + _STARTING
        while time.monotonic() < until:
            with suppress(TimeoutError):
                control, _ = listener.accept()
                control.settimeout(_ANSWER)
                return control
            ended = self.site.ended()
            if ended:
                raise SetupError(f"the lab's containers do not start: {ended}")
        raise SetupError(
            f"{self.site.gate} did not reach the lab within {_STARTING:g} s",
            mend="does the engine see the folders of this machine? A lab in a container does not work",
        )

    @property
    def address(self) -> str:
        """The front's."""
        return self.site.address

    @property
    def alive(self) -> bool:
        """Whether its lab process still runs."""
        if self._closed:
            return False
        try:
            told, _, _ = select.select([self._control], [], [], 0)
        except (OSError, ValueError):
            return False
        return not told  # only its end comes unasked

    @property
    def who(self) -> str:
        """How messages call it."""
        return f"the lab process in {self.site.gate}"

    def hand_over(self, channel: socket.socket, feed: socket.socket, history: io.FileIO) -> int:
        """Give it a run: two sockets, and the file to write; the run's number here.

        Raises SetupError if it is gone.
        """
        try:
            return self._handing.hand_over(channel, feed, history)
        except OSError as error:
            raise SetupError(self.gone()) from error

    def within(self, specification: Specification) -> Specification:
        """A server on this machine's loopback is reached by a way of its own. Raises SetupError."""
        if not (isinstance(specification, Url) and _LOOPBACK.fullmatch(specification.host)):
            return specification
        host, port = self._relays.to((specification.host, specification.port))
        return Url(f"http://{host}:{port}")

    def places(self, services: Iterable[str]) -> dict[str, Place]:
        """The containers that serve the stubs of these services, started if they do not run yet."""
        return self._backends.places(services)

    def contain(self, run: int, wanted: Wanted) -> Contained:
        """Start a container of this run's own, or act on one."""
        return self._backends.contain(run, wanted)

    def lost(self, run: int) -> str:
        """Which servers of this run's own have ended by themselves, with their last lines."""
        return self._backends.lost(run)

    def printed(self, run: int, since: float) -> dict[str, bytes]:
        """What the containers that serve this run have printed since then, by service or part."""
        return printed(self._engine, self._backends.serving(run), since)

    def release(self, run: int) -> None:
        """Have all containers of this run's own removed, soon."""
        self._backends.release(run)

    def ended(self) -> str:
        """Which of its containers have ended that nobody ended, with their last lines."""
        until = time.monotonic() + _GONE
        while not (found := self.problem) and time.monotonic() < until:
            time.sleep(_REST)  # a process is seen to end before its container is
        return found

    @property
    def problem(self) -> str:
        """The same, as it is known now."""
        try:
            found = self.site.ended()
        except SetupError as error:
            found = str(error)
        return self._broken or found  # which may have come meanwhile, and ends the others

    def _lasting(self) -> set[str]:
        return {placed.id for placed in self.site.placed}

    def _break(self, happened: Happened | None) -> None:
        """End every run: whatever comes now is no client's doing."""
        told = "the Docker engine went away in the middle"
        if happened is not None:
            told = f"container {happened.container[:12]} {happened}"
            for placed in self.site.placed:
                if placed.id == happened.container:
                    told = f"{placed} {happened}{self.site.last_words(placed)}"
        self._broken = told
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        with suppress(SetupError):
            self._engine.remove_container(self.site.gate.id)  # it may be paused, and see no end

    def gone(self) -> str:
        """What to say when it no longer answers: which container ended, and its last lines."""
        kept = "what it had recorded is kept"
        if self._closed:  # runs that it had may ask after its end
            return f"{self._broken or 'the lab is closed'}\n{kept}"
        return f"{self.ended() or self.who + ' does not answer'}\n{kept}"

    def close(self) -> None:
        """Remove everything. Raises SetupError if something does not go."""
        if not self._closed and not self.alive:
            self._broken = self.ended()
        self._closed = True
        self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _rest() -> None:
    time.sleep(_REST)


def _bound(control: socket.socket) -> float:
    """How far, in seconds, the lab process's clock may be from ours. Raises SetupError."""
    best: tuple[float, float] | None = None
    for _ in range(_ASKED):
        before = time.monotonic()
        try:
            control.send(CLOCK)
            (told,) = _seconds.unpack(control.recv(_seconds.size))
        except (OSError, struct.error) as error:
            raise SetupError(f"the lab process does not tell its clock: {error}") from error
        after = time.monotonic()
        if best is None or after - before < best[1] - best[0]:
            best = (before - told, after - told)
    assert best is not None
    if not best[0] <= 0.0 <= best[1]:
        raise SetupError(
            "the lab process's clock is another one than this machine's",
            seen=f"between {best[0]:g} and {best[1]:g} s apart",
            mend="run containers without a time namespace of their own",
        )
    return max(-best[0], best[1])
