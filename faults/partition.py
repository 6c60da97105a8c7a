"""The family `partition`: the network between two sides passes nothing."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from .scope import Family, Fault, Reach, Text

PROXY = "proxy"
"""The lab's own side of a backend's network: through it comes every client's request."""

NETWORK = "network"
"""All that a backend is connected to: its network interface goes, and comes back as it was."""

EVERY_REQUEST = (PROXY, NETWORK)
"""Cut from one of these, a backend gets no request."""


class Partition(Fault):
    """Connects stay unanswered, and live connections fall silent or live on, as `live` says.

    `hold`: silence, while the client's kernel is still answered: the link goes on reading, records
    heads and the client's FIN, and passes nothing on. `unplugged`: silence to the client's kernel
    too, as when the cable is out: not even an ACK, so that nothing of what the client sends is
    recorded before the heal. `keep`: they live on. After the heal held bytes are delivered in
    order, even if the client has gone.
    `direction` is the one that live connections lose. In `to_client` requests are carried out and
    their answers held; in `to_backend` requests are held, and answers under way arrive.

    `between`: not between its clients and the service, but between the service's backend and that of
    another service, or `proxy`: packets are lost, of new connections and live ones, and a client sees
    what is made of that: of a lost proxy silence. `network` is all of them: the backend is disconnected
    from its network, and reconnected with the same address. Connects to the service are answered. What the
    kernels send once more after the heal arrives late; a connection that was begun meanwhile ends
    after five seconds (`network`: after three, when its kernel has looked for the address in vain). In `to_backend` what the other side sends is lost, in `to_client` what the
    backend sends to it. One fault cuts one pair; groups are cut by several.
    """

    family: ClassVar[Family] = "partition"
    reaches: ClassVar[tuple[Reach, ...]] = ("listener", "process")
    observables: ClassVar[tuple[str, ...]] = ("connect_timeout", "read_timeout_headers")

    kind: Literal["partition"] = "partition"
    live: Literal["hold", "unplugged", "keep"] = "hold"
    direction: Literal["to_client", "to_backend", "both"] = "both"
    between: Text | None = Field(
        default=None, description="another service, `proxy` or `network`, cut from its backend"
    )

    @model_validator(mode="after")
    def _direction_is_one_that_live_connections_can_lose(self) -> Partition:
        if self.live == "keep" and self.direction != "both":
            raise ValueError("`live: keep` leaves live connections both directions")
        if self.live == "unplugged" and self.direction == "to_client":
            raise ValueError("an unplugged connection loses what the client sends: use live: hold")
        return self

    @model_validator(mode="after")
    def _between_two_backends(self) -> Partition:
        if self.between is not None and self.live != "hold":
            raise ValueError("`live` is of a service's clients: it goes with no `between`")
        if self.between == "":
            raise ValueError("`between` names another service, or `proxy`, or `network`")
        if self.between == NETWORK and self.direction != "both":
            raise ValueError("a backend without its network loses both directions")
        if self.between == self.service:
            raise ValueError("a backend can't be cut from itself: `between` names another service")
        return self

    @property
    def reach(self) -> Reach:
        """What this value acts on."""
        return "listener" if self.between is None else "process"

    def slot(self) -> tuple[str, str, str | None]:
        """What a later fault replaces: that between the same two."""
        return (self.kind, self.service, self.between)

    def observable(self) -> tuple[str, ...]:
        """What this value shows as; first what the request that it waited for meets."""
        if self.between is not None:
            return ("read_timeout_headers",)
        if self.live == "keep":
            return ("connect_timeout",)
        return self.observables[::-1] if self.follows("request") else self.observables
