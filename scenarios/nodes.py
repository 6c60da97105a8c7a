"""YAML text to nodes that know their line; no value is ever made of a scalar here.

Counterpart: `loader.py`, whose schema gives the types. ruamel's events are read one level below
`YAML().compose`: an alias is still an alias there, and depth can be bounded before it costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from .errors import Problem, ScenarioError

MAX_BYTES = 1 << 20
MAX_DEPTH = 8  # the schema needs five


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, and whether it was quoted or a block (else plain)."""

    text: str
    line: int
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """Items in order."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value; `line` is the key's."""

    key: str
    value: Node
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Entries in order, each key once."""

    entries: tuple[Entry, ...]
    line: int


Node = Scalar | Sequence | Mapping


def read(data: bytes, file: str) -> Node:
    """The one document in these bytes; raises ScenarioError with all problems met."""
    text = _text(data, file)
    events = YAML(typ="safe", pure=True).parse(StringIO(text))
    reader = _Reader(file)
    try:
        node = reader.document(iter(events))
    except YAMLError as error:
        raise ScenarioError([*reader.problems, _syntax(error, file)]) from error
    except (ValueError, OverflowError, LookupError, TypeError, AttributeError) as error:
        # ruamel's scanner lets some of these escape, e.g. for \U escapes beyond Unicode
        problem = Problem(file, None, "", f"is not YAML: {error}")
        raise ScenarioError([*reader.problems, problem]) from error
    if reader.problems:
        raise ScenarioError(reader.problems)
    if node is None:
        raise ScenarioError(
            [Problem(file, None, "", "is empty; expected `scenario:` and `fault:`")]
        )
    return node


def _text(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise ScenarioError([Problem(file, None, "", f"is larger than {MAX_BYTES >> 20} MiB")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise ScenarioError(
            [Problem(file, line, "", f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8")]
        ) from error


def _syntax(error: YAMLError, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    line = None if mark is None else mark.line + 1
    what = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return Problem(file, line, "", f"is not YAML: {what}")


class _Reader:
    """Builds nodes from events, collecting what a scenario file must not hold."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def document(self, events: Iterator[Event]) -> Node | None:
        """The first document's node, None if there is none; a second one is a problem."""
        node: Node | None = None
        documents = 0
        for event in events:
            match event:
                case DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        self._refuse(event, "a second document; one file is one scenario")
                        return node
                    if event.version is not None or event.tags:
                        self._refuse(event, "a directive (`%`); expected YAML 1.2 without any")
                case NodeEvent():
                    node = self._node(event, events, 1)
                case StreamEndEvent():
                    break
                case _:
                    pass
        return node

    def _refuse(self, event: Event, text: str) -> None:
        line = None if event.start_mark is None else event.start_mark.line + 1
        self.problems.append(Problem(self.file, line, "", text))

    def _node(self, event: Event, events: Iterator[Event], depth: int) -> Node:
        line = event.start_mark.line + 1
        assert isinstance(event, NodeEvent)
        if isinstance(event, AliasEvent):
            self._refuse(event, f"alias `*{event.anchor}`; write the value out")
            return Scalar("", line)
        assert isinstance(event, ScalarEvent | CollectionStartEvent)
        if event.anchor is not None:
            self._refuse(event, f"anchor `&{event.anchor}`; write the value out where it is needed")
        if event.ctag is not None:
            self._refuse(event, f"tag `{shown(str(event.ctag))}`; the schema gives the types")
        if isinstance(event, ScalarEvent):
            return Scalar(event.value, line, quoted=not event.implicit[0])
        if depth > MAX_DEPTH:
            problem = Problem(self.file, line, "", f"nested deeper than {MAX_DEPTH} levels")
            raise ScenarioError([*self.problems, problem])
        if isinstance(event, SequenceStartEvent):
            return Sequence(tuple(self._items(events, depth)), line)
        assert isinstance(event, MappingStartEvent)
        return Mapping(tuple(self._entries(events, depth)), line)

    def _items(self, events: Iterator[Event], depth: int) -> Iterator[Node]:
        for event in events:
            if isinstance(event, SequenceEndEvent):
                return
            yield self._node(event, events, depth + 1)

    def _entries(self, events: Iterator[Event], depth: int) -> Iterator[Entry]:
        seen: dict[str, int] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                return
            key = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if not isinstance(key, Scalar):
                self._refuse(event, "a list or mapping as a key; expected text")
            elif key.text == "<<" and not key.quoted:
                self._refuse(event, "merge key `<<`; write the keys out")
            elif key.text in seen:
                self._refuse(
                    event, f"key `{shown(key.text)}` twice; first on line {seen[key.text]}"
                )
            else:
                seen[key.text] = key.line
                yield Entry(key.text, _placed(value, key.line), key.line)


def _placed(value: Node, line: int) -> Node:
    """An empty value stands where its key stands; YAML places it on the next token."""
    if isinstance(value, Scalar) and value.text == "" and not value.quoted:
        return Scalar("", line)
    return value


def shown(text: str) -> str:
    """A value as a message shows it: on one line, printable, short."""
    flat = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return flat if len(flat) <= 60 else flat[:57] + "..."


__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "Entry",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "read",
    "shown",
]
