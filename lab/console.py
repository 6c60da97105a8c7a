"""A run as it is seen on a terminal: lines that stay, a table that moves, a row as each story ends.

Counterpart: lab/cli parses and calls; texts are made in lab/report, this module writes them.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import IO

import click
from rich.style import Style

from .errors import LabError, SetupError
from .interrupts import said
from .outputs import Output, write
from .plan import NotOffered, Plan
from .report.document import Document, Setting, document
from .report.forms import FORMS
from .report.summary import summary
from .report.terminal import (
    Standing,
    accents,
    duration,
    header,
    heading,
    not_offered,
    progress_line,
    progress_table,
    row,
)
from .results import Result, judged, save
from .run import Progress, Session
from .verdict import exit_code, worst

__all__ = ["Display", "Writer", "play", "reported", "stdout"]

_AT_ONCE = 6  # scenarios side by side: they wait more than they work
_WHOLE = 3  # failures shown whole at the end of a run
_EVERY = 10.0  # seconds between lines of progress where nothing can move
_MOVES = 0.25  # seconds between two states of the moving table


class Writer:
    """Writes lines to one stream, coloured or not, and below them some that move.

    A reader that has gone (`faultlab run | head -2`) stops the writing and nothing else: the
    verdict is the exit code's. Raises SetupError where the stream can't take what is written.
    """

    def __init__(
        self,
        stream: IO[str],
        *,
        colour: bool = False,
        live: bool = False,
        size: Callable[[], tuple[int, int]] = shutil.get_terminal_size,
    ) -> None:
        """`size` tells the terminal's columns and rows."""
        self.live = live
        self._size = size
        self._stream = stream
        self._colour = colour
        self._moving: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def line(self, text: str = "") -> None:
        """One line that stays."""
        self.lines((text,))

    def lines(self, texts: Sequence[str]) -> None:
        """Several lines that stay, never torn apart by others."""
        with self._lock, self._writing():
            self._move(())  # drawn again when the run has got somewhere
            for text in texts:
                self._stream.write(self._coloured(text) + "\n")
            self._stream.flush()

    def move(self, texts: Sequence[str]) -> None:
        """Replace the lines that move, none to take them away. Does nothing where none can move.

        Where they don't fit the terminal, the last ones are shown, cut to its width: a line that
        wraps, or has left the screen, can't be replaced.
        """
        with self._lock, self._writing():
            if not self.live:
                return
            columns, rows = self._size()
            shown = tuple(text[: columns - 1] for text in texts[-max(1, rows - 2) :])
            if shown != self._moving:
                self._move(shown)
                self._stream.flush()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self._mute()
        except OSError as error:
            self._mute()
            raise SetupError(f"the output can't be written: {error.strerror}") from error

    def _mute(self) -> None:
        """Write to nowhere from now on, what the interpreter flushes at its end included."""
        self.live = False
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, self._stream.fileno())
        finally:
            os.close(nowhere)

    def _move(self, texts: tuple[str, ...]) -> None:
        if self._moving:
            self._stream.write("\r\x1b[2K" + "\x1b[1A\x1b[2K" * (len(self._moving) - 1))
        self._stream.write("\n".join(texts))
        self._moving = texts

    def _coloured(self, text: str) -> str:
        if not self._colour:
            return text
        for start, end, style in reversed(accents(text)):
            part = Style.parse(style).render(text[start:end])
            text = text[:start] + part + text[end:]
        return text


def stdout() -> Writer:
    """Colour and a moving table only on a terminal, and no colour under NO_COLOR."""
    stream = sys.stdout
    live = stream.isatty() and os.environ.get("TERM") != "dumb"
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return Writer(stream, colour=live and not os.environ.get("NO_COLOR"), live=live)


class Display:
    """What is seen of a run while it works: a row as each scenario ends, and where it stands."""

    def __init__(
        self, writer: Writer, names: Sequence[str], scenarios: int, *, clock: Callable[[], float]
    ) -> None:
        """`names`: of all rows; `scenarios`: how many of them are played."""
        self._writer = writer
        self._names = names
        self._scenarios = scenarios
        self._clock = clock
        self._began = self._said = clock()
        self._lock = threading.Lock()
        self._running: dict[str, tuple[float, Progress]] = {}  # since when, and the latest
        self.results: list[Result] = []

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        return self._clock() - self._began

    def progress(self, latest: Progress) -> None:
        """A scenario got somewhere; shown with the next tick."""
        with self._lock:
            since, _ = self._running.get(latest.name, (self._clock(), latest))
            self._running[latest.name] = (since, latest)

    def tick(self) -> None:
        """Show where the run stands: at each tick on a terminal, else when the time has come."""
        now = self._clock()
        with self._lock:
            running = [
                Standing(one.name, one.text, one.done, one.total, now - since)
                for since, one in self._running.values()
            ]
        ended = len(self.results)
        if not running:
            return
        if self._writer.live:
            self._writer.move(
                progress_table(
                    running,
                    self._names,
                    ended=ended,
                    scenarios=self._scenarios,
                    seconds=self.seconds,
                )
            )
        elif now - self._said >= _EVERY:
            self._said = now
            self._writer.line(progress_line(running, ended, self._scenarios, self.seconds))

    def ended(self, result: Result) -> None:
        """A scenario ended: judge it, keep it, show its row."""
        result = judged(result)
        save(result)
        self.results.append(result)
        with self._lock:
            self._running.pop(result.name, None)
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
            self._writer.move(())


def play(
    writer: Writer,
    session: Session,
    planned: Sequence[Plan | NotOffered],
    folder: Path,
    clock: Callable[[], float] = time.monotonic,
    *,
    outputs: Sequence[Output] = (),
) -> int:
    """Play the plans, show what becomes of them; the exit code.

    Each of the `outputs` gets the report of a run that has not ended before anything is played: one
    from an earlier run must not be taken for this one's, whatever kills it. Raises LabError.
    """
    plans = [plan for plan in planned if not isinstance(plan, NotOffered)]
    names = [plan.scenario for plan in planned]
    jobs = max(1, min(len(plans), _AT_ONCE))
    lasts = [duration(plan, session.contract_for(plan.tune)) for plan in plans]
    setting = Setting(
        faultlab=version("faultlab"),
        subject=session.subject,
        environment=session.environment,
        tune=", ".join(dict.fromkeys(plan.tune for plan in plans)) or "none",
        seed=session.seed,
        folder=str(folder),
    )
    display = Display(writer, names, len(plans), clock=clock)

    def so_far(cut: str, code: int | None) -> Document:
        return document(
            setting,
            display.results,
            planned=planned,
            seconds=display.seconds,
            cut=cut,
            exit_code=code,
        )

    _write(outputs, so_far("it has not ended, or was killed", None))
    writer.lines(
        header(
            setting.faultlab,
            subject=setting.subject,
            environment=setting.environment,
            tune=setting.tune,
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
    for plan in plans:  # a run that is cut short can be read all the same
        contract = session.contract_for(plan.tune)
        kept = folder / plan.scenario
        save(Result(plan.scenario, plan, contract, None, None, None, 0.0, None, kept))
    try:
        with display.ticking(), session:
            session.play(plans, progress=display.progress, ended=display.ended, jobs=jobs)
    except KeyboardInterrupt as error:
        how, code = said(error)
        try:
            failed = reported(outputs, so_far(how, code))
        except KeyboardInterrupt:
            failed = True
        ended = f"{len(display.results)} of {len(plans)} scenarios had ended"
        reports = "no report was written of it" if failed else "the reports say so"
        click.echo(
            f"{how}: {ended}; everything is closed, what was recorded is kept in {folder}"
            f"{f'; {reports}' if outputs else ''} (exit {code})",
            err=True,
        )
        return code
    except LabError as error:
        reported(outputs, so_far(f"{type(error).__name__}: {error}", exit_code("error")))
        raise
    results = sorted(display.results, key=lambda result: names.index(result.name))
    verdict = worst(result.verdict for result in results)
    failed = reported(outputs, so_far("", exit_code(verdict)))
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
    return exit_code(worst([verdict, "error"]) if failed else verdict)


def reported(outputs: Sequence[Output], made: Document) -> bool:
    """Write the reports; whether one of them failed, which is said on the error output."""
    failed = False
    for output in outputs:
        try:
            _write((output,), made)
        except SetupError as error:
            click.echo(f"{type(error).__name__}: {error}", err=True)
            failed = True
    return failed


def _write(outputs: Sequence[Output], made: Document) -> None:
    """Write the reports; raises SetupError for the first that fails."""
    for output in outputs:
        write(output, FORMS[output.form](made))
