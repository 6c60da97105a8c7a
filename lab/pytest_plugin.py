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
from argparse import ArgumentTypeError
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from .backends.specification import Specification
    from .environments.host import Host
    from .environments.start import Lasting
    from .history import History
    from .pytest_simulated import Watched
    from .testing import Lab, Place, Settings

__all__ = ["lab"]

_LONGEST = 150  # characters of a kept history's name

_hosts: pytest.StashKey[dict[tuple[str, str], Lasting]] = pytest.StashKey()
_lab = pytest.StashKey["Lab"]()
_passed = pytest.StashKey[bool]()
_watched = pytest.StashKey["Watched"]()

SIMULATED = "simulated"  # as lab/testing has it, which is slow to import


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plugin."""
    group = parser.getgroup("faultlab", "resilience tests of clients")
    group.addoption(
        "--faultlab-env",
        metavar="NAME",
        help="where every test's lab runs; over marks and faultlab_env (default: embedded)",
    )
    group.addoption(
        "--faultlab-proxy",
        metavar="NAME",
        help="what stands before the services: embedded, or toxiproxy, a real one found on PATH as "
        "toxiproxy-server or by FAULTLAB_TOXIPROXY; over marks and faultlab_proxy "
        "(default: embedded)",
    )
    group.addoption(
        "--faultlab-seed",
        type=_whole,
        metavar="N",
        help="seed of jitter and fractions in every test's lab; over marks and faultlab_seed "
        "(default: 0)",
    )
    group.addoption(
        "--faultlab-limit",
        type=_seconds,
        default=None,
        metavar="SECONDS",
        help="after which the lab resets a test's connections and refuses new ones, so that a "
        "blocked call returns (default: 60)",
    )

    parser.addini("faultlab_env", "where tests' labs run (default: embedded)")
    parser.addini("faultlab_proxy", "embedded, or toxiproxy: a real one (default: embedded)")
    parser.addini("faultlab_tune", "time constants that labs offer: fast or none (default: fast)")
    parser.addini("faultlab_seed", "seed of jitter and fractions in tests' labs (default: 0)")
    parser.addini("faultlab_contract", "what `lab.judge()` goes by: a name, or a file from here")
    parser.addini(
        "faultlab_services",
        "who serves, a line each: SERVICE = a URL, a built-in stub's name, or {words}",
        type="linelist",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line(
        "markers",
        "faultlab(env, proxy, tune, seed, contract): what this test's lab is told; over the ini file",
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse options and ini values that mean nothing, all of them at once, before any test."""
    config = session.config
    said = [*_of_options(config), *_of_ini(config)]
    if said or config.getini("faultlab_services"):  # else nothing of the lab is imported
        problems = [*_problems(lambda: _settled(said, config)), *_problems(lambda: _served(config))]
        if problems:
            raise pytest.UsageError("\n".join(problems))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Generator[None]:
    """A test in virtual time gets a loop for it from pytest-asyncio, which asks meanwhile."""
    config = metafunc.config
    item = metafunc.definition
    said = [*_of_options(config), *_of_marks(item), *_of_ini(config)]
    if "lab" not in metafunc.fixturenames or _first(said, "env") != SIMULATED:
        return (yield)
    from .pytest_simulated import Loops

    seed = _first(said, "seed")
    loops = Loops(seed if isinstance(seed, int) else 0)  # what is no seed is refused elsewhere
    config.pluginmanager.register(loops)
    try:
        return (yield)
    finally:
        config.pluginmanager.unregister(loops)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse marks that mean nothing as pytest does its own: where they are collected."""
    report = yield
    items = [node for node in report.result if isinstance(node, pytest.Item)]
    said = [one for item in items for one in _of_marks(item)]
    problems = _problems(lambda: _settled(said, collector.config)) if said else []
    if problems:
        report.outcome, report.longrepr, report.result = "failed", "\n".join(problems), []
    return report


def _problems(settle: Callable[[], object]) -> list[str]:
    """What is wrong with what was said; empty if nothing is."""
    from .errors import UsageError

    try:
        settle()
    except UsageError as error:
        return [str(error)]
    return []


_Said = tuple[str, Mapping[str, object]]  # as `testing.Said`, which is slow to import


def _of_options(config: pytest.Config) -> Iterator[_Said]:
    for key in ("env", "proxy", "seed"):
        value = config.getoption(f"--faultlab-{key}")
        if value is not None:
            yield "--faultlab-", {key: value}


def _of_marks(item: pytest.Item) -> Iterator[_Said]:
    """The closest first. What stands without a key is told as one of a key that there is not."""
    for node, mark in item.iter_markers_with_node("faultlab"):
        unnamed = {repr(value): value for value in mark.args}
        yield f"{_place(node)}: @pytest.mark.faultlab: ", {**unnamed, **mark.kwargs}


def _first(said: Iterable[_Said], key: str) -> object:
    """What holds of a key, before anybody has looked whether it means something."""
    return next((values[key] for _, values in said if key in values), None)


def _place(node: object) -> str:
    """What a mark stands on: file and line of a test, the name of a class or module."""
    if isinstance(node, pytest.Item) and node.location[1] is not None:
        return f"{node.location[0]}:{node.location[1] + 1}"
    return node.nodeid if isinstance(node, pytest.Item | pytest.Collector) else str(node)


def _of_ini(config: pytest.Config) -> Iterator[_Said]:
    for key in ("env", "proxy", "tune", "seed", "contract"):
        text: str = config.getini(f"faultlab_{key}").strip()
        value = int(text) if key == "seed" and text.isdecimal() else text
        if text:
            yield f"{_ini(config)}: faultlab_", {key: value}


def _ini(config: pytest.Config) -> str:
    """The name of the ini file; an override on the command line stands in its place."""
    return "the ini options" if config.inipath is None else config.inipath.name


def _settled(said: Iterable[_Said], config: pytest.Config) -> Settings:
    """What holds of it, the first over the others. Raises UsageError."""
    from .testing import Said, settled

    return settled([Said(*one) for one in said], config.rootpath)


def _served(config: pytest.Config) -> dict[str, Specification]:
    """Who serves by the ini file. Raises UsageError."""
    from .testing import served

    lines: list[str] = config.getini("faultlab_services")
    return served(lines, f"{_ini(config)}: faultlab_services", config.rootpath)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r}; expected a whole number, 0 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ArgumentTypeError(f"{text!r}; expected seconds, over 0")
    return value


@pytest_asyncio.fixture(loop_scope="function")
async def _faultlab_loop() -> AbstractEventLoop:
    """The loop of an async test; it ends after what has asked for it."""
    return get_running_loop()


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab for this test: stubs behind a fault proxy, faults on demand, counts from the wire."""
    from .errors import LabError  # quick start-up of sessions without the lab
    from .testing import LIMIT, Lab

    item, config = request.node, request.config
    settings = _settled([*_of_options(config), *_of_marks(item), *_of_ini(config)], config)
    limit = config.getoption("--faultlab-limit")
    folder = Path(tempfile.mkdtemp(prefix="faultlab-"))
    item.stash[_passed] = False
    try:
        made = Lab(
            _placed(request, settings),
            name=item.nodeid,
            folder=folder,
            settings=settings,
            services=_served(config),
            root=config.rootpath,
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


def _placed(request: pytest.FixtureRequest, settings: Settings) -> Place:
    """Where a test's lab runs: in the session's lab process, or in the test's own loop."""
    if settings.env != SIMULATED:
        from .environments.hosted import Hosted
        from .testing import apart

        host = _session_host(request.config, settings.env, settings.proxy)
        return apart(partial(Hosted, host, {}))
    from .errors import UsageError
    from .pytest_simulated import Watched, demand_simulable
    from .testing.simulated import inside

    try:
        demand_simulable(request.node)
    except UsageError as error:
        problem = str(error)
    else:
        loop = request.getfixturevalue("_faultlab_loop")
        request.node.stash[_watched] = Watched(loop)
        return inside(loop)
    pytest.fail(problem, pytrace=False)


def _session_host(config: pytest.Config, environment: str, proxy: str) -> Host:
    """The session's lab process of these: started when a test first asks, anew when it is gone."""
    from .environments import start as starting

    if _hosts not in config.stash:
        config.stash[_hosts] = {}
        config.add_cleanup(lambda: _end_hosts(config))
        _die_with_controller(config)
    hosts = config.stash[_hosts]
    if (environment, proxy) not in hosts:
        hosts[environment, proxy] = starting.Lasting(
            lambda: starting.start(environment, lambda _: None, proxy)
        )
    return hosts[environment, proxy].host()


def _end_hosts(config: pytest.Config) -> None:
    with ExitStack() as closing:  # each of them, whatever becomes of the others
        for host in config.stash[_hosts].values():
            closing.callback(host.close)


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
    watched: Watched | None = item.stash.get(_watched, None)
    if watched is not None and call.when != "teardown":
        problem = watched.problem(item, None if call.excinfo is None else call.excinfo.value)
        if problem:
            report.outcome, report.longrepr = "failed", problem
    if made is None:
        return report
    if report.failed:
        history, told = made.report()
        kept = _keep(item.config.rootpath, item.nodeid, history)
        for folder in made.runs:
            told = told.replace(str(folder), _keep_run(item.config.rootpath, item.nodeid, folder))
        report.sections.append(("faultlab", f"{told}\n  seed {made.seed}; {kept}".lstrip("\n")))
    if call.when == "call":
        item.stash[_passed] = report.passed
    elif call.when == "teardown":
        del item.stash[_lab]
    return report


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """A failed comparison of a count says what was counted, that of a verdict why."""
    if (lines := _explained(left, op, right)) is not None:
        return lines
    return _explained(right, _MIRRORED.get(op, op), left) if op in _MIRRORED else None


_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _explained(value: object, op: str, other: object) -> list[str] | None:
    explain = getattr(value, "explain", None)
    if type(value).__name__ in ("Count", "Verdict") and callable(explain):
        lines: list[str] = explain(op, other)
        return lines
    return None


def _keep(root: Path, nodeid: str, history: History) -> str:
    """Write a failed test's history, in a folder that ignores itself; where it is, or why not."""
    try:
        path = _kept(root, nodeid)
        history.save(path)
    except OSError as error:
        return f"its history could not be kept: {error}"
    return f"history: {path.relative_to(root)}"


def _keep_run(root: Path, nodeid: str, folder: Path) -> str:
    """Keep the run folder of a failed test beside its history; where it is."""
    try:
        path = _kept(root, nodeid).with_suffix("") / folder.name
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(folder, path)
    except OSError:
        return str(folder)  # what becomes of the history says why
    return str(path.relative_to(root))


def _kept(root: Path, nodeid: str) -> Path:
    """Where a failed test's history goes: in a folder that ignores itself. Raises OSError."""
    folder = root / ".faultlab"
    path = folder / "failed" / _file_name(nodeid)
    path.parent.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    return path


def _file_name(nodeid: str) -> str:
    """`tests/test_a.py::test_b[c]` as `tests--test_a.py--test_b--c.jsonl`; no two tests share one."""
    name = re.sub(r"[^\w.-]+", "--", nodeid).strip("-")
    rare = re.search(r"[^\w.\[\]:/-]", nodeid)
    if rare is not None or len(name) > _LONGEST:
        digest = hashlib.blake2b(nodeid.encode(), digest_size=4).hexdigest()
        name = f"{name[:_LONGEST]}--{digest}"
    return f"{name}.jsonl"
