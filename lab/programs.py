"""Programs that are started for a user: their words, the port in them, where what they print is kept, and how one ended. Pure."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Sequence
from pathlib import Path

from .redaction import redacted

__all__ = ["ended", "log_beside", "on_port", "words_of"]

_SHELL = frozenset(("|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>>", "&>", "2>&1"))
_UNSAFE = re.compile(r"[^\w.-]")  # in a file's name
_PORT = re.compile(r"\{\{port\}\}|(?<!\$)\{port\}")  # `${port}` is a shell's own


def words_of(text: str) -> tuple[str, ...]:
    """A command split as a POSIX shell splits words, by no shell. Raises ValueError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{str(error).lower()} in {redacted(text)}") from error
    if not words or not words[0]:
        raise ValueError("no command; write the program and its arguments")
    operator = next((word for word in _unquoted(text) if word in _SHELL), None)
    if operator is not None:
        raise ValueError(
            f'`{operator}` is for a shell, and none reads this; write sh -c "{words[0]} ..."'
        )
    return tuple(words)


def _unquoted(text: str) -> Sequence[str]:
    """The words with their quotes on, so that one that is quoted is no operator."""
    try:
        return shlex.split(text, posix=False)
    except ValueError:  # a quote that is escaped
        return ()


def on_port(text: str, port: int) -> str:
    """The text with this port in the place of each `{port}`; `{{port}}` is the text `{port}`."""
    return _PORT.sub(lambda found: "{port}" if found[0][:2] == "{{" else str(port), text)


def log_beside(history: Path, name: str) -> Path:
    """Where what this one prints is kept: `armed.orders.log` beside `armed.jsonl`."""
    return history.with_suffix(f".{_UNSAFE.sub('_', name)}.log")


def ended(code: int) -> str:
    """How a command ended, by its return code: `exit 7`, or `signal SIGKILL` for -9."""
    if code >= 0:
        return f"exit {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has no name
        return f"signal {-code}"
