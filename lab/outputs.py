"""The files that a command was told to write beside what it prints: named, checked, written whole.

Counterpart: lab/report/forms.py makes the bytes. Knows forms by name only.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import SetupError, UsageError

__all__ = ["Output", "check", "parse", "write"]


@dataclass(frozen=True, slots=True)
class Output:
    """A file and the form that it gets; `option` as the command line says it."""

    option: str
    form: str
    path: Path


def parse(texts: Iterable[str], forms: Sequence[str]) -> tuple[Output, ...]:
    """The outputs in texts like `json:out/report.json`.

    Raises UsageError for an unknown form, a missing path, and a path that is named twice.
    """
    found: list[Output] = []
    for text in texts:
        option = f"--report {text}"
        form, colon, path = text.partition(":")
        expected = ", ".join(f"{one}:PATH" for one in forms)
        if form not in forms or not colon:
            raise UsageError(f"{option}: no form of a report", expected=expected)
        if not path or "\0" in path:
            raise UsageError(f"{option}: no path", expected=f"{form}:PATH")
        twin = next((one for one in found if _target(one.path) == _target(Path(path))), None)
        if twin is not None:
            raise UsageError(f"{option}: the file of {twin.option}, too", mend="name another")
        found.append(Output(option, form, Path(path)))
    return tuple(found)


def check(outputs: Iterable[Output]) -> None:
    """Raise UsageError for the first file that can't be written; leaves no trace."""
    for output in outputs:
        target = _target(output.path)
        if target.exists() and not target.is_file():
            what = "a folder" if target.is_dir() else "no regular file"
            raise UsageError(f"{output.option}: {what}", expected="the name of a file")
        if not target.parent.is_dir():
            raise UsageError(
                f"{output.option}: there is no folder {output.path.parent}", mend="make it first"
            )
        if target.exists() and not os.access(target, os.W_OK):
            raise UsageError(f"{output.option}: may not be written")
        try:
            beside = _beside(target)
            beside.open("xb").close()
            beside.unlink()
        except OSError as error:
            raise UsageError(f"{output.option}: can't be written: {error.strerror}") from error


def write(output: Output, data: bytes) -> None:
    """Put a file there that holds exactly this, or leave what was there. Raises SetupError."""
    target = _target(output.path)
    beside = _beside(target)
    try:
        with beside.open("xb") as stream:
            stream.write(data)
        beside.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            said = f"{output.option}: can't be written: {error.strerror}"
            raise SetupError(said) from error
        raise


def _target(path: Path) -> Path:
    """Where the file is: a link stays a link to it."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself, before 3.13
        raise UsageError(f"{path}: leads nowhere: {error}") from error


def _beside(target: Path) -> Path:
    """A name in the same folder that is nobody's, hidden until it is whole."""
    return target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.part")
