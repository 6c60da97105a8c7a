"""Where a fault acts: the part of every fault that picks service, endpoint and requests.

Counterpart of `schedule.py` (when). Pure values; the proxy asks, it is never asked.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from .schedule import Schedule
from .written import Share, written

Family = Literal["down", "slow", "5xx", "partition", "partial"]
Reach = Literal["listener", "process", "connection", "stream", "request"]

REACHES: dict[Reach, str] = {
    "listener": "connects, before there is a request",
    "process": "the backend's process, and so every connection to the service",
    "connection": "connections, while no request is under way",
    "stream": "bytes as they pass; with a scope, those of the requests picked",
    "request": "requests, as their heads arrive",
}
"""What a kind of each reach acts on."""

ENDPOINT = re.compile(r"[A-Z]+ /\S*")
"""`METHOD /path`."""


def _endpoint(text: str) -> str:
    if not ENDPOINT.fullmatch(text):
        raise ValueError(f"{text!r} is not an endpoint; write one like `GET /orders/*`")
    return text


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{text!r} is no text in UTF-8: {error.reason}") from None
    return text


Text = Annotated[str, AfterValidator(_utf8)]
"""Text that can be sent and recorded: no lone surrogate."""

Endpoint = Annotated[Text, AfterValidator(_endpoint)]

_PICKS = ("endpoint", "first", "every_nth", "attempt", "operation", "fraction", "connections")

TAKES: dict[Reach, tuple[str, ...]] = {
    "listener": (),
    "process": (),
    "connection": ("first",),
    "stream": _PICKS,
    "request": _PICKS,
}
"""The keys beside `service` by which a kind of each reach picks what it acts on."""


def _each(value: object) -> object:
    return (value,) if isinstance(value, int) else value


Numbers = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_each)]


class Fault(Schedule):
    """One thing that goes wrong on one service.

    Where, each key narrowing it further down. `endpoint` is `METHOD /path` where `*` or `{name}`
    stands for one path segment and a closing `*` for the rest. `connections`: `new` ones, accepted
    since it is in force, or `live` ones. `attempt`: only these attempts of an operation, the first
    being 1; `operation`: only those of the n-th operation that meets it. `every_nth`: of the
    requests left, each n-th; `fraction`: each of them with this chance, drawn anew for each attempt
    of each operation and the same in every run of one seed. `first`: only the first n that it would
    act on. A client whose requests carry no operation and attempt is met by neither of the two.

    When: see `Schedule`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    family: ClassVar[Family]
    reaches: ClassVar[tuple[Reach, ...]]
    observables: ClassVar[tuple[str, ...]]

    kind: str
    service: str = Field(
        min_length=1, description="the one that it is on; in a file that of `read` unless given"
    )
    endpoint: Endpoint | None = Field(
        default=None,
        description="only requests like `GET /orders/*`; a file may name an operation instead",
    )
    first: int | None = Field(
        default=None, ge=1, description="only the first so many that it would act on"
    )
    every_nth: int | None = Field(default=None, ge=2, description="of the requests left, each n-th")
    attempt: Numbers = Field(
        default=(),
        description="only these attempts of an operation, the first being 1",
    )
    operation: int | None = Field(
        default=None, ge=1, description="only those of the n-th operation that meets it"
    )
    fraction: Annotated[float, Field(gt=0, le=1), AfterValidator(Share)] | None = Field(
        default=None, description="each with this chance, by the seed alone"
    )
    connections: Literal["new", "live"] | None = Field(
        default=None, description="only new ones, accepted since it is in force, or only live ones"
    )

    @model_validator(mode="after")
    def _scope_is_one_that_it_takes(self) -> Self:
        refused = [name for name in _PICKS if self._picks_by(name) and name not in self.takes()]
        if refused:
            names = " and no ".join(f"`{name}`" for name in refused)
            raise ValueError(f"it acts on {self.acts_on()}: it takes no {names}")
        return self

    def _picks_by(self, name: str) -> bool:
        return getattr(self, name) not in (None, ())

    def takes(self) -> tuple[str, ...]:
        """The scope keys that this value can have."""
        return TAKES[self.reach]

    def acts_on(self) -> str:
        """What this value acts on, as a phrase."""
        return REACHES[self.reach]

    @property
    def reach(self) -> Reach:
        """What this value acts on."""
        return self.reaches[0]

    @property
    def scoped(self) -> bool:
        """Whether it picks requests, so that the gate must see them."""
        return any(self._picks_by(name) for name in _PICKS)

    def observable(self) -> tuple[str, ...]:
        """The observables that this value can show as (contract keys)."""
        return self.observables

    def slot(self) -> tuple[str, str, str | None]:
        """What a later fault replaces: same kind, service and endpoint."""
        return (self.kind, self.service, self.endpoint)

    def text(self) -> str:
        """Its parameters in one line as a file writes them, defaults and service left out."""
        set_to = {
            name: value
            for name, field in type(self).model_fields.items()
            if (value := getattr(self, name)) != field.default and name not in ("kind", "service")
        }
        # its own first, then where, then when
        order = sorted(
            set_to, key=lambda name: (name in Fault.model_fields) + (name in Schedule.model_fields)
        )
        return ", ".join(f"{name}: {written(set_to[name])}" for name in order)


@lru_cache(maxsize=1024)
def _pattern(path: str) -> re.Pattern[str]:
    rest = path.endswith("/*") or path == "*"
    body = path[:-1] if rest else path
    parts = re.split(r"(\*|\{[^/{}]*\})", body)
    text = "".join("[^/]+" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    return re.compile(text + (".*" if rest else ""))


def covers(endpoint: str | None, method: str, target: str) -> bool:
    """Whether the pattern `METHOD /path` covers a request's method and target (query ignored)."""
    if endpoint is None:
        return True
    wanted, _, path = endpoint.partition(" ")
    return wanted == method and _pattern(path).fullmatch(target.partition("?")[0]) is not None
