"""Quantities as text, both ways: `500ms`, `30s`, `2m`, `3`, `4kB`, `2 x timeouts.read`.

Pure. The message of a QuantityError is the end of a problem's text: the value, and what to write.
"""

from __future__ import annotations

import re
from decimal import Decimal

from ..faults.written import Rate, Size, seconds, size_of
from .errors import hint
from .model import FIELDS, Quantity, Unit

LONGEST = 3600.0  # seconds
MOST = 10_000

_NUMBER = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)")
_DURATION = re.compile(_NUMBER.pattern + r"(ms|s|m)")
DURATION = rf"^{_DURATION.pattern}$"
"""A duration that refers to no contract, as JSON Schema takes it."""
SHIFT = rf"^[+-]\s*{_DURATION.pattern}$"
"""A duration with a direction, as JSON Schema takes it."""
_UNITLIKE = re.compile(_NUMBER.pattern + r"\s*([A-Za-z]+)")
_FIELD = re.compile(r"(?:" + _NUMBER.pattern + r"\s*x\s+)?([A-Za-z_]+(?:\.[A-Za-z_]+)*)")
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60)}


class QuantityError(ValueError):
    """A text is no quantity of the wanted unit."""


def duration(text: str) -> Quantity:
    """Seconds from `500ms`, `30s`, `2m`, or a contract field of seconds with a factor."""
    if match := _DURATION.fullmatch(text):
        amount = float(Decimal(match[1]) * _SECONDS[match[2]])
        if amount > LONGEST:
            raise QuantityError(f"`{text}` is longer than an hour")
        return Quantity(amount)
    if _NUMBER.fullmatch(text):
        raise QuantityError(f"`{text}` has no unit; write {text}ms or {text}s")
    if (match := _UNITLIKE.fullmatch(text)) and match[2] != "x":
        raise QuantityError(f"`{text}`: unknown unit `{match[2]}`; expected ms, s or m")
    return _reference(text, "seconds", "a duration like 500ms, 30s, 2m")


def shift(text: str) -> float:
    """Seconds forward from `+90s`, back from `-2m`."""
    expected = "+ or - and a duration like 500ms, 30s, 2m"
    sign, amount = text[:1], text[1:].strip()
    if sign not in ("+", "-") or _DURATION.fullmatch(amount) is None:
        raise QuantityError(f"`{text}`: expected {expected}")
    found = duration(amount).amount
    if not found:
        raise QuantityError(f"`{text}` moves nothing; expected {expected}")
    return -found if sign == "-" else found


def count(text: str, *, least: int = 1) -> Quantity:
    """A whole number from `least`, or a contract field that counts, with a factor."""
    if re.fullmatch(r"\d{1,9}", text):
        number = int(text)
        if not least <= number <= MOST:
            raise QuantityError(f"`{text}`: expected {least} to {MOST}")
        return Quantity(number)
    return _reference(text, "count", "a whole number")


def size(text: str) -> Size:
    """Bytes from `200B`, `4kB`, `1.5MB`; units of 1000."""
    return Size(_bytes(text, text, "a size like 4kB"))


def rate(text: str) -> Rate:
    """Bytes a second from `64kB/s`."""
    return Rate(_bytes(text, text.removesuffix("/s"), "a rate like 64kB/s", "/s"))


def _bytes(text: str, amount: str, expected: str, per: str = "") -> int:
    if _NUMBER.fullmatch(text):
        raise QuantityError(f"`{text}` has no unit; write {text}B{per} or {text}kB{per}")
    found = size_of(amount) if text.endswith(per) else None
    if found is None:
        raise QuantityError(f"`{text}`: expected {expected}; in B, kB or MB, whole bytes to 1000MB")
    return found


def _reference(text: str, unit: Unit, otherwise: str) -> Quantity:
    fields = tuple(name for name, measured in FIELDS.items() if measured == unit)
    example = "timeouts.read" if unit == "seconds" else "breaker.fail_max"
    match = _FIELD.fullmatch(text)
    if match is None or "." not in match[2]:
        raise QuantityError(f"`{text}`: expected {otherwise}, or a contract field like {example}")
    factor, name = match[1], match[2]
    if name not in FIELDS:
        told = hint(name, fields)
        raise QuantityError(f"`{name}` is not a contract field that a file may use; {told}")
    if FIELDS[name] != unit:
        raise QuantityError(f"`{name}` measures {_measured(FIELDS[name])}; expected {otherwise}")
    amount = 1.0 if factor is None else float(factor)
    if amount == 0:
        raise QuantityError(f"`{text}`: a factor of 0; expected more")
    if unit == "count" and not amount.is_integer():
        raise QuantityError(f"`{text}`: expected a whole factor")
    if amount > 1000:
        raise QuantityError(f"`{text}`: a factor over 1000")
    return Quantity(amount, name)


def pattern(unit: Unit) -> str:
    """What the texts of a quantity look like, as a regular expression that JSON Schema takes."""
    fields = "|".join(re.escape(name) for name, measured in FIELDS.items() if measured == unit)
    plain = _DURATION.pattern if unit == "seconds" else r"\d{1,9}"
    return rf"^(?:{plain}|(?:{_NUMBER.pattern}\s*x\s+)?(?:{fields}))$"


def _measured(unit: Unit) -> str:
    return "seconds" if unit == "seconds" else "a count"


def text_of(quantity: Quantity, unit: Unit) -> str:
    """The text that reads back as this quantity."""
    number = format(Decimal(repr(float(quantity.amount))), "f").removesuffix(".0")
    if quantity.field is not None:
        return quantity.field if quantity.amount == 1 else f"{number} x {quantity.field}"
    return number if unit == "count" else seconds(quantity.amount)


__all__ = [
    "DURATION",
    "LONGEST",
    "MOST",
    "SHIFT",
    "QuantityError",
    "count",
    "duration",
    "pattern",
    "rate",
    "shift",
    "size",
    "text_of",
]
