"""A service's data file: what its stub holds at the start, and how its replies look.

Replies are JSON with `$name` where a value is filled in. Counterpart: the modules of the
services, which know the values. Time comes from a clock that is a parameter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from ..routes import Reply, json_reply

if TYPE_CHECKING:
    from pydantic import JsonValue

__all__ = [
    "EPOCH",
    "Clock",
    "Decision",
    "Shape",
    "Values",
    "at",
    "compact",
    "naive",
    "read_shape",
    "standing",
]

EPOCH = 1763121600.0
"""What the stubs' clock shows unless another is given: Friday, 2025-11-14 12:00 UTC.

It stands still, so that equal questions get equal bytes however fast they are asked.
"""

Clock = Callable[[], float]
Values: TypeAlias = "Mapping[str, JsonValue]"


def standing() -> float:
    """The clock that shows `EPOCH`."""
    return EPOCH


class Decision(msgspec.Struct, frozen=True):
    """One decision that waits for an operator."""

    decision_id: str
    risk_level: str
    action_type: str
    automation_level: str = "supervised"
    target: str = "unknown"
    recommended: str = "unknown"
    reasoning: str = ""
    confidence: float = 0.0
    threat_score: float = 0.0
    threat_type: str = "unknown"


class Shape(msgspec.Struct, frozen=True):
    """What a data file holds: replies and refusals by endpoint, tables by name."""

    replies: dict[str, msgspec.Raw]
    refusals: dict[str, tuple[int, str]] = {}
    tables: dict[str, msgspec.Raw] = {}
    decisions: tuple[Decision, ...] = ()

    def value(self, endpoint: str, values: Values) -> JsonValue:
        """What an endpoint answers. Raises KeyError for a value that it lacks."""
        return _filled(json.loads(bytes(self.replies[endpoint])), values)

    def reply(self, endpoint: str, values: Values, status: int = 200) -> Reply:
        """The reply of an endpoint. Raises KeyError for a value that it lacks."""
        return json_reply(status, self.value(endpoint, values))

    def refusal(self, endpoint: str) -> Reply:
        """What an endpoint answers that never works. Raises KeyError for one that does."""
        status, text = self.refusals[endpoint]
        return json_reply(status, {"detail": text})

    def table(self, name: str) -> list[dict[str, JsonValue]]:
        """A fresh copy of a table's rows. Raises KeyError."""
        rows: list[dict[str, JsonValue]] = json.loads(bytes(self.tables[name]))
        return rows


def read_shape(name: str) -> Shape:
    """The data file `data/NAME.json`."""
    text = files(__package__).joinpath("data", f"{name}.json").read_bytes()
    return msgspec.json.decode(text, type=Shape)


def at(seconds: float) -> datetime:
    """The time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def naive(seconds: float) -> str:
    """The time as Core writes it, without its zone."""
    return at(seconds).replace(tzinfo=None).isoformat()


def compact(seconds: float, form: str = "%Y%m%d_%H%M%S") -> str:
    """The time as the services build ids from it: two in one second are alike."""
    return at(seconds).strftime(form)


def _filled(value: JsonValue, values: Values) -> JsonValue:
    match value:
        case dict():
            return {key: _filled(item, values) for key, item in value.items()}
        case list():
            return [_filled(item, values) for item in value]
        case str() if value.startswith("$"):
            return values[value[1:]]
        case _:
            return value
