"""The process that removes a lab's containers when the lab's own is gone, however it went.

`python -m faultlab.lab.environments.docker.cleaner LAB OWNER FOLDER`: it waits, in a session of its own,
for the owner's end (a pidfd, since a fork may hold a pipe open) or for word on its standard input.
`Cleaner` is this process as the owner sees it.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import SetupError
from .client import connect
from .containers import Engine
from .labels import Owner, started
from .removal import EMPTY, remove

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["Cleaner", "ended", "main"]

_DONE = b"done"
_REST = 0.15  # seconds between passes: what the engine was asked for before the end shows up in it
_TRIES = 60
_AGAIN = 1.0  # seconds between tries where the engine does not answer
_STARTING = (
    3.0  # seconds in which the lab needs the processors more than an import ahead of need does
)
_LAST_WORDS = 5.0  # seconds for it to end, on a loaded machine


class Cleaner:
    """Started before the first container, let go when the last one is removed.

    Raises SetupError if it does not start.
    """

    def __init__(self, lab: str, owner: Owner, folder: Path) -> None:
        command = [sys.executable, "-P", "-m", __name__, lab, str(owner), str(folder)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # what ends the owner's group or terminal does not end it
                cwd="/",
            )
        except OSError as error:
            raise SetupError(f"the process that cleans up does not start: {error}") from error

    def let_go(self) -> None:
        """Nothing is left to remove: it ends."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(_DONE)
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_LAST_WORDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def take_over(self) -> None:
        """What could not be removed is its to remove, from now on."""
        assert self._process.stdin is not None
        self._process.stdin.close()  # without a word
        threading.Thread(target=self._process.wait, daemon=True).start()


def ended(owner: Owner, word: int, within: float | None = None) -> bool | None:
    """Wait for the owner's end, or for word of it; False where it says that nothing is left.

    `word` is the descriptor of its pipe; the pipe's end without a word is the owner's. None: neither
    came `within` these seconds.
    """
    try:
        process = os.pidfd_open(owner.pid)
    except ProcessLookupError:
        return True
    try:
        if started(owner.pid) != owner.start:  # another one by now
            return True
        ready, _, _ = select.select([process, word], [], [], within)
        if not ready:
            return None
        return word not in ready or os.read(word, len(_DONE)) != _DONE
    finally:
        os.close(process)


def main(arguments: list[str]) -> None:
    """The process's whole life."""
    lab, told, folder = arguments
    owner = Owner.parse(told)
    assert owner is not None
    word = sys.stdin.fileno()
    gone = ended(owner, word, _STARTING)
    if gone is False:
        return
    client = _connected()
    if gone or ended(owner, word):
        shutil.rmtree(folder, ignore_errors=True)
        _remove(Engine(client), lab)
    client.close()


def _connected() -> DockerClient:
    """The engine's client, as soon as there is one. Raises SetupError."""
    for _ in range(_TRIES):
        try:
            return connect(os.environ)
        except SetupError:
            time.sleep(_AGAIN)
    return connect(os.environ)


def _remove(engine: Engine, lab: str) -> None:
    """Remove everything, also where the engine is being started anew just then."""
    for _ in range(_TRIES):
        try:
            remove(engine, lab, empty=EMPTY, rest=lambda: time.sleep(_REST))
        except SetupError:
            time.sleep(_AGAIN)
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1:])
