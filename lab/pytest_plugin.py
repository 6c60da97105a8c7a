"""The pytest plugin: the fixture `lab`, and what a failed test shows of the wire.

Loaded in every session where faultlab is installed, so it imports nothing until a test asks for
the fixture. What the fixture gives is `testing.py`'s.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .environments.embedded import LabProcess
    from .history import History
    from .testing import Lab

__all__ = ["lab"]

_LONGEST = 150  # characters of a kept history's name

_process = pytest.StashKey["LabProcess"]()
_lab = pytest.StashKey["Lab"]()
_passed = pytest.StashKey[bool]()


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
    group.addoption(
        "--faultlab-limit",
        type=_seconds,
        default=None,
        metavar="SECONDS",
        help="after which the lab resets a test's connections and refuses new ones, so that a "
        "blocked call returns (default: 60)",
    )


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab for this test: stubs behind a fault proxy, faults on demand, counts from the wire."""
    from .environments.embedded import Embedded  # quick start-up of sessions without the lab
    from .errors import LabError
    from .testing import LIMIT, Lab

    item = request.node
    limit = request.config.getoption("--faultlab-limit")
    folder = Path(tempfile.mkdtemp(prefix="faultlab-"))
    item.stash[_passed] = False
    try:
        made = Lab(
            partial(Embedded, _session_process(request.config), {}),
            name=item.nodeid,
            folder=folder,
            seed=request.config.getoption("--faultlab-seed"),
            limit=LIMIT if limit is None else limit,
        )
        item.stash[_lab] = made
        yield made
        # What went wrong in the test is the one thing to show: only a passed test is judged.
        problem = ""
        try:
            made.close(judge=item.stash[_passed])
        except (AssertionError, LabError) as error:
            problem = str(error)
        if problem:
            pytest.fail(problem, pytrace=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _session_process(config: pytest.Config) -> LabProcess:
    """The session's one lab process: started when a test first asks, anew when it is gone."""
    from .environments.embedded import LabProcess

    known = config.stash.get(_process, None)
    if known is not None and known.alive:
        return known
    if known is not None:
        known.close()
    else:
        config.add_cleanup(lambda: _end_process(config))
        _die_with_controller(config)
    process = config.stash[_process] = LabProcess()
    return process


def _end_process(config: pytest.Config) -> None:
    process = config.stash.get(_process, None)
    if process is not None:
        process.close()


def _die_with_controller(config: pytest.Config) -> None:
    """An xdist worker outlives a kill of its controller, and the lab process with it."""
    if hasattr(config, "workerinput"):
        from .mortal import die_with

        die_with(os.getppid())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a failed test's history, and give its report the wire as the lab saw it."""
    report = yield
    made = item.stash.get(_lab, None)
    if made is None:
        return report
    if report.failed:
        history, lanes = made.report()
        kept = _keep(item.config.rootpath, item.nodeid, history)
        report.sections.append(("faultlab", f"{lanes}\n  seed {made.seed}; {kept}"))
    if call.when == "call":
        item.stash[_passed] = report.passed
    elif call.when == "teardown":
        del item.stash[_lab]
    return report


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """A failed comparison of a count says what was counted."""
    if (lines := _explained(left, op, right)) is not None:
        return lines
    return _explained(right, _MIRRORED.get(op, op), left) if op in _MIRRORED else None


_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _explained(count: object, op: str, other: object) -> list[str] | None:
    explain = getattr(count, "explain", None)
    if type(count).__name__ == "Count" and callable(explain):
        lines: list[str] = explain(op, other)
        return lines
    return None


def _keep(root: Path, nodeid: str, history: History) -> str:
    """Write a failed test's history, in a folder that ignores itself; where it is, or why not."""
    folder = root / ".faultlab"
    path = folder / "failed" / _file_name(nodeid)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        history.save(path)
    except OSError as error:
        return f"its history could not be kept: {error}"
    return f"history: {path.relative_to(root)}"


def _file_name(nodeid: str) -> str:
    """`tests/test_a.py::test_b[c]` as `tests--test_a.py--test_b--c.jsonl`; no two tests share one."""
    name = re.sub(r"[^\w.-]+", "--", nodeid).strip("-")
    rare = re.search(r"[^\w.\[\]:/-]", nodeid)
    if rare is not None or len(name) > _LONGEST:
        digest = hashlib.blake2b(nodeid.encode(), digest_size=4).hexdigest()
        name = f"{name[:_LONGEST]}--{digest}"
    return f"{name}.jsonl"
