"""A stranger's repository, with sessions of pytest in it."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpcore
import pytest

import maximus
from faultlab.lab import pytest_simulated, testing
from faultlab.lab.environments import embedded
from faultlab.lab.history import History, load
from faultlab.lab.testing import simulated

LOADED = (httpcore, maximus, testing, embedded, pytest_simulated, simulated)
"""Imported before any session in this process: pytester has the process forget what such a one has
imported, and a second copy of httpcore would raise errors that httpx does not know."""

STRICT = (
    *("-W", "error", "-p", "no:cacheprovider"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),
)
"""Warnings are errors."""


def _collect() -> None:
    """What a session in this process has left to the collector is no other's affair.

    Pytest keeps the last exception for debuggers, and so whatever its frames hold.
    """
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        with suppress(AttributeError):
            delattr(sys, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@dataclass
class Stranger:
    """Somebody who has faultlab installed, and tests a client of their own."""

    pytester: pytest.Pytester
    temporary: Path

    @property
    def path(self) -> Path:
        """The repository."""
        return self.pytester.path

    def writes(self, text: str = "", **files: str) -> None:
        """A file of tests, or several by name."""
        self.pytester.makepyfile(*filter(None, (text,)), **files)

    def ini(self, **options: str) -> None:
        """Its ini file."""
        lines = [f"{name} = {value}" for name, value in options.items()]
        self.pytester.makeini("\n".join(["[pytest]", *lines]))

    def run(self, *options: str) -> pytest.RunResult:
        """A session in a process of its own."""
        return self.pytester.runpytest_subprocess(*STRICT, *options)

    def run_here(self, *options: str) -> pytest.RunResult:
        """A session in this process, for those that need none of their own."""
        _collect()
        try:
            return self.pytester.runpytest_inprocess(*STRICT, *options)
        finally:
            _collect()

    def popen(self, *options: str) -> subprocess.Popen[bytes]:
        """A session that goes on, its output in a pipe."""
        return self.pytester.popen(
            [sys.executable, "-m", "pytest", *STRICT, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def kept(self, name: str) -> History:
        """The history that a failed test left."""
        return load(self.path / ".faultlab/failed" / f"{name}.jsonl")

    def folders(self) -> list[Path]:
        """Temporary folders of the lab's that are left."""
        return list(self.temporary.glob("faultlab-*"))

    def lab_processes(self) -> list[str]:
        """Lab processes that run in the repository."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if b"faultlab.lab" in (process / "cmdline").read_bytes():
                    found.append(str((process / "cwd").readlink()))
            except OSError:
                continue  # it has ended meanwhile, or is another user's
        return [cwd for cwd in found if cwd == str(self.path)]

    def left_nothing(self) -> bool:
        """Neither a folder nor a process."""
        assert self.folders() == []
        assert not (self.path / ".faultlab").exists()
        assert self.lab_processes() == []
        return True


@pytest.fixture
def stranger(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Stranger:
    """Off CI, where pytest prints whole messages that it cuts elsewhere: texts are counted."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    folder = pytester.mkdir("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    return Stranger(pytester, folder)
