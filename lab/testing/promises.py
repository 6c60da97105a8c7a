"""The contract that a test means: a built-in's name, a file, a mapping.

Counterpart: `contract/source.py` reads it, and says what is wrong in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...scenarios.errors import meant
from ..contract import BUILTINS, FILES, Contract, named, parse

__all__ = ["promised"]


def promised(value: object, root: Path) -> Contract:
    """The contract of this name, in this file (from `root`) or mapping, or itself.

    Raises ValueError (a ContractError where it is one that is wrong).
    """
    match value:
        case Contract():
            return value
        case Mapping():
            return parse(value, "of this test")
        case str() if value in BUILTINS or value.endswith(FILES):
            return named(value, root)
        case _:
            hint = meant(value, BUILTINS) if isinstance(value, str) else ""
            raise ValueError(
                f"{value!r} is no contract; expected {', '.join(BUILTINS)}, a file like "
                f"contract.yaml, or a mapping{hint}"
            )
