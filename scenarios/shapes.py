"""Nodes to plain values: mappings with known keys, words, numbers, lists; every problem is noted.

Counterparts: loader.py and inject.py say what is expected where. Knows no step and no fault. A
node that has a problem reads as None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar, cast

from ..faults.written import Rate, Share, Size
from .errors import Problem, hint, meant
from .later import LATER
from .model import Quantity
from .nodes import Entry, Mapping, Node, Scalar, Sequence, shown
from .quantity import QuantityError, count, duration, rate, shift, size

T = TypeVar("T")


class Shapes:
    """What can be read from a node of one file, and the problems found so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def in_order(self) -> list[Problem]:
        """The problems from the file's first line to its last."""
        return sorted(self.problems, key=lambda problem: problem.line or 0)

    def refuse(self, line: int, key: str, text: str) -> None:
        """Note one problem."""
        self.problems.append(Problem(self.file, line, key, text))

    # --- shapes ---------------------------------------------------------------------------------

    def mapping(
        self, node: Node, key: str, known: Iterable[str], later: frozenset[str]
    ) -> dict[str, Entry] | None:
        """The known entries of a mapping; the others are problems."""
        if not isinstance(node, Mapping):
            self.refuse(node.line, key, f"{shape(node)}; expected {either(known, 'key')}")
            return None
        found: dict[str, Entry] = {}
        for entry in node.entries:
            if entry.key in known:
                found[entry.key] = entry
            else:
                self.unknown_key(entry, key, known, later)
        return found

    def unknown_key(
        self, entry: Entry, key: str, known: Iterable[str], later: frozenset[str] = frozenset()
    ) -> None:
        """One key too many: later, misspelt, or foreign."""
        at = join(key, shown(entry.key))
        if entry.key in later:
            self.refuse(entry.line, at, LATER)
            return
        self.refuse(entry.line, at, f"unknown key; {hint(entry.key, known)}")

    def required(
        self,
        entries: dict[str, Entry] | None,
        key: str,
        node: Node,
        reader: Callable[[Node, str], T | None],
    ) -> T | None:
        """A key that must be there."""
        if entries is not None and key not in entries:
            self.refuse(node.line, key, "missing; expected text")
        return self.optional(entries, key, reader)

    def optional(
        self,
        entries: dict[str, Entry] | None,
        key: str,
        reader: Callable[[Node, str], T | None],
        at: str | None = None,
    ) -> T | None:
        """A key that may be there; `at` is its path where that is not the key itself."""
        if entries is None or key not in entries:
            return None
        return reader(entries[key].value, key if at is None else at)

    def text(self, node: Node, key: str, expected: str = "text") -> str | None:
        """A scalar that is not empty."""
        if not isinstance(node, Scalar):
            self.refuse(node.line, key, f"{shape(node)}; expected {expected}")
            return None
        if node.text == "" and not node.quoted:
            self.refuse(node.line, key, f"empty; expected {expected}")
            return None
        return node.text

    def line_of_text(self, node: Node, key: str) -> str | None:
        """A scalar of one printable line."""
        text = self.text(node, key)
        if text is None:
            return None
        line = text.strip()
        if not line or not line.isprintable():
            self.refuse(node.line, key, f"`{shown(text)}`: expected one line of text")
            return None
        return line

    def choice(self, node: Node, key: str, allowed: tuple[str, ...]) -> str | None:
        """One of a closed list of words."""
        text = self.text(node, key, either(allowed))
        if text is None or text in allowed:
            return text
        told = f"expected {either(allowed)}{meant(text, allowed) if len(allowed) > 1 else ''}"
        self.refuse(node.line, key, f"`{shown(text)}`: {told}")
        return None

    def quantity(self, node: Node, key: str, read_as: Callable[[str], Quantity]) -> Quantity | None:
        """A duration or a count."""
        expected = "a duration" if read_as is duration else "a whole number"
        return self.measured(node, key, expected, read_as)

    def measured(
        self, node: Node, key: str, expected: str, read_as: Callable[[str], T]
    ) -> T | None:
        """A text with a unit, read as what it measures."""
        text = self.text(node, key, expected)
        if text is None:
            return None
        try:
            return read_as(shown(text))
        except QuantityError as error:
            self.refuse(node.line, key, str(error))
            return None

    def duration(self, node: Node, key: str) -> Quantity | None:
        """A DURATION."""
        return self.quantity(node, key, duration)

    def shift(self, node: Node, key: str) -> float | None:
        """Seconds, with their direction."""
        return self.measured(node, key, "+ or - and a duration", shift)

    def count(self, node: Node, key: str) -> Quantity | None:
        """A COUNT."""
        return self.quantity(node, key, count)

    def size(self, node: Node, key: str) -> Size | None:
        """A number of bytes, with its unit."""
        return self.measured(node, key, "a size like 4kB", size)

    def rate(self, node: Node, key: str) -> Rate | None:
        """Bytes a second, with their unit."""
        return self.measured(node, key, "a rate like 64kB/s", rate)

    def whole(self, node: Node, key: str) -> int | None:
        """A whole number, written out."""
        text = self.text(node, key, "a whole number")
        if text is None:
            return None
        if not re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
            self.refuse(node.line, key, f"`{shown(text)}`: expected a whole number")
            return None
        return int(text)

    def share(self, node: Node, key: str) -> Share | None:
        """A part of a whole, like 0.3."""
        expected = "a fraction like 0.3"
        text = self.text(node, key, expected)
        if text is None:
            return None
        if not re.fullmatch(r"\d{1,3}(\.\d{1,9})?", text, re.ASCII):
            self.refuse(node.line, key, f"`{shown(text)}`: expected {expected}")
            return None
        return Share(text)

    def each(
        self, node: Node, key: str, reader: Callable[[Node, str], T | None]
    ) -> tuple[T, ...] | None:
        """One value or a list of them, at least one."""
        if not isinstance(node, Sequence):
            one = reader(node, key)
            return None if one is None else (one,)
        if not node.items:
            self.refuse(node.line, key, "an empty list; expected one at least")
        read_all = tuple(reader(item, key) for item in node.items)
        if None in read_all or not read_all:
            return None
        return cast("tuple[T, ...]", read_all)


# --- words of messages ----------------------------------------------------------------------------


def join(path: str, key: str) -> str:
    """The path of a key inside another."""
    return f"{path}.{key}" if path else key


def either(words: Iterable[str], of: str = "") -> str:
    """A list of words for a sentence."""
    listed = tuple(words)
    if len(listed) == 1:
        return listed[0]
    head = f"{of}s " if of else ""
    return f"{head}{', '.join(listed[:-1])} or {listed[-1]}"


def shape(node: Node) -> str:
    """What stands there, for a message."""
    match node:
        case Scalar(text=""):
            return "empty"
        case Scalar(text=text):
            return f"`{shown(text)}`"
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"
