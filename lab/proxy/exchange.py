"""One request and its answer, while they pass the gate.

Counterparts: gate.py moves the request, answers.py the answer, notes.py writes down both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from ...faults.actions import (
    Answer,
    Armed,
    Copy,
    CutAnswer,
    CutBody,
    CutHead,
    CutRequest,
    Ending,
    LoseAnswer,
    ReplaceBody,
    Slow,
    Withhold,
)
from .framer import Data, ResponseHead
from .workers import Place

__all__ = ["Digest", "Exchange"]


class Digest(Protocol):
    """What `hashlib` makes, as far as a body needs it."""

    def update(self, data: bytes, /) -> None:
        """More of it."""

    def hexdigest(self) -> str:
        """Of all so far."""


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its answer."""

    number: int
    begun: float
    seen: tuple[Armed, ...]  # in force when its first byte arrived
    method: str = ""
    target: str = ""
    closing: bool = False
    op: int | None = None
    attempt: int | None = None
    length: int = 0
    digest: Digest | None = None  # of the payload that has arrived
    ending: Ending | None = None
    delays: tuple[Slow, ...] = ()
    copies: tuple[Copy, ...] = ()
    place: Place | None = None  # among the workers that a fault leaves the backend
    whole: list[bytes] = field(default_factory=list)  # of the request, for its copies
    streamed: set[int] = field(default_factory=set)
    asked: bool = False  # the whole request has passed
    answered: bool = False  # the whole answer has come
    # the answer
    head: ResponseHead | None = None
    mode: Literal["pass", "count", "half", "replace", "drop"] = "pass"
    limit: int = 0  # bytes of payload after which a counted answer is cut
    payload: int = 0
    kept: list[Data] = field(default_factory=list)
    kept_size: int = 0  # bytes in them, framing included
    released: int | None = None  # bytes of payload released; None: not even the head
    finished: bool = False  # the last byte was released

    @property
    def reaches_backend(self) -> bool:
        """Whether its request goes on at all."""
        return not isinstance(self.ending, Answer | CutHead | CutRequest)

    def acts_later(self, fault: int) -> bool:
        """Whether this fault acts on the answer, so that it has not acted yet."""
        match self.ending:
            case CutAnswer() | CutBody() | ReplaceBody() | LoseAnswer() | Withhold(body=True):
                return self.ending.fault == fault
            case _:
                return False

    def key(self, conn: int) -> tuple[int, int]:
        """What its draws are keyed by: operation and attempt, or else the wire's own ids."""
        if self.op is None or self.attempt is None:
            return (conn, self.number)
        return (self.op, self.attempt)
