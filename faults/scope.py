"""Where a fault acts: the part of every fault that picks service, endpoint and requests.

Counterpart of `schedule.py` (when). Pure values; the proxy asks, it is never asked.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .written import written

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

_ENDPOINT = re.compile(r"[A-Z]+ /\S*")


def _endpoint(text: str) -> str:
    if not _ENDPOINT.fullmatch(text):
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


class Fault(BaseModel):
    """One thing that goes wrong on one service.

    `endpoint` is `METHOD /path` where `*` or `{name}` stands for one path segment and a closing
    `*` for the rest; None: every request. `first`: only the first n requests in scope while the
    fault is in force; None: all. A fault of reach `listener` or `process` takes neither.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    family: ClassVar[Family]
    reaches: ClassVar[tuple[Reach, ...]]
    observables: ClassVar[tuple[str, ...]]

    kind: str
    service: str = Field(min_length=1)
    endpoint: Endpoint | None = None
    first: int | None = Field(default=None, ge=1)

    @property
    def reach(self) -> Reach:
        """What this value acts on."""
        return self.reaches[0]

    @property
    def scoped(self) -> bool:
        """Whether it picks requests, so that the gate must see them."""
        return self.endpoint is not None or self.first is not None

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
        order = sorted(set_to, key=lambda name: name in Fault.model_fields)  # its own first
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
