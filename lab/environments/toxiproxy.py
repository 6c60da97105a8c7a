"""A real Toxiproxy of this machine: its binary found, and its version asked, before anything starts."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from ..errors import SetupError

__all__ = ["Server", "found", "too_old"]

NAME = "toxiproxy-server"
VARIABLE = "FAULTLAB_TOXIPROXY"
OLDEST = (2, 5)  # the first whose output is made of JSON lines

_PATIENCE = 10.0  # seconds to say a version, on a loaded machine
_MEND = (
    f"install Toxiproxy {OLDEST[0]}.{OLDEST[1]} or later (github.com/Shopify/toxiproxy) so that "
    f"`{NAME}` is on PATH, or say where it is: {VARIABLE}=/path/to/{NAME}"
)


@dataclass(frozen=True, slots=True)
class Server:
    """The server's binary, and its version: `git` of one built from source."""

    path: str
    version: str

    @override
    def __str__(self) -> str:
        return f"Toxiproxy {self.version}"


def found(environ: Mapping[str, str]) -> Server:
    """The server of this machine. Raises SetupError, with what to do."""
    path = _binary(environ)
    try:
        asked = subprocess.run(
            [path, "-version"], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{path} does not start: {error}", mend=_MEND) from error
    said = re.search(r"version (\S+)", asked.stdout)
    if said is None or "toxiproxy" not in asked.stdout.lower():
        seen = (asked.stdout + asked.stderr).strip()[:200]
        raise SetupError(f"{path} is no Toxiproxy server", seen=seen, mend=_MEND)
    if too_old(said[1]):
        raise SetupError(f"{path} is Toxiproxy {said[1]}: too old", mend=_MEND)
    return Server(path, said[1])


def too_old(version: str) -> bool:
    """Whether a version is known to be too old; one built from source has no number."""
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) < OLDEST


def _binary(environ: Mapping[str, str]) -> str:
    named = environ.get(VARIABLE, "")
    if named:
        program = shutil.which(named)
        if program is None:
            raise SetupError(f"{VARIABLE}={named}: no program that can be started", mend=_MEND)
    else:
        program = shutil.which(NAME, path=environ.get("PATH"))
        if program is None:
            raise SetupError(f"no `{NAME}` on PATH", mend=_MEND)
    return str(Path(program).absolute())
