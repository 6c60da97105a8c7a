"""A scenario played from a test: as on the command line, in a child that ends with the test.

Counterparts: `lab/cli` is what runs there, `judged.py` what comes back.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import LabError, SetupError, SubjectError, UsageError
from ..verdict import Judgement, decode, worst
from .judged import Verdict

__all__ = ["answered", "played"]

__tracebackhide__ = True  # pytest: the line to show is the test's own

_CHILD = (
    "import sys; from faultlab.lab.mortal import die_with; die_with(int(sys.argv.pop(1))); "
    "from faultlab.lab.cli import main; main(prog_name='faultlab')"
)
_USAGE = 2  # the exit code where the command line, or a file that it names, is wrong
_LAST_WORDS = 5.0  # seconds in which an interrupted run closes what it has open

_ERROR = re.compile(r"^(\w+Error): (.*)", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r" \(exit \d+\)\s*\Z")
_ERRORS: dict[str, type[LabError]] = {"SetupError": SetupError, "SubjectError": SubjectError}


def played(arguments: Sequence[str], *, root: Path, out: Path) -> Verdict:
    """The verdict of `faultlab run --out OUT ARGUMENTS`, called in the folder `root`.

    Raises UsageError, SetupError and SubjectError where nothing could be judged.
    """
    command = [sys.executable, "-P", "-c", _CHILD, str(os.getpid())]
    with _running([*command, "run", "--out", str(out.absolute()), *arguments], root) as process:
        printed, complained = process.communicate()
    judgements = [decode(path.read_bytes()) for path in sorted(out.glob("*/verdict.json"))]
    return answered(process.returncode, printed, complained, judgements)


def answered(code: int, printed: str, complained: str, judgements: Sequence[Judgement]) -> Verdict:
    """What came back, from a run's exit code, its two outputs and the judgements in its folder.

    Raises what it could not do, addressed to whom the command addresses it.
    """
    error = _ERROR.search(complained)
    if code not in (0, 1, 3) or (error is not None and not judgements):
        raise _told(code, complained, error)
    word = worst(judgement.verdict for judgement in judgements)
    findings = tuple(finding for judgement in judgements for finding in judgement.findings)
    return Verdict(word, findings=findings, told=printed.rstrip().split("\n"))


def _told(code: int, complained: str, error: re.Match[str] | None) -> LabError:
    """What the command complained of, as it addresses it."""
    if error is None:
        return SetupError(f"faultlab run ended with code {code}", seen=complained.strip())
    if error[1] == "ScenarioError":  # its problems stand before it, each with its place
        return UsageError(complained[: error.start()].strip())
    kind = UsageError if code == _USAGE else _ERRORS.get(error[1], SetupError)
    return kind(_EXIT.sub("", error[2]))


@contextmanager
def _running(command: Sequence[str], root: Path) -> Iterator[subprocess.Popen[str]]:
    """The process; when the test is interrupted it closes what it has open, and is ended."""
    try:
        process = subprocess.Popen(
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is the test's to handle
        )
    except OSError as error:
        raise SetupError(f"faultlab run does not start: {error}") from error
    with process:
        try:
            yield process
        except BaseException:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_LAST_WORDS)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
