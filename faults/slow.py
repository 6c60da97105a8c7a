"""The family `slow`: late bytes, few bytes, and silence at a point of an exchange."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, assert_never

from pydantic import AfterValidator, Field

from .scope import Family, Fault, Reach
from .written import Rate, Size

Direction = Literal["to_client", "to_backend", "both"]
"""Which way bytes are slowed: what the backend sends, what the client sends, or each of them."""

Bytes = Annotated[int, Field(ge=1, le=1_000_000_000), AfterValidator(Size)]
BytesPerSecond = Annotated[int, Field(ge=1, le=1_000_000_000), AfterValidator(Rate)]


class Latency(Fault):
    """Bytes are delivered `delay` seconds (plus or minus `jitter`, uniform) after they arrived.

    Order is kept. `to_client` delays what the backend sends, `to_backend` what the client sends,
    `both` each of them. Unscoped it acts on the byte stream, scoped on the exchanges picked.
    """

    family: ClassVar[Family] = "slow"
    reaches: ClassVar[tuple[Reach, ...]] = ("stream",)
    observables: ClassVar[tuple[str, ...]] = ("read_timeout_headers",)

    kind: Literal["latency"] = "latency"
    delay: float = Field(ge=0)
    jitter: float = Field(default=0.0, ge=0)
    direction: Direction = "to_client"


class Stall(Fault):
    """Silence at a point of the exchange, until the fault is cleared.

    At `connect`: new connects stay unanswered, and live connections live on.
    At `response_head`: the request is carried out, and nothing stands where the answer should
    begin. At `response_body`: the head arrives, and nothing of the body; an answer without a body
    passes. What was withheld is delivered when the fault is cleared, if the client is still there.
    These two act on new connections and live ones alike.
    """

    family: ClassVar[Family] = "slow"
    reaches: ClassVar[tuple[Reach, ...]] = ("request", "listener")
    observables: ClassVar[tuple[str, ...]] = (
        "connect_timeout",
        "read_timeout_headers",
        "read_timeout_body",
    )

    kind: Literal["stall"] = "stall"
    at: Literal["connect", "response_head", "response_body"] = "response_head"

    @property
    def reach(self) -> Reach:
        """What this value acts on."""
        return "listener" if self.at == "connect" else "request"

    def observable(self) -> tuple[str, ...]:
        """What this value shows as."""
        match self.at:
            case "connect":
                return ("connect_timeout",)
            case "response_head":
                return ("read_timeout_headers",)
            case "response_body":
                return ("read_timeout_body",)
            case _:
                assert_never(self.at)


class Frozen(Fault):
    """The backend's process is stopped where it stands (SIGSTOP), and does nothing at all.

    Its kernel goes on: connects are accepted and requests taken, then silence. A request under way
    is silent from then on. When the fault is over the process goes on (SIGCONT) with all that it
    had and all that has arrived: late requests are carried out even if their clients have gone.
    """

    family: ClassVar[Family] = "slow"
    reaches: ClassVar[tuple[Reach, ...]] = ("process",)
    observables: ClassVar[tuple[str, ...]] = ("read_timeout_headers", "read_timeout_body")

    kind: Literal["frozen"] = "frozen"

    def observable(self) -> tuple[str, ...]:
        """What this value shows to a request that begins while it is in force."""
        return ("read_timeout_headers",)


class Throttle(Fault):
    """Bytes pass at no more than `rate` bytes a second; order is kept, nothing is lost.

    Unscoped it acts on the byte stream, scoped on the exchanges picked. New connections and live
    ones alike; each connection has the whole rate for itself.
    """

    family: ClassVar[Family] = "slow"
    reaches: ClassVar[tuple[Reach, ...]] = ("stream",)
    observables: ClassVar[tuple[str, ...]] = ("slow_drip", "read_timeout_headers")

    kind: Literal["throttle"] = "throttle"
    rate: BytesPerSecond
    direction: Direction = "to_client"

    def observable(self) -> tuple[str, ...]:
        """What this value shows as: while a request is slow, the client hears nothing."""
        return _of_a_pace(self.direction)


class Drip(Fault):
    """Bytes pass in pieces of `size` bytes, one after each `interval` seconds.

    While the interval is shorter than a client's read time-out that never passes; only a deadline
    ends the answer. Scope and connections as with a throttle; a last piece that is smaller waits
    that much less.
    """

    family: ClassVar[Family] = "slow"
    reaches: ClassVar[tuple[Reach, ...]] = ("stream",)
    observables: ClassVar[tuple[str, ...]] = ("slow_drip", "read_timeout_headers")

    kind: Literal["drip"] = "drip"
    size: Bytes = Size(1)
    interval: float = Field(default=0.1, gt=0)
    direction: Direction = "to_client"

    def observable(self) -> tuple[str, ...]:
        """What this value shows as: while a request is slow, the client hears nothing."""
        return _of_a_pace(self.direction)


def _of_a_pace(direction: Direction) -> tuple[str, ...]:
    silent = ("read_timeout_headers",)
    return silent if direction == "to_backend" else ("slow_drip", *silent)
