"""A fault from a call's arguments, or one message that names the wrong one and what is expected.

Counterpart: `arming.py`, whose methods are the calls. The types stand in the fault models alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypedDict, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ...faults import Fault
from ...scenarios.errors import nearest
from ...scenarios.kinds import SCHEDULE_KEYS, Parameter, parameter, parameters_of, scope_of
from ..errors import FaultError

__all__ = ["When", "Where", "built", "pairs"]

__tracebackhide__ = True  # pytest: the line to show is the test's own

Built = TypeVar("Built", bound=Fault)

_PREFIX = "Value error, "  # pydantic's, before what a model says itself


class When(TypedDict, total=False):
    """The keywords that say when: see `faults.schedule.Schedule`."""

    after: float | str
    lasts: float


class Where(When, total=False):
    """The keywords that say where, too: see `faults.Fault`."""

    endpoint: str
    first: int
    every_nth: int
    attempt: int | tuple[int, ...]
    operation: int
    fraction: float
    connections: Literal["new", "live"]


def built(
    call: str,
    kind: type[Built],
    when: When | Where,
    *,
    also: tuple[str, ...] = (),
    **given: object,
) -> Built:
    """The fault of these arguments. Raises FaultError for the first one that is wrong.

    `also`: keywords that the call takes, and the fault does not.
    """
    try:
        return kind(**given, **when)
    except ValidationError as error:
        refused = error
    raise _told(call, kind, refused.errors(include_url=False), also)


def pairs(call: str, name: str, given: object) -> tuple[tuple[str, str], ...]:
    """A mapping of text to text or whole numbers, as a fault holds headers; None: no header.

    Raises FaultError for anything else.
    """
    found: list[tuple[str, str]] = []
    items = given.items() if isinstance(given, Mapping) else () if given is None else [(None, None)]
    for key, value in items:
        if not isinstance(key, str) or not isinstance(value, str | int):
            expected = 'a mapping like {"Retry-After": 1}'
            raise FaultError(f"{call}: {name}={given!r}", expected=expected)
        found.append((key, str(value)))
    return tuple(found)


def _told(
    call: str, kind: type[Fault], details: Sequence[ErrorDetails], also: tuple[str, ...]
) -> FaultError:
    first = details[0]
    # Of the alternatives of one argument each complains; a model's own words say most.
    same = [one for one in details if one["loc"][:1] == first["loc"][:1]]
    first = next((one for one in same if one["type"] == "value_error"), first)
    if not first["loc"] or first["type"] == "value_error":
        return FaultError(f"{call}: {first['msg'].removeprefix(_PREFIX)}")
    name, value = str(first["loc"][0]), first["input"]
    if first["type"] == "extra_forbidden":
        taken = {*parameters_of(kind), *scope_of(kind), *SCHEDULE_KEYS} - {"service"}
        names = [known for known in kind.model_fields if known in taken]
        names += [name for name in ("unfired", *also) if name not in names]
        close = nearest(name, names)
        return FaultError(
            f"{call}: it takes no {name}=",
            expected=", ".join(names),
            nearest="" if close is None else close,
        )
    wanted = parameter(kind, name)
    close = nearest(value, wanted.words) if isinstance(value, str) else None
    return FaultError(
        f"{call}: {name}={value!r}",
        expected="the name of a service" if name == "service" else _expected(wanted),
        nearest="" if close is None else repr(close),
    )


def _expected(wanted: Parameter) -> str:
    """What to write in Python: words are quoted, durations are seconds."""
    if wanted.form == "duration":
        return ", ".join(filter(None, ("seconds", wanted.range)))
    if not wanted.words:
        return wanted.expected()
    return replace(wanted, words=tuple(map(repr, wanted.words))).expected()
