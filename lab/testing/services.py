"""Who serves, as the lines of an ini file say it: `orders = http://127.0.0.1:9000`.

Counterpart: `backends/specification.py` knows what can serve. Nothing is started here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ..backends.specification import Specification, parse
from ..errors import UsageError

__all__ = ["served"]

_FILES = (".yaml", ".yml", ".json")
_FORM = "SERVICE = a URL, a built-in stub's name, or {words} as in a scenario's `services`"


def served(lines: Iterable[str], place: str, root: Path) -> dict[str, Specification]:
    """Who serves each service. `place` names where the lines stand; files are named from `root`.

    Raises UsageError with all lines that are wrong.
    """
    found: dict[str, Specification] = {}
    problems: list[str] = []
    for line in lines:
        try:
            service, specification = _read(line, root)
            if service in found:
                raise ValueError(f"{service} is served by a line above")
        except ValueError as error:
            problems.append(f"{place}: `{line}`: {error}")
        else:
            found[service] = specification
    if problems:
        raise UsageError("\n".join(problems))
    return found


def _read(line: str, root: Path) -> tuple[str, Specification]:
    service, sign, said = (part.strip() for part in line.partition("="))
    if not sign or not service or not said or not service.isprintable() or " " in service:
        raise ValueError(f"expected {_FORM}")
    if said.startswith("{"):
        try:
            return service, parse(YAML(typ="safe", pure=True).load(said), service)
        except YAMLError as error:
            text = " ".join(str(error).split())
            raise ValueError(f"not a mapping on one line: {text}") from None
    return service, parse(str(root / said) if said.endswith(_FILES) else said, service)
