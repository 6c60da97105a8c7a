"""The folders that a command writes into: new ones, which show up in nobody's commit.

Counterpart: lab/results.py says what lies in a run folder.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from .errors import UsageError

__all__ = ["run_folder", "scratch", "take_back"]

_RUNS = Path(".faultlab") / "runs"


def run_folder(out: Path | None) -> Path:
    """A new folder for this run. Raises UsageError for one that holds something, or can't be."""
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            taken = any(out.iterdir())
        except OSError as error:
            raise UsageError(f"--out {out}: {error.strerror}") from error
        if taken:
            raise UsageError(f"--out {out}: not empty", mend="name a new folder, or an empty one")
        return out
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    for name in (stamp, *(f"{stamp}-{number}" for number in range(2, 100))):
        folder = _RUNS / name
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(f"{folder}: {error.strerror}", mend="--out DIR") from error
        ignore = _RUNS.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", "utf-8")
        return folder
    raise UsageError(f"{_RUNS / stamp}: there are too many runs of this second", mend="--out DIR")


def take_back(folder: Path, *, made: bool) -> None:
    """Remove a run folder in which nothing was played, unless there is something to read."""
    if any(path.is_dir() or path.stat().st_size for path in folder.iterdir()):
        return
    for path in folder.iterdir():
        path.unlink()
    if made:
        folder.rmdir()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for what a subject prints while it is only asked what it declares."""
    folder = Path(tempfile.mkdtemp(prefix="faultlab-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
