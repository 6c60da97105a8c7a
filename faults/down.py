"""The family `down`: the service cannot be reached, or hangs up before it answers."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from .scope import Family, Fault, Reach


class Refused(Fault):
    """No listener: every connect gets RST. `live` says what happens to live connections.

    `close`: FIN, then the lab goes on reading, so that a request on a dying connection is seen;
    `reset`: RST; `keep`: they live on.
    """

    family: ClassVar[Family] = "down"
    reach: ClassVar[Reach] = "listener"
    observables: ClassVar[tuple[str, ...]] = ("connect_refused", "stale_eof", "stale_reset")

    kind: Literal["refused"] = "refused"
    live: Literal["close", "reset", "keep"] = "close"


class Cut(Fault):
    """The exchange ends at a point of it: FIN or RST after the bytes already delivered.

    At `request_head`: when the head is complete; nothing reaches the backend (family down).
    At `response_body`: after `bytes` of the body, by default half of it (family partial).
    """

    family: ClassVar[Family] = "down"
    reach: ClassVar[Reach] = "request"
    observables: ClassVar[tuple[str, ...]] = (
        "eof_before_response",
        "reset_before_response",
        "truncated_length",
        "truncated_chunked",
        "reset_mid_body",
    )

    kind: Literal["cut"] = "cut"
    at: Literal["request_head", "response_body"]
    by: Literal["fin", "rst"] = "fin"
    bytes: int | Literal["half"] = Field(default="half")

    @model_validator(mode="after")
    def _bytes_belong_to_a_body(self) -> Cut:
        if self.at == "request_head" and self.bytes != "half":
            raise ValueError("`bytes` belongs to a cut at response_body")
        if isinstance(self.bytes, int) and self.bytes < 0:
            raise ValueError(f"bytes={self.bytes}: expected 0 or more")
        return self

    def observable(self) -> tuple[str, ...]:
        """What this value shows as."""
        if self.at == "request_head":
            return ("eof_before_response",) if self.by == "fin" else ("reset_before_response",)
        if self.by == "rst":
            return ("reset_mid_body",)
        return ("truncated_length", "truncated_chunked")
