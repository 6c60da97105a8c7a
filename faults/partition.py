"""The family `partition`: the network between client and service passes nothing."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from .scope import Family, Fault, Reach


class Partition(Fault):
    """Connects stay unanswered, and live connections fall silent or live on, as `live` says.

    `hold`: silence, while the client's kernel is still answered: the link goes on reading, records
    heads and the client's FIN, and passes nothing on. `unplugged`: silence to the client's kernel
    too, as when the cable is out: not even an ACK, so that nothing of what the client sends is
    recorded before the heal. `keep`: they live on. After the heal held bytes are delivered in
    order, even if the client has gone.
    `direction` is the one that live connections lose. In `to_client` requests are carried out and
    their answers held; in `to_backend` requests are held, and answers under way arrive.
    """

    family: ClassVar[Family] = "partition"
    reaches: ClassVar[tuple[Reach, ...]] = ("listener",)
    observables: ClassVar[tuple[str, ...]] = ("connect_timeout", "read_timeout_headers")

    kind: Literal["partition"] = "partition"
    live: Literal["hold", "unplugged", "keep"] = "hold"
    direction: Literal["to_client", "to_backend", "both"] = "both"

    @model_validator(mode="after")
    def _direction_is_one_that_live_connections_can_lose(self) -> Partition:
        if self.live == "keep" and self.direction != "both":
            raise ValueError("`live: keep` leaves live connections both directions")
        if self.live == "unplugged" and self.direction == "to_client":
            raise ValueError("an unplugged connection loses what the client sends: use live: hold")
        return self

    def observable(self) -> tuple[str, ...]:
        """What this value shows as; first what the request that it waited for meets."""
        if self.live == "keep":
            return ("connect_timeout",)
        return self.observables[::-1] if self.follows("request") else self.observables
