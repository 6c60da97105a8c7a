"""The family `down`: the service cannot be reached, or hangs up before it answers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from .scope import Family, Fault, Reach


class Refused(Fault):
    """No listener: every connect gets RST. `live` says what happens to live connections.

    `close`: FIN, then the lab goes on reading, so that a request on a dying connection is seen;
    `reset`: RST; `keep`: they live on.
    """

    family: ClassVar[Family] = "down"
    reaches: ClassVar[tuple[Reach, ...]] = ("listener",)
    observables: ClassVar[tuple[str, ...]] = (
        "connect_refused",
        "stale_eof",
        "stale_reset",
        "eof_before_response",
        "reset_before_response",
    )

    kind: Literal["refused"] = "refused"
    live: Literal["close", "reset", "keep"] = "close"

    def observable(self) -> tuple[str, ...]:
        """What this value shows as; first what the request that it waited for meets."""
        if self.live == "keep":
            return ("connect_refused",)
        end = "eof" if self.live == "close" else "reset"
        under_way = f"{end}_before_response"
        others = ("connect_refused", f"stale_{end}")
        return (under_way, *others) if self.follows("request") else (*others, under_way)


Restart = Annotated[float, Field(ge=0)] | Literal["never"]
"""After how many seconds the process is started again; `never`: when the fault is over."""


class Stopped(Fault):
    """The backend's process ends in order (SIGTERM), and connects are refused while it is down.

    It closes its port, answers the whole requests that have arrived, and its kernel ends every
    connection by FIN: an idle one, and one on which half a request has arrived.
    `restart`: after so many seconds it is started again, and the fault is over; `never`: when the
    fault is cleared. It is back at the same address, and has forgotten all but what a new process
    knows.
    """

    family: ClassVar[Family] = "down"
    reaches: ClassVar[tuple[Reach, ...]] = ("process",)
    observables: ClassVar[tuple[str, ...]] = ("connect_refused", "eof_before_response", "stale_eof")

    kind: Literal["stopped"] = "stopped"
    restart: Restart = "never"

    def observable(self) -> tuple[str, ...]:
        """What this value shows as; first what the request that it waited for meets."""
        return _under_way_first(self)


class Killed(Fault):
    """The backend's process is gone at once (SIGKILL), and connects are refused while it is down.

    What its kernel does to live connections is what a client sees: FIN, after what had been sent;
    RST where bytes had arrived that the process had not read. A request under way is not answered,
    and its effect stays applied if it had been. `restart` as with `stopped`.
    """

    family: ClassVar[Family] = "down"
    reaches: ClassVar[tuple[Reach, ...]] = ("process",)
    observables: ClassVar[tuple[str, ...]] = (
        "connect_refused",
        "eof_before_response",
        "reset_before_response",
        "stale_eof",
        "stale_reset",
    )

    kind: Literal["killed"] = "killed"
    restart: Restart = "never"

    def observable(self) -> tuple[str, ...]:
        """What this value shows as; first what the request that it waited for meets."""
        return _under_way_first(self)


def _under_way_first(fault: Fault) -> tuple[str, ...]:
    """A fault's observables; first what the request that it waited for meets."""
    later = {key: not key.endswith("before_response") for key in fault.observables}
    return tuple(sorted(later, key=later.__getitem__)) if fault.follows("request") else tuple(later)


class Cut(Fault):
    """The connection ends at a point of it: FIN or RST after the bytes already delivered.

    At `accept`: as soon as it is accepted, before any request; live connections live on. Its RST
    has no stable class in a client (a failed connect or a failed read, by chance).
    At `request_head`: when the head is complete; `request_complete`: when the body is, too. Nothing
    of the request reaches the backend. These three are of the family down.
    At `response_head`: when the head of the backend's answer has come, so that the request was
    carried out; nothing of the answer is released. At `response_body`: after `bytes` of the body,
    by default half of it. These two are of the family partial.
    """

    family: ClassVar[Family] = "down"
    reaches: ClassVar[tuple[Reach, ...]] = ("request", "connection")
    observables: ClassVar[tuple[str, ...]] = (
        "eof_on_accept",
        "reset_on_accept",
        "eof_before_response",
        "reset_before_response",
        "truncated_length",
        "truncated_chunked",
        "reset_mid_body",
    )

    kind: Literal["cut"] = "cut"
    at: Literal["accept", "request_head", "request_complete", "response_head", "response_body"]
    by: Literal["fin", "rst"] = "fin"
    bytes: Annotated[int, Field(ge=0)] | Literal["half"] = Field(default="half")

    @model_validator(mode="after")
    def _bytes_belong_to_a_body(self) -> Cut:
        if self.at != "response_body" and self.bytes != "half":
            raise ValueError("`bytes` belongs to a cut at response_body")
        return self

    @property
    def reach(self) -> Reach:
        """What this value acts on."""
        return "connection" if self.at == "accept" else "request"

    def takes(self) -> tuple[str, ...]:
        """The scope keys that this value can have; at accept they pick connections."""
        return ("first", "every_nth", "fraction") if self.at == "accept" else super().takes()

    def observable(self) -> tuple[str, ...]:
        """What this value shows as."""
        if self.at == "accept":
            return ("eof_on_accept",) if self.by == "fin" else ("reset_on_accept",)
        if self.at != "response_body":
            return ("eof_before_response",) if self.by == "fin" else ("reset_before_response",)
        if self.by == "rst":
            return ("reset_mid_body",)
        return ("truncated_length", "truncated_chunked")
