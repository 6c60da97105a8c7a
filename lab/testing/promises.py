"""The contract that a test means: a built-in's name, a file, a mapping.

Counterpart: `contract/source.py` reads it. The one file that a test's lab reads of its author's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...scenarios.errors import meant
from ..contract import BUILTINS, Contract, ContractError, builtin, parse

__all__ = ["promised"]

_FILES = (".yaml", ".yml", ".json")


def promised(value: object, root: Path) -> Contract:
    """The contract of this name, in this file (from `root`) or mapping, or itself.

    Raises ValueError with what is wrong and what was expected.
    """
    match value:
        case Contract():
            return value
        case Mapping():
            return _parsed(value, "of this test")
        case str() if value in BUILTINS:
            return builtin(value)
        case str() if value.endswith(_FILES):
            return _parsed(_text(root / value), value)
        case _:
            hint = meant(value, BUILTINS) if isinstance(value, str) else ""
            raise ValueError(
                f"{value!r} is no contract; expected {', '.join(BUILTINS)}, a file like "
                f"contract.yaml, or a mapping{hint}"
            )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ValueError(f"{path}: can't be read: {why}") from None


def _parsed(source: Mapping[str, object] | str, name: str) -> Contract:
    try:
        return parse(source, name)
    except ContractError as error:
        raise ValueError(str(error)) from None
