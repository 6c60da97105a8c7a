"""The command line, `faultlab`: one lazy command per verb.

Counterpart: `lab.pytest_plugin`, the other way in. Commands import what they need when they run,
so that `--help` is quick; texts are made in lab/report, this module writes them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, ParamSpec

import click

if TYPE_CHECKING:
    from ..scenarios import Scenario
    from .plan import NotOffered, Plan
    from .report.listing import Record
    from .results import Result
    from .run import Progress, Session

__all__ = ["Display", "Writer", "main"]

P = ParamSpec("P")

_RUNS = Path(".faultlab") / "runs"
_ENVIRONMENTS = ("embedded",)  # as lab/environments has them; a test holds the two together
_AT_ONCE = 6  # scenarios side by side: they wait more than they work
_WHOLE = 3  # failures shown whole at the end of a run
_EVERY = 10.0  # seconds between lines of progress where nothing can move
_MOVES = 0.1  # seconds between two states of the moving line
_SEEDS = 1_000_000
_INTERRUPTED = 130


# --- output --------------------------------------------------------------------------------------


class Writer:
    """Writes lines to one stream, coloured or not, and at most one moving line below them."""

    def __init__(self, stream: IO[str], *, colour: bool = False, live: bool = False) -> None:
        self.live = live
        self._stream = stream
        self._colour = colour
        self._moving = ""
        self._lock = threading.Lock()

    def line(self, text: str = "") -> None:
        """One line that stays."""
        self.lines((text,))

    def lines(self, texts: Sequence[str]) -> None:
        """Several lines that stay, never torn apart by others."""
        with self._lock:
            moving = self._moving
            self._move("")
            for text in texts:
                self._stream.write(self._coloured(text) + "\n")
            self._move(moving)
            self._stream.flush()

    def move(self, text: str) -> None:
        """Replace the moving line; an empty text takes it away. Does nothing where none can move."""
        with self._lock:
            if self.live and text != self._moving:
                self._move(text)
                self._stream.flush()

    def _move(self, text: str) -> None:
        if self._moving:
            self._stream.write("\r\x1b[2K")
        self._stream.write(text)
        self._moving = text

    def _coloured(self, text: str) -> str:
        if not self._colour:
            return text
        from rich.style import Style

        from .report.terminal import accents

        for start, end, style in reversed(accents(text)):
            part = Style.parse(style).render(text[start:end])
            text = text[:start] + part + text[end:]
        return text


def _stdout() -> Writer:
    """Colour and a moving line only on a terminal, and no colour under NO_COLOR."""
    stream = sys.stdout
    live = stream.isatty() and os.environ.get("TERM") != "dumb"
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return Writer(stream, colour=live and not os.environ.get("NO_COLOR"), live=live)


class Display:
    """What is seen of a run while it works: a row as each scenario ends, and where it stands."""

    def __init__(self, writer: Writer, names: Sequence[str], *, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._names = names
        self._clock = clock
        self._began = self._said = clock()
        self._latest: Progress | None = None
        self.results: list[Result] = []

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        return self._clock() - self._began

    def progress(self, latest: Progress) -> None:
        """A scenario got somewhere; shown with the next tick."""
        self._latest = latest

    def tick(self) -> None:
        """Show where the run stands: at each tick on a terminal, else when the time has come."""
        from .report.terminal import moving_line

        latest = self._latest
        if latest is None:
            return
        text = moving_line(latest.name, latest.text, latest.running, self.seconds)
        if self._writer.live:
            self._writer.move(text)
        elif self._clock() - self._said >= _EVERY:
            self._said = self._clock()
            self._writer.line(text)

    def ended(self, result: Result) -> None:
        """A scenario ended: judge it, keep it, show its row."""
        from .report.terminal import row
        from .results import judged, save

        result = judged(result)
        save(result)
        self.results.append(result)
        if self._latest is not None and self._latest.name == result.name:
            self._latest = None
            self._writer.move("")
        self._writer.lines(row(result, self._names))

    @contextlib.contextmanager
    def ticking(self) -> Iterator[None]:
        """Tick in the background; afterwards nothing moves any more."""
        over = threading.Event()

        def tick() -> None:
            while not over.wait(_MOVES):
                self.tick()

        thread = threading.Thread(target=tick, name="faultlab-ticks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._writer.move("")


def _fail(text: str, code: int) -> SystemExit:
    click.echo(f"{text} (exit {code})", err=True)
    return SystemExit(code)


def _guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The command with each error as a message to whoever can mend it, and its exit code."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            _addressed(lambda: command(*args, **kwargs))
        except KeyboardInterrupt:
            raise _fail("interrupted; everything is closed", _INTERRUPTED) from None

    return guarded


def _addressed(command: Callable[[], None]) -> None:
    from ..scenarios import ScenarioError
    from .contract import ContractError
    from .errors import LabError, UsageError

    try:
        command()
    except ScenarioError as error:
        click.echo(str(error), err=True)
        click.echo(error.summary(), err=True)
        raise SystemExit(2) from None
    except UsageError as error:
        raise _fail(f"{type(error).__name__}: {error}", 2) from None
    except (LabError, ContractError) as error:
        raise _fail(f"{type(error).__name__}: {error}", 3) from None


# --- commands ------------------------------------------------------------------------------------


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(package_name="faultlab", message="faultlab %(version)s")
def main() -> None:
    """Does this client survive its backends failing?

    A fault proxy stands between a client (the subject) and its backends, breaks
    things as a scenario says, and judges what the wire shows by what the client
    promises (its contract).

    \b
    faultlab run                  the whole catalog on the reference client
    faultlab run down             one scenario, by name, file or folder
    faultlab run --subject orders_lab.py:orders
                                  your own client

    Exit codes: 0 pass; 1 fail; 2 the scenario or the command line is wrong;
    3 unknown, error, set-up or nothing offered; 130 Ctrl-C.
    """


_subject = click.option(
    "--subject",
    default="maximus",
    show_default=True,
    metavar="S",
    help="The client under test: maximus, planted:NAME, or FILE.py:NAME.",
)
_environment = click.option(
    "--env",
    "environment",
    type=click.Choice(_ENVIRONMENTS),
    default=_ENVIRONMENTS[0],
    show_default=True,
    help="Where scenarios are played.",
)
_tune = click.option(
    "--tune",
    type=click.Choice(("fast", "none")),
    help="Time constants of client and contract: fast, or none for the contract's own. "
    "[default: as the scenario says, else fast]",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")
_Tune = Literal["fast", "none"]


@main.command()
@click.argument("scenario", nargs=-1)
@_subject
@_environment
@_tune
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Draws of client and faults; printed, and needed to repeat a run. [default: random]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The run folder; new or empty. [default: .faultlab/runs/DATE-TIME]",
)
@_guarded
def run(
    scenario: tuple[str, ...],
    subject: str,
    environment: str,
    tune: _Tune | None,
    seed: int | None,
    out: Path | None,
) -> None:
    """Play scenarios and judge them.

    SCENARIO is a story of the catalog, a file or a folder; without one, the whole
    catalog is played. Each is played twice: without its faults (the baseline), then
    with them. The run folder keeps plan, histories and verdict of each.
    """
    found = _scenarios(scenario)
    folder = _run_folder(out)
    drawn = random.randrange(_SEEDS) if seed is None else seed
    try:
        session, planned = _planned(
            found, subject, environment=environment, tune=tune, seed=drawn, out=folder
        )
    except BaseException:
        _take_back(folder, made=out is None)
        raise
    raise SystemExit(_play(_stdout(), session, planned, folder))


def _scenarios(wanted: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios named, or the catalog; the problems of all of them at once."""
    from ..scenarios import CATALOG, Problem, ScenarioError, catalog, find

    if not wanted:
        return tuple(catalog().values())
    found: dict[str, Scenario] = {}
    problems: list[Problem] = []
    for name in wanted:
        try:
            # A file that is called like a story is told from it by its folder.
            path = Path(name)
            alike = name not in CATALOG and path.name == name and path.stem in CATALOG
            for one in find(f"./{name}" if alike else name):
                if found.setdefault(one.name, one).file != one.file:
                    text = f"`{one.name}` is also the name of {found[one.name].file}; rename one"
                    problems.append(Problem(one.file, None, "", text))
        except ScenarioError as error:
            problems.extend(error.problems)
    if problems:
        raise ScenarioError(problems)
    return tuple(found.values())


def _run_folder(out: Path | None) -> Path:
    """A new folder for this run. Raises UsageError for one that holds something, or can't be."""
    from .errors import UsageError

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


def _take_back(folder: Path, *, made: bool) -> None:
    """Remove a run folder in which nothing was played, unless there is something to read."""
    if any(path.is_dir() or path.stat().st_size for path in folder.iterdir()):
        return
    for path in folder.iterdir():
        path.unlink()
    if made:
        folder.rmdir()


def _planned(
    found: Sequence[Scenario],
    subject: str,
    *,
    environment: str,
    tune: _Tune | None,
    seed: int,
    out: Path,
) -> tuple[Session, tuple[Plan | NotOffered, ...]]:
    """A session, not yet started, and the plans of these scenarios for its subject."""
    from ..scenarios import Problem, ScenarioError
    from .checks import ALL
    from .run import Session

    session = Session(subject, environment=environment, tune=tune, seed=seed, out=out)
    slugs = {info.slug: info.id for info in ALL}
    promises = {info.id: info.promise for info in ALL}
    plans: list[Plan | NotOffered] = []
    problems: list[Problem] = []
    for one in found:
        try:
            plans.append(session.plan(one, slugs, promises))
        except ScenarioError as error:
            problems.extend(error.problems)
    if problems:
        raise ScenarioError(problems)
    return session, tuple(plans)


def _play(
    writer: Writer,
    session: Session,
    planned: Sequence[Plan | NotOffered],
    folder: Path,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Play the plans, show what becomes of them; the exit code."""
    from .plan import NotOffered
    from .report.summary import summary
    from .report.terminal import duration, header, heading, not_offered
    from .results import Result, save
    from .verdict import exit_code, worst

    plans = [plan for plan in planned if not isinstance(plan, NotOffered)]
    names = [plan.scenario for plan in planned]
    jobs = max(1, min(len(plans), _AT_ONCE))
    lasts = [duration(plan, session.contract_for(plan.tune)) for plan in plans]
    writer.lines(
        header(
            version("faultlab"),
            subject=session.subject,
            environment=session.environment,
            tune=", ".join(dict.fromkeys(plan.tune for plan in plans)) or "none",
            seed=session.seed,
            scenarios=len(plans),
            seconds=max([0.0, *lasts, sum(lasts) / jobs]),
            jobs=jobs,
            folder=str(folder),
        )
    )
    writer.lines(("", heading(names)))
    missing = [plan for plan in planned if isinstance(plan, NotOffered)]
    for absent in missing:
        writer.lines(not_offered(absent, names))
    display = Display(writer, names, clock=clock)
    for plan in plans:  # a run that is cut short can be read all the same
        contract = session.contract_for(plan.tune)
        kept = folder / plan.scenario
        save(Result(plan.scenario, plan, contract, None, None, None, 0.0, None, kept))
    try:
        with display.ticking(), session:
            session.play(plans, progress=display.progress, ended=display.ended, jobs=jobs)
    except KeyboardInterrupt:
        ended = f"{len(display.results)} of {len(plans)} scenarios had ended"
        click.echo(
            f"interrupted: {ended}; everything is closed, what was recorded is kept in {folder} "
            f"(exit {_INTERRUPTED})",
            err=True,
        )
        return _INTERRUPTED
    results = sorted(display.results, key=lambda result: names.index(result.name))
    writer.lines(
        tuple(
            summary(
                results,
                folder=str(folder),
                seconds=display.seconds,
                whole=_WHOLE,
                not_offered=len(missing),
            )
        )
    )
    return exit_code(worst(result.verdict for result in results))


@main.command()
@click.argument("run_folder", type=click.Path(path_type=Path))
@click.option("--write", is_flag=True, help="Replace the verdict.json of each scenario.")
@_guarded
def judge(run_folder: Path, *, write: bool) -> None:
    """Judge a run folder again; every failure is shown whole.

    RUN_FOLDER is a run's, or that of one of its scenarios. It needs no network and
    starts nothing: plan, contract and histories are read, and give the same verdict.
    """
    from .errors import UsageError
    from .report.summary import summary
    from .report.terminal import heading, row
    from .results import rejudge, save, stories
    from .verdict import exit_code, worst

    results: list[Result] = []
    broken: list[UsageError] = []
    for folder in stories(run_folder):
        try:
            results.append(rejudge(folder))
        except UsageError as error:
            broken.append(error)
    if not results:
        raise broken[0]
    writer = _stdout()
    names = [result.name for result in results]
    writer.lines((f"faultlab {version('faultlab')}   judging {run_folder} again", ""))
    writer.line(heading(names))
    for result in results:
        writer.lines(row(result, names))
        if write:
            save(result)
    writer.lines(tuple(summary(results, folder=str(run_folder), seconds=None)))
    for one in broken:
        click.echo(f"{type(one).__name__}: {one}", err=True)
    verdict = worst(result.verdict for result in results)
    raise SystemExit(exit_code(worst([verdict, "error"]) if broken else verdict))


@main.command()
@click.argument("scenario")
@_subject
@_environment
@_tune
@click.option("--seed", type=click.IntRange(min=0), default=0, metavar="N", show_default=True)
@_guarded
def explain(scenario: str, subject: str, environment: str, tune: _Tune | None, seed: int) -> None:
    """Show what a scenario means for a subject, without playing it.

    Operations with their ids, what is expected of each, attempts and waits as the
    contract demands them, and the checks that a run of it must exercise.
    """
    from .plan import NotOffered
    from .report.explain import explained
    from .report.terminal import not_offered

    writer = _stdout()
    with _scratch() as out:
        session, planned = _planned(
            _scenarios((scenario,)), subject, environment=environment, tune=tune, seed=seed, out=out
        )
    for number, plan in enumerate(planned):
        if number:
            writer.line()
        if isinstance(plan, NotOffered):
            writer.lines((f"{plan.scenario}: {plan.title}", f"subject {session.subject}", ""))
            writer.lines(not_offered(plan, [plan.scenario]))
        else:
            writer.lines(explained(plan, session.contract_for(plan.tune)))


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for what a subject prints while it is only asked what it declares."""
    folder = Path(tempfile.mkdtemp(prefix="faultlab-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@main.group("list")
def list_() -> None:
    """Show what there is."""


@list_.command("scenarios")
@click.option("--subject", metavar="S", help="Show for each whether this subject offers it.")
@_as_json
@_guarded
def list_scenarios(subject: str | None, *, as_json: bool) -> None:
    """The catalog of scenarios."""
    from ..scenarios import catalog
    from .plan import NotOffered
    from .report.listing import scenarios

    found = tuple(catalog().values())
    offered: dict[str, tuple[str, ...]] | None = None
    columns = ["name", "title"]
    if subject is not None:
        with _scratch() as out:
            _, planned = _planned(
                found, subject, environment=_ENVIRONMENTS[0], tune=None, seed=0, out=out
            )
        offered = {
            plan.scenario: plan.reasons if isinstance(plan, NotOffered) else () for plan in planned
        }
        columns = ["name", "offered", "title"]
    _list(scenarios(found, offered), columns, as_json=as_json)


@list_.command("faults")
@_as_json
@_guarded
def list_faults(*, as_json: bool) -> None:
    """The kinds of faults: family, what a client sees, where they can be done, parameters."""
    from .environments import ENVIRONMENTS
    from .report.listing import faults

    columns = ["kind", "family", "observables", "environments", "parameters"]
    _list(faults(ENVIRONMENTS), columns, as_json=as_json)


@list_.command("checks")
@_as_json
@_guarded
def list_checks(*, as_json: bool) -> None:
    """The checks: what each claims of a client."""
    from .report.listing import checks

    _list(checks(), ["id", "slug", "claim"], as_json=as_json)


@list_.command("subjects")
@_as_json
@_guarded
def list_subjects(*, as_json: bool) -> None:
    """The subjects that come with the lab; your own is FILE.py:NAME."""
    from .report.listing import subjects
    from .subjects.builtin import named

    _list(subjects(named()), ["name", "text"], as_json=as_json)


def _list(records: Sequence[Record], columns: Sequence[str], *, as_json: bool) -> None:
    from .report.listing import table

    if as_json:
        click.echo(json.dumps(records, indent=2))
        return
    _stdout().lines(table(records, columns))
