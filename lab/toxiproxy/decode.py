"""JSON bodies read as the original's decoder reads them. Pure.

Only the first value counts; keys match in any letter case, unknown ones are ignored, the last of two
wins; null leaves what was there: so does Go's encoding/json. Knows no route.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias, TypeVar

from .toxics import single

__all__ = [
    "DecodeError",
    "Fields",
    "Value",
    "array",
    "decode",
    "number",
    "string",
    "truth",
    "whole",
]

T = TypeVar("T")
D = TypeVar("D")

_SPACE: Final = " \t\n\r"
_LONE: Final = re.compile("[\ud800-\udfff]")
_INT64: Final = 1 << 63


class DecodeError(ValueError):
    """A body that isn't what was expected; the message says where and what."""


@dataclass(frozen=True, slots=True)
class _Pairs:
    """An object with its keys in order, doubles included."""

    pairs: list[tuple[str, Value]]


Value: TypeAlias = int | float | str | list["Value"] | _Pairs | None


def decode(body: bytes) -> Value:
    """The first JSON value of a body. Raises DecodeError."""
    text = body.decode("utf-8", "replace").lstrip(_SPACE)
    if not text:
        raise DecodeError("EOF")
    try:
        value, _ = _DECODER.raw_decode(text)
    except RecursionError:
        raise DecodeError("exceeded max depth") from None
    except ValueError as error:
        raise DecodeError(str(error)) from None
    return value  # type: ignore[no-any-return]


def _constant(text: str) -> NoReturn:
    raise ValueError(f"invalid value {text}")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_Pairs, parse_constant=_constant)


class Fields:
    """An object's fields by name. `where` names the object in messages."""

    def __init__(self, value: Value, where: str) -> None:
        if value is None:
            value = _Pairs([])
        if not isinstance(value, _Pairs):
            raise DecodeError(f"{where}: an object was expected, not {_kind(value)}")
        self._where = where
        self._found = {key.lower(): one for key, one in value.pairs}

    def get(self, name: str, read: Callable[[Value], T], default: D) -> T | D:
        """One field, or the default where it is absent or null. Raises DecodeError."""
        value = self._found.get(name)
        if value is None:
            return default
        try:
            return read(value)
        except DecodeError as error:
            raise DecodeError(f"{self._where}.{name}: {error}") from None

    def raw(self, name: str) -> Value:
        """One field as it came; None where it is absent."""
        return self._found.get(name)


def array(value: Value, where: str) -> Sequence[Value]:
    """A list; null is an empty one."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise DecodeError(f"{where}: an array was expected, not {_kind(value)}")
    return tuple(value)


def string(value: Value) -> str:
    """A text; half characters become whole ones."""
    if not isinstance(value, str):
        raise DecodeError(f"a string was expected, not {_kind(value)}")
    return _LONE.sub("\ufffd", value)


def truth(value: Value) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise DecodeError(f"true or false was expected, not {_kind(value)}")
    return value


def whole(value: Value) -> int:
    """A 64-bit integer, written as one."""
    if isinstance(value, bool) or not isinstance(value, int) or not -_INT64 <= value < _INT64:
        raise DecodeError(f"a 64-bit integer was expected, not {_kind(value)}")
    return value


def number(value: Value) -> float:
    """A 32-bit float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DecodeError(f"a number was expected, not {_kind(value)}")
    try:
        return single(float(value))
    except OverflowError:
        raise DecodeError("a 32-bit float was expected, not a larger number") from None


def _kind(value: Value) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return "an integer that is too large" if abs(value) >= _INT64 else f"{value}"
        case float():
            return f"{value!r}"
        case str():
            return "a string"
        case _Pairs():
            return "an object"
        case None:
            return "null"
        case _:
            return "an array"
