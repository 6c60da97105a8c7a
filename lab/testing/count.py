"""A number that explains itself when a comparison of it fails.

Counterpart: `pytest_plugin.py` shows the lines. Knows no lab and no history.
"""

from __future__ import annotations

from typing import Self

from typing_extensions import override

__all__ = ["NEGATED", "Count", "several"]


class Count(int):
    """A number that can say what it counts; compares, calculates, hashes and pickles as an int."""

    what: str
    why: str

    def __new__(cls, value: int, *, what: str, why: str) -> Self:
        """`what` (its first word in the plural) follows the number; `why` says what was counted."""
        self = super().__new__(cls, value)
        self.what = what
        self.why = why
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[int], dict[str, str]]:
        return (int(self),), {"what": self.what, "why": self.why}

    @override
    def __repr__(self) -> str:
        return str(int(self))

    @property
    def text(self) -> str:
        """The number and what it counts: `3 attempts on core`."""
        return several(int(self), self.what)

    def explain(self, sign: str, other: object) -> list[str]:
        """The lines that a failed comparison `self SIGN other` shows."""
        told = other.text if isinstance(other, Count) else repr(other)
        return [f"{self.text} {NEGATED.get(sign, sign)} {told}", self.why]


NEGATED = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
    "in": "not in",
    "not in": "in",
}


def several(number: int, what: str) -> str:
    """A number and what it counts, `what`'s first word in the singular where it is one."""
    plural, space, rest = what.partition(" ")
    return f"{number} {plural.removesuffix('s') if number == 1 else plural}{space}{rest}"
