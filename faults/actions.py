"""What is known of an arrival and of the faults in force, and what can be done about it.

Values only. Counterparts: `decide.py` and `arming.py` choose among them, the proxy carries them out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from . import AnyFault
from .bodies import Body

__all__ = [
    "NOTHING",
    "Action",
    "Answer",
    "Armed",
    "By",
    "Copy",
    "CutAnswer",
    "CutBody",
    "CutConnection",
    "CutHead",
    "CutOff",
    "CutRequest",
    "Decision",
    "Delay",
    "Direction",
    "Draws",
    "EndProcess",
    "Ending",
    "Enter",
    "FreezeProcess",
    "Hold",
    "Live",
    "LoseAnswer",
    "OnProcess",
    "Paced",
    "Queue",
    "ReplaceBody",
    "Request",
    "Slow",
    "Withhold",
    "directions",
]

By = Literal["fin", "rst"]

Direction = Literal["to_client", "to_backend"]

Draws = Callable[[int, int, int], float]
"""(fault, operation, attempt) -> [0, 1), the same for the same key whatever the order."""


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault in force; `hits` counts the exchanges that it has acted on.

    `met`: those that its scope left, before `every_nth` and `fraction` pick among them. `ops`: the
    operations that met it, in order. `newest`: the last connection accepted before it was in force.
    `busy` and `queued`: exchanges that hold one of its workers, or wait for one.
    """

    id: int
    fault: AnyFault
    hits: int = 0
    met: int = 0
    ops: tuple[int, ...] = ()
    newest: int = 0
    busy: int = 0
    queued: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request decides; `conn` and `number` are the wire's, the rest its tag's.

    `number` 0: a connection, before any request.
    """

    method: str
    target: str
    conn: int
    number: int
    op: int | None = None
    attempt: int | None = None

    @property
    def key(self) -> tuple[int, int]:
        """What draws are keyed by: operation and attempt, or else the wire's own numbers."""
        if self.op is None or self.attempt is None:
            return (self.conn, self.number)
        return (self.op, self.attempt)


@dataclass(frozen=True, slots=True)
class Delay:
    """Bytes of this direction are released `seconds` after they arrived, or at the fault's end."""

    fault: int
    direction: Direction
    seconds: float


@dataclass(frozen=True, slots=True)
class Paced:
    """Bytes of this direction are released in pieces of `size`, `seconds` apart."""

    fault: int
    direction: Direction
    size: int
    seconds: float


Slow = Delay | Paced
"""What keeps bytes back that are released all the same."""


@dataclass(frozen=True, slots=True)
class Copy:
    """When the request is complete the backend gets it `copies` more times, from the lab."""

    fault: int
    copies: int


@dataclass(frozen=True, slots=True)
class Enter:
    """The request goes on to the backend, and holds a worker until it is answered."""

    fault: int


@dataclass(frozen=True, slots=True)
class Queue:
    """The request waits until a worker is free for it."""

    fault: int


@dataclass(frozen=True, slots=True)
class Answer:
    """When the request is complete the gate answers it; the backend never sees it."""

    fault: int
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class CutHead:
    """The connection ends instead of an answer; nothing of the request is passed on."""

    fault: int
    by: By


@dataclass(frozen=True, slots=True)
class CutRequest:
    """When the request is complete the connection ends; nothing of it is passed on."""

    fault: int
    by: By


@dataclass(frozen=True, slots=True)
class CutAnswer:
    """When the head of the backend's answer has come the connection ends; nothing is released."""

    fault: int
    by: By


@dataclass(frozen=True, slots=True)
class Hold:
    """A live connection falls silent in these directions; `unplugged`: not even an ACK."""

    directions: tuple[Direction, ...] = ("to_client", "to_backend")
    unplugged: bool = False


Live = Literal["close", "reset"] | Hold


@dataclass(frozen=True, slots=True)
class EndProcess:
    """The backend's process ends: in order, or at once.

    `restart`: seconds after its end until it is started again; None: when the fault is over.
    """

    how: Literal["stop", "kill"]
    restart: float | None


@dataclass(frozen=True, slots=True)
class FreezeProcess:
    """The backend's process does nothing until the fault is over."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """The backend and this peer, another service or `proxy`, lose what is sent in these directions."""

    peer: str
    directions: tuple[Direction, ...]


OnProcess = EndProcess | FreezeProcess | CutOff


@dataclass(frozen=True, slots=True)
class CutConnection:
    """The connection ends, with no request under way on it."""

    fault: int
    by: By


@dataclass(frozen=True, slots=True)
class Withhold:
    """The answer, or its body alone, is kept back until the fault ends."""

    fault: int
    body: bool = False


@dataclass(frozen=True, slots=True)
class CutBody:
    """The connection ends after `at` bytes of the answer's body."""

    fault: int
    at: int | Literal["half"]
    by: By


@dataclass(frozen=True, slots=True)
class ReplaceBody:
    """The answer's body is exchanged for this one."""

    fault: int
    body: Body


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """The request is carried out, and the connection ends instead of the answer."""

    fault: int
    by: By


Ending = Answer | CutHead | CutRequest | CutAnswer | Withhold | CutBody | ReplaceBody | LoseAnswer

Action = Slow | Copy | Enter | Queue | Ending


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with an exchange, the faults that act on it, and those that it met.

    `cut`: what is to be done with a connection on which no request is under way.
    """

    actions: tuple[Action, ...] = ()
    fires: tuple[int, ...] = ()
    met: tuple[int, ...] = ()
    cut: CutConnection | None = None


NOTHING = Decision()


def directions(named: Direction | Literal["both"]) -> tuple[Direction, ...]:
    """The directions that a word of a file names."""
    return ("to_client", "to_backend") if named == "both" else (named,)
