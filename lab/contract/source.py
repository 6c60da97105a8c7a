"""A contract read from YAML or from a Python mapping, all its problems at once.

Counterpart: model.py says what is valid. Pure, but for `builtin` and `named`, which read files.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from .model import (
    Attempts,
    Backoff,
    Breaker,
    Carries,
    Contract,
    Deadline,
    HalfOpen,
    Idempotency,
    Resources,
    RetryAfter,
    RetryOn,
    Timeouts,
)

# Fields of the vocabulary whose meaning a later version brings: a promise that nothing judges
# would look kept.
_LATER = {
    "attempts.hidden",
    "backoff.cap_after_jitter",
    "body_replay",
    "breaker.half_open.queue",
    "budget",
    "fallback",
    "recovery",
    "resources.pool_active_after",
    "resources.sockets_open_after",
    "response_validation",
    "retry_after.min",
    "retry_after.statuses",
    "retry_on.override_header",
    "retry_on.statuses_with_retry_after",
    "timeouts.attempt_total",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a contract: where, what stands there, what was expected."""

    path: str
    value: str
    expected: str

    def __str__(self) -> str:
        return f"{self.path}: {self.value}: expected {self.expected}"


class ContractError(ValueError):
    """A contract that can't be read; `problems` holds all of them at once."""

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.name = name
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"contract {name}:\n{lines}")


BUILTINS = ("httpx", "maximus")

FILES = (".yaml", ".yml", ".json")
"""How the name of a contract that is a file ends; JSON is YAML, too."""


def builtin(name: str) -> Contract:
    """A contract that comes with the package. Raises ContractError for another name."""
    if name not in BUILTINS:
        near = ", ".join(BUILTINS)
        raise ContractError(name, [Problem("contract", repr(name), f"one of {near}, or a file")])
    text = resources.files(__package__).joinpath("builtins", f"{name}.yaml").read_text("utf-8")
    return parse(text, name)


def named(name: str, root: Path = Path()) -> Contract:
    """A contract by its name: one that comes with the package, or a file, from `root` on.

    Raises ContractError.
    """
    if not name.endswith(FILES):
        return builtin(name)
    path = root / name
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ContractError(
            str(path), [Problem("file", why or str(error), "a YAML document")]
        ) from error
    return parse(text, name)


def parse(source: Mapping[str, object] | str, name: str) -> Contract:
    """The contract in a mapping or in YAML text; `name` is its own and stands in messages.

    A mapping may hold exception classes instead of their names. Raises ContractError.
    """
    if isinstance(source, str):
        try:
            source = YAML(typ="safe", pure=True).load(source)
        except YAMLError as error:
            text = " ".join(str(error).split())
            raise ContractError(name, [Problem("file", text, "a YAML document")]) from error
    if not isinstance(source, Mapping):
        raise ContractError(name, [Problem("file", repr(source), "a mapping of contract fields")])
    data = _plain(source)
    try:
        return Contract.model_validate({"name": name, **data})
    except ValidationError as error:
        raise ContractError(name, _problems(error)) from error


def _plain(source: Mapping[str, object]) -> dict[str, object]:
    return {str(key): _plain_value(value) for key, value in source.items()}


def _plain_value(value: object) -> object:
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    return value


def _problems(error: ValidationError) -> Iterator[Problem]:
    for item in error.errors(include_url=False):
        place = [str(part) for part in item["loc"] if part != "[key]"]
        path = re.sub(r"\.(\d+)", r"[\1]", ".".join(place)) or "contract"
        value = repr(item["input"]) if not isinstance(item["input"], Mapping) else "a mapping"
        match item["type"]:
            case "extra_forbidden":
                yield _unknown(path)
            case "value_error":
                yield Problem(path, value, str(item["ctx"]["error"]))
            case "missing":
                yield Problem(path, "missing", "a value")
            case _:
                yield Problem(path, value, _expected(item["msg"]))


def _unknown(path: str) -> Problem:
    bare = re.sub(r"\[\d+\]", "", path)
    if bare in _LATER:
        return Problem(path, "not judged by this version", "the field left out")
    section, _, last = bare.rpartition(".")
    model: object = Contract
    for part in section.split(".") if section else ():
        model = {
            "attempts": Attempts,
            "retry_on": RetryOn,
            "backoff": Backoff,
            "retry_after": RetryAfter,
            "timeouts": Timeouts,
            "deadline": Deadline,
            "carries": Carries,
            "idempotency": Idempotency,
            "breaker": Breaker,
            "half_open": HalfOpen,
            "resources": Resources,
        }.get(part, model)
    known = list(model.model_fields) if isinstance(model, type(BaseModel)) else []
    near = difflib.get_close_matches(last, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return Problem(path, "unknown field", f"one of {', '.join(known)}{hint}")


def _expected(message: str) -> str:
    text = message.removeprefix("Input should be ").partition(", unable")[0]
    return text.replace("a valid integer", "a whole number").replace("a valid number", "a number")
