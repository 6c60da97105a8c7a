"""The family `slow`: late answers, and silence where an answer should begin."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .scope import Family, Fault, Reach


class Latency(Fault):
    """Bytes are delivered `delay` seconds (plus or minus `jitter`, uniform) after they arrived.

    Order is kept. `to_client` delays what the backend sends, `to_backend` what the client sends,
    `both` each of them. Unscoped it acts on the byte stream, scoped on the exchanges picked.
    """

    family: ClassVar[Family] = "slow"
    reach: ClassVar[Reach] = "stream"
    observables: ClassVar[tuple[str, ...]] = ("read_timeout_headers",)

    kind: Literal["latency"] = "latency"
    delay: float = Field(ge=0)
    jitter: float = Field(default=0.0, ge=0)
    direction: Literal["to_client", "to_backend", "both"] = "to_client"


class Stall(Fault):
    """The request is carried out, and silence stands where the response head should begin.

    What was withheld is delivered when the fault is cleared, if the client is still there.
    """

    family: ClassVar[Family] = "slow"
    reach: ClassVar[Reach] = "request"
    observables: ClassVar[tuple[str, ...]] = ("read_timeout_headers",)

    kind: Literal["stall"] = "stall"
    at: Literal["response_head"] = "response_head"
