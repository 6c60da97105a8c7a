"""The pytest plugin: the fixture `lab`, and what a failed test shows of the wire.

Loaded in every session where faultlab is installed, so it imports nothing until a test asks for
the fixture. What the fixture gives is `testing.py`'s.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .environments.embedded import LabProcess
    from .testing import Lab

__all__ = ["lab"]

_process = pytest.StashKey["LabProcess"]()
_lab = pytest.StashKey["Lab"]()
_failed = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plugin."""
    group = parser.getgroup("faultlab", "resilience tests of clients")
    group.addoption(
        "--faultlab-seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of jitter and fractions in every test's lab (default: 0)",
    )


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab for this test: stubs behind a fault proxy, faults on demand, counts from the wire."""
    __tracebackhide__ = True
    from .testing import Lab  # quick start-up of sessions without the lab

    item = request.node
    folder = Path(tempfile.mkdtemp(prefix="faultlab-"))
    try:
        made = Lab(
            _session_process(request.config),
            name=item.nodeid,
            folder=folder,
            seed=request.config.getoption("--faultlab-seed"),
        )
        item.stash[_lab] = made
        yield made
        keep = _kept(item) if item.stash.get(_failed, False) else None
        made.close(keep)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _session_process(config: pytest.Config) -> LabProcess:
    """The session's one lab process, started when the first test asks."""
    from .environments.embedded import LabProcess

    if _process not in config.stash:
        process = config.stash[_process] = LabProcess()
        config.add_cleanup(process.close)
    return config.stash[_process]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give a failed test's report the wire as the lab saw it."""
    report = yield
    made = item.stash.get(_lab, None)
    if made is not None and call.when == "call" and report.failed:
        item.stash[_failed] = True
        path = _kept(item)
        shown = path.relative_to(item.config.rootpath)
        again = f"  seed {made.seed}; history: {shown}"
        report.sections.append(("faultlab", f"{made.timeline()}\n{again}"))
    return report


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """A failed comparison of a count says what was counted."""
    explain = getattr(left, "explain", None)
    if type(left).__name__ == "Count" and callable(explain):
        lines: list[str] = explain(op, right)
        return lines
    return None


def _kept(item: pytest.Item) -> Path:
    """Where a failed test's history is kept; the folder ignores itself."""
    folder = item.config.rootpath / ".faultlab"
    folder.mkdir(exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    name = re.sub(r"[^\w.-]+", "--", item.nodeid.replace("::", "--"))
    return folder / "failed" / f"{name}.jsonl"
