"""The family `partial`: an answer is unusable or lost, the rest of the service works."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .bodies import BODIES
from .scope import Family, Fault, Reach


class BadBody(Fault):
    """The backend's answer arrives with a body that cannot be used.

    Status and other headers stay the backend's, and the framing stays correct, but for
    `bad_chunk`: a chunk without a size, and FIN behind it. An answer without a body is passed.
    `wrong_type` keeps the fields of the backend's own body and changes their types.
    """

    family: ClassVar[Family] = "partial"
    reaches: ClassVar[tuple[Reach, ...]] = ("request",)
    observables: ClassVar[tuple[str, ...]] = tuple(
        dict.fromkeys(body.damaged for body in BODIES.values())
    )

    kind: Literal["bad_body"] = "bad_body"
    body: Literal[
        "invalid_json",
        "html",
        "empty",
        "wrong_schema",
        "wrong_type",
        "bad_chunk",
        "bad_gzip",
        "other_service",
    ] = "invalid_json"

    def observable(self) -> tuple[str, ...]:
        """What this value shows as."""
        return (BODIES[self.body].damaged,)


class LostAnswer(Fault):
    """The request is carried out, its effect applied, and the connection ends without an answer."""

    family: ClassVar[Family] = "partial"
    reaches: ClassVar[tuple[Reach, ...]] = ("request",)
    observables: ClassVar[tuple[str, ...]] = ("eof_before_response", "reset_before_response")

    kind: Literal["lost_answer"] = "lost_answer"
    by: Literal["fin", "rst"] = "fin"

    def observable(self) -> tuple[str, ...]:
        """What this value shows as."""
        return ("eof_before_response",) if self.by == "fin" else ("reset_before_response",)


class Stale(Fault):
    """A connection that has been idle for `idle` seconds between two requests ends.

    At `reuse`: as the next request on it begins, as when that request and the server's FIN or RST
    cross; nothing of it is carried out. At `idle`: when the time is over, so that a client that
    looks before it uses a connection again can see the end; after FIN the lab reads on, and a
    request that comes all the same is seen. A connection that has carried no request is left alone.
    `first` counts connections.
    """

    family: ClassVar[Family] = "partial"
    reaches: ClassVar[tuple[Reach, ...]] = ("connection",)
    observables: ClassVar[tuple[str, ...]] = ("stale_eof", "stale_reset")

    kind: Literal["stale"] = "stale"
    idle: float = Field(default=0.0, ge=0)
    at: Literal["reuse", "idle"] = "reuse"
    by: Literal["fin", "rst"] = "fin"

    def observable(self) -> tuple[str, ...]:
        """What this value shows as."""
        return ("stale_eof",) if self.by == "fin" else ("stale_reset",)


class Duplicate(Fault):
    """The backend gets each complete request once more, as from a network that delivers twice.

    `copies` are sent behind it, each on a connection of its own, and their answers are dropped.
    They are the lab's and no attempts of the client; effects that they have are the fault's. The
    client's answer is released when the copies have been answered, half a second later at most,
    so that all effects are applied by then. A request that does not reach the backend is not
    copied, nor is one of more than 1 MiB. Live connections are treated like new ones.
    """

    family: ClassVar[Family] = "partial"
    reaches: ClassVar[tuple[Reach, ...]] = ("request",)
    observables: ClassVar[tuple[str, ...]] = ()

    kind: Literal["duplicate"] = "duplicate"
    copies: int = Field(default=1, ge=1, le=100)


class Capacity(Fault):
    """The backend works on `workers` requests at once; `queue` more wait, and others get a 503.

    Requests wait in order of arrival, also those whose clients give up meanwhile: like what lies
    in a server's backlog they are carried out when their turn comes, and their answers are dropped.
    The 503 comes at once, without a Retry-After, as from servers that limit their concurrency. A
    worker is busy from a request's arrival at the gate until the backend's answer is complete. It
    acts on the requests that it makes wait or refuses; those under way when it is armed hold no
    worker, and when it ends all that wait go on. Live connections are treated like new ones.
    """

    family: ClassVar[Family] = "partial"
    reaches: ClassVar[tuple[Reach, ...]] = ("request",)
    observables: ClassVar[tuple[str, ...]] = ("status:503", "read_timeout_headers")

    kind: Literal["capacity"] = "capacity"
    workers: int = Field(ge=1)
    queue: int = Field(default=0, ge=0)
