"""When a fault is in force: from its step on or later, until it is cleared or for a time.

Counterpart of `scope.py` (where). Pure: time and events are told, and nobody is called.
"""

from __future__ import annotations

from math import inf
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from .written import Size, seconds, size_of

EVENTS: dict[str, str] = {
    "request": "a request to its service, or endpoint, arrives",
    "open": "a breaker is open",
}
"""What a fault can wait for, beside time and bytes of answers."""


def _event(text: str) -> str:
    if text in EVENTS or size_of(text) is not None:
        return text
    raise ValueError(f"{text!r}: expected seconds, request, open, or a size like 4kB")


class Schedule(BaseModel):
    """When, from the step that injects it.

    `after`: seconds; `request`: when a request to its service, or to its endpoint, has arrived,
    whatever else it picks by: its head where the fault acts on requests, so that no other slips
    through while its body comes, else the whole of it; that one is older than the fault; `open`:
    when a breaker is open, by what the contract makes of the operations that ended; or a size: when
    so many bytes of answers have passed to the service's clients. `lasts`: seconds from then on,
    None: until it is cleared.
    """

    after: Annotated[float, Field(ge=0, strict=True)] | Annotated[str, AfterValidator(_event)] = (
        Field(
            default=0.0,
            description="in force later; `request`: when one has arrived, `open`: when a breaker is "
            "open, `4kB`: when so much has been answered",
        )
    )
    lasts: float | None = Field(
        default=None, gt=0, description="ends by itself, so long after that"
    )

    @property
    def waits(self) -> bool:
        """Whether it comes into force later than its step."""
        return self.after != 0.0

    def awaits(self) -> str:
        """What it waits for, as the end of a sentence that begins with `when`."""
        match self.after:
            case float():
                return f"{seconds(self.after)} are over"
            case str() if self.after in EVENTS:
                return EVENTS[self.after]
            case _:
                return f"{self.after} of answers have passed"

    def comes(self, since: float) -> float | None:
        """When time alone brings it into force, if it waits `since` then; None: time does not."""
        return since + self.after if isinstance(self.after, float) else None

    def follows(self, event: Literal["request", "open"]) -> bool:
        """Whether this event brings it into force."""
        return self.after == event

    def volume(self) -> Size | None:
        """How many bytes of answers it waits for; None: it does not."""
        return size_of(self.after) if isinstance(self.after, str) else None

    def span(self, since: float) -> tuple[float, float]:
        """From when to when it can be in force, if its step came `since` then.

        What waits for an event may come at any time from then on.
        """
        begins = self.comes(since)
        if begins is None:
            return since, inf
        return begins, inf if self.lasts is None else begins + self.lasts
