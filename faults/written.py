"""Values as a scenario file writes them: `500ms`, `64kB/s`, `[500, 502]`, `{Retry-After: 1}`.

Pure. Counterparts: `scope.py` shows a fault's parameters in these words, `scenarios.dump` writes
files with them. Knows no kind of fault.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

__all__ = [
    "BYTES",
    "SIZE",
    "Rate",
    "Share",
    "Size",
    "one_or_list",
    "scalar",
    "seconds",
    "shifted",
    "size_of",
    "written",
]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./()-]*(?: [A-Za-z0-9_./()-]+)*|[A-Za-z]+:[0-9]{3}")
_NUMBER = re.compile(r"[0-9]+(?:[kM]?B)?")  # or a size
SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([kM]?B)")
"""Bytes with their unit."""
_MOST = 1_000_000_000  # bytes
_WORDS_OF_YAML_1_1 = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


BYTES = {"MB": 1_000_000, "kB": 1000, "B": 1}
"""The units of sizes, the largest first."""


class Size(int):
    """A number of bytes."""


class Rate(int):
    """Bytes a second."""


class Share(float):
    """A part of a whole, up to 1."""


def size_of(text: str) -> Size | None:
    """The bytes of `200B`, `4kB` or `1.5MB`, whole ones up to 1000MB; None for any other text."""
    match = SIZE.fullmatch(text)
    if match is None:
        return None
    number = Decimal(match[1]) * BYTES[match[2]]
    whole = number == number.to_integral_value() and 1 <= number <= _MOST
    return Size(number) if whole else None


def written(value: object) -> str:
    """A parameter's value: a float is seconds, a tuple of pairs a mapping, any other tuple a list."""
    match value:
        case Share():
            return format(Decimal(repr(float(value))), "f").removesuffix(".0")
        case float():
            return seconds(value)
        case Rate():
            return f"{_size(value)}/s"
        case Size():
            return _size(value)
        case int():
            return str(value)
        case tuple():
            return _collection(value)
        case _:
            return scalar(str(value))


def seconds(amount: float) -> str:
    """A duration with its unit: `500ms` under a second where that is whole, else `2s`, `0.0005s`."""
    number = Decimal(repr(float(amount)))
    thousandth = number * 1000
    if 0 < amount < 1 and thousandth == thousandth.to_integral_value():
        return f"{thousandth.to_integral_value():f}ms"
    return f"{format(number, 'f').removesuffix('.0')}s"


def shifted(by: float) -> str:
    """How far a clock is set forward or back, with its sign."""
    return f"{'-' if by < 0 else '+'}{seconds(abs(by))}"


def _size(amount: int) -> str:
    unit = next(unit for unit, of in BYTES.items() if amount % of == 0)
    return f"{amount // BYTES[unit]}{unit}"


def scalar(text: str) -> str:
    """A text as a YAML scalar that every parser reads as the same text, on one line."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML_1_1
    if plain or _NUMBER.fullmatch(text):
        return text
    return f'"{"".join(_escaped(char) for char in text)}"'


def one_or_list(words: Sequence[str]) -> str:
    """One word as itself, several as a list."""
    texts = [scalar(word) for word in words]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _collection(value: tuple[object, ...]) -> str:
    grouped: dict[str, list[str]] = {}
    for item in value:
        if not isinstance(item, tuple):
            texts = [written(one) for one in value]
            return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        name, text = item
        grouped.setdefault(name, []).append(text)
    entries = (f"{scalar(name)}: {one_or_list(texts)}" for name, texts in grouped.items())
    return f"{{{', '.join(entries)}}}"


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if " " <= char <= "~":
        return char
    return f"\\U{ord(char):08x}"
