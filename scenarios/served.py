"""What a file says of who serves: `services`, each with its words.

Counterpart: `loader.py` reads the rest; the lab knows which stubs, presets and paces there are, and
what may stand beside what.
"""

from __future__ import annotations

import re

from .inject import NAME
from .later import LATER_SERVICE_KEYS
from .model import Served
from .nodes import Entry, Mapping, Node, Sequence, shown
from .shapes import Shapes, either, join, shape

__all__ = ["MOST_PORT", "READY", "SERVICE_KEYS", "VARIABLE", "read_services"]

SERVICE_KEYS = (
    "stub",
    "openapi",
    "url",
    "command",
    "image",
    "port",
    "environment",
    "ready",
    "ready_within",
    "preset",
    "pace",
    "honours_idempotency_key",
)
MOST_PORT = 65535
READY = re.compile(r"(?:GET +)?/[!-~]*")
"""What shows that a server is there: a path that it answers."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
"""A name in an environment."""
_YES_NO = ("true", "false")


def read_services(shapes: Shapes, node: Node, key: str) -> tuple[Served, ...] | None:
    """Each service once, with its words; every problem is noted."""
    if not isinstance(node, Mapping) or not node.entries:
        what = "an empty mapping" if isinstance(node, Mapping) else shape(node)
        shapes.refuse(node.line, key, f"{what}; expected services by name, e.g. `core: ...`")
        return None
    read = [_service(shapes, entry, key) for entry in node.entries]
    return tuple(served for served in read if served is not None)


def _service(shapes: Shapes, entry: Entry, key: str) -> Served | None:
    at = join(key, entry.key)
    if not NAME.fullmatch(entry.key):
        shapes.refuse(entry.line, at, "no name of a service")
        return None
    expected = either(SERVICE_KEYS, "key")
    if isinstance(entry.value, Mapping) and not entry.value.entries:
        shapes.refuse(entry.line, at, f"an empty mapping; expected {expected}")
        return None
    words = shapes.mapping(entry.value, at, SERVICE_KEYS, LATER_SERVICE_KEYS)
    if words is None:
        return None
    reader = _Words(shapes)
    command = None
    if "command" in words:
        command = reader.command(words["command"].value, join(at, "command"))

    def line(name: str) -> str | None:
        return shapes.optional(words, name, shapes.line_of_text, join(at, name))

    preset = None
    if "preset" in words:
        preset = shapes.each(words["preset"].value, join(at, "preset"), shapes.line_of_text)
    honours = None
    if "honours_idempotency_key" in words:
        value = words["honours_idempotency_key"].value
        honours = shapes.choice(value, join(at, "honours_idempotency_key"), _YES_NO)
    environment = shapes.optional(words, "environment", reader.environment, join(at, "environment"))
    return Served(
        entry.key,
        entry.line,
        stub=line("stub"),
        openapi=line("openapi"),
        url=line("url"),
        command=command,
        image=line("image"),
        port=shapes.optional(words, "port", reader.port, join(at, "port")),
        environment=() if environment is None else environment,
        ready=shapes.optional(words, "ready", reader.ready, join(at, "ready")),
        ready_within=shapes.optional(
            words, "ready_within", reader.ready_within, join(at, "ready_within")
        ),
        preset=() if preset is None else preset,
        pace=line("pace"),
        honours_idempotency_key=None if honours is None else honours == "true",
    )


class _Words:
    """Reads the words of a server that is started."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes

    def command(self, node: Node, key: str) -> str | tuple[str, ...] | None:
        """A text, or a list of words."""
        expected = "a command: a text, or a list of words"
        if not isinstance(node, Sequence):
            return self._shapes.text(node, key, expected)
        if not node.items:
            self._shapes.refuse(node.line, key, f"an empty list; expected {expected}")
        words = [self._shapes.text(item, key, "a word of a command") for item in node.items]
        found = tuple(word for word in words if word is not None)
        return found if found and len(found) == len(words) else None

    def port(self, node: Node, key: str) -> int | None:
        """Where the image's server listens."""
        number = self._shapes.whole(node, key)
        if number is not None and not 0 < number <= MOST_PORT:
            self._shapes.refuse(node.line, key, f"`{number}`: expected 1 to {MOST_PORT}")
            return None
        return number

    def environment(self, node: Node, key: str) -> tuple[tuple[str, str], ...] | None:
        """Names with values, which no message shows."""
        if not isinstance(node, Mapping) or not node.entries:
            what = "an empty mapping" if isinstance(node, Mapping) else shape(node)
            self._shapes.refuse(
                node.line, key, f"{what}; expected names with values, e.g. `MODE: test`"
            )
            return None
        found: list[tuple[str, str]] = []
        for entry in node.entries:
            at = join(key, shown(entry.key))
            if not VARIABLE.fullmatch(entry.key):
                self._shapes.refuse(entry.line, at, "no name of a variable")
                continue
            value = self._shapes.text(entry.value, at)
            if value is not None:
                found.append((entry.key, value))
        return tuple(found)

    def ready(self, node: Node, key: str) -> str | None:
        """`GET /path`."""
        text = self._shapes.line_of_text(node, key)
        if text is None or READY.fullmatch(text):
            return text
        self._shapes.refuse(node.line, key, f"`{shown(text)}`: expected GET /path")
        return None

    def ready_within(self, node: Node, key: str) -> float | None:
        """A duration of this machine's, so no contract's."""
        found = self._shapes.duration(node, key)
        if found is None:
            return None
        if found.field is not None or found.amount <= 0:
            self._shapes.refuse(node.line, key, f"`{found.text()}`: expected a duration like 30s")
            return None
        return found.amount
