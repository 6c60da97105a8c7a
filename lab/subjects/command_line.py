"""A command as an operation: what is started, and how it ended. And `cmd:...`, read as a subject.

Pure: `spawner.py` starts commands, `spawning.py` asks it to.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from typing_extensions import override

from ..methods import METHODS
from ..programs import words_of
from ..redaction import redacted

__all__ = [
    "PREFIX",
    "CommandFailed",
    "CommandLine",
    "Output",
    "Template",
    "read_template",
]

PREFIX = "cmd:"

# `${name}` is a shell's own, `{{name}}` the text `{name}`.
_PLACE = re.compile(r"\{\{([A-Za-z_][\w-]*)\}\}|(?<!\$)\{([A-Za-z_][\w-]*)\}")
_ENDPOINT = re.compile(rf"(?:([A-Za-z_][\w-]*) )?({'|'.join(METHODS)}) (/\S*)(?:\s+|$)")
_PATH = re.compile(r"/[^\s?#\"'<>|;&`]*")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A program with its arguments, started anew for each operation; no shell reads it."""

    arguments: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> CommandLine:
        """The command in a text, split as a POSIX shell splits words. Raises ValueError."""
        return cls(words_of(text))

    def calling(self, host: str, ports: Collection[int]) -> CommandLine:
        """The same, with `host` in the place of 127.0.0.1 in front of these ports."""
        places = "|".join(str(port) for port in ports)
        place = re.compile(rf"(?<![\w.])127\.0\.0\.1(?=:(?:{places})(?!\d))")
        return CommandLine(tuple(place.sub(host, word) for word in self.arguments))

    @property
    def keyed(self) -> bool:
        """Whether it sends an idempotency key, as far as its words show."""
        return any("idempotency-key:" in word.lower() for word in self.arguments)

    @property
    def program(self) -> str:
        """What is started: a name to be found on PATH, or a file."""
        return self.arguments[0]


@dataclass(frozen=True, slots=True)
class Output:
    """What a command that ended well wrote: how many bytes, and a digest of standard output."""

    size: int
    digest: str


class CommandFailed(Exception):  # noqa: N818 - as an operation that failed is recorded
    """A command did not end with exit code 0. `how` is `exit 7`, or `signal SIGKILL`."""

    def __init__(self, how: str, said: str = "") -> None:
        super().__init__(how, said)
        self.how = how
        self.said = said

    @override
    def __str__(self) -> str:
        return self.said


# --- cmd:... -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Template:
    """What stands behind `cmd:`: a command whose `{service}` is that service's URL.

    `services` are those of its placeholders, in order; `endpoint` names the request that its
    operation sends, the service in front.
    """

    text: str
    arguments: tuple[str, ...]
    services: tuple[str, ...]
    endpoint: str

    @override
    def __str__(self) -> str:
        return PREFIX + redacted(self.text)

    def filled(self, urls: Mapping[str, str]) -> CommandLine:
        """The command with these addresses in the places of their services."""

        def put(found: re.Match[str]) -> str:
            return f"{{{found[1]}}}" if found[1] else urls[found[2]]

        return CommandLine(tuple(_PLACE.sub(put, word) for word in self.arguments))


def read_template(text: str) -> Template:
    """The line of `cmd:[[SERVICE ]METHOD /path ]COMMAND`, without `cmd:`. Raises ValueError.

    Without an endpoint in front it is GET, and the path that follows the first placeholder: what
    the control phase sends shows whether that is so.
    """
    declared = _ENDPOINT.match(text)
    arguments = words_of(text[declared.end() :] if declared else text)
    places = [
        (found[2], word[found.end() :])
        for word in arguments
        for found in _PLACE.finditer(word)
        if found[2]
    ]
    services = tuple(dict.fromkeys(name for name, _ in places))
    if not services:
        raise ValueError(
            "it has no placeholder, so it would call none of the lab's addresses; write {core} where"
            " the URL of the service core belongs"
        )
    if declared is None:
        service, method, path = services[0], "GET", _path(places[0][1])
    else:
        service, method, path = declared[1] or services[0], declared[2], declared[3]
    if service not in services:
        raise ValueError(
            f"{service} stands in front of its request, and {{{service}}} nowhere in the command"
        )
    return Template(text, arguments, services, f"{service} {method} {path}")


def _path(rest: str) -> str:
    found = _PATH.match(rest)
    return found[0] if found is not None else "/"
