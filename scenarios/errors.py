"""What is wrong with a scenario file: every problem of it at once, each with its place.

ScenarioError is addressed to the file's author; SetupError and SubjectError (lab) to others.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend. `file` as the reader named it; `line` from 1, None: no place inside it.

    `key` is the path to the key (`fault[1].inject`, steps count from 1), empty: the whole file.
    `text` holds the value and what was expected; a line after its first stands indented.
    """

    file: str
    line: int | None
    key: str
    text: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        head = f"{place}: {self.key}: " if self.key else f"{place}: "
        return head + self.text.replace("\n", "\n    ")


class ScenarioError(Exception):
    """The scenario or the command line that names it is wrong; nothing was run."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def summary(self) -> str:
        """The closing line: how many, and that nothing was run."""
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        return f"ScenarioError: {count} {noun}, nothing was run (exit 2)"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, whatever its case, or None."""
    words: dict[str, str] = {}
    for one in known:
        words.setdefault(one.casefold(), one)
    close = difflib.get_close_matches(word.casefold(), tuple(words), n=1, cutoff=0.6)
    return words[close[0]] if close else None


def hint(word: str, known: Iterable[str]) -> str:
    """What to write for an unknown word, as the end of a message: the nearest, or all there are."""
    words = tuple(known)
    close = nearest(word, words)
    return f"known: {', '.join(words)}" if close is None else f"nearest: {close}"


def meant(word: str, known: Iterable[str]) -> str:
    """The nearest word as an addition to a message that names them all; empty where none is."""
    close = nearest(word, known)
    return "" if close is None else f"; nearest: {close}"
