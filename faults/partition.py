"""The family `partition`: the network between client and service passes nothing."""

from __future__ import annotations

from typing import ClassVar, Literal

from .scope import Family, Fault, Reach


class Partition(Fault):
    """Connects stay unanswered; live connections fall silent, both ways.

    `live: hold`: the link goes on reading, records heads and the client's FIN, and passes nothing
    on. After the heal held bytes are delivered in order, even if the client has gone.
    """

    family: ClassVar[Family] = "partition"
    reach: ClassVar[Reach] = "listener"
    observables: ClassVar[tuple[str, ...]] = ("connect_timeout", "read_timeout_headers")

    kind: Literal["partition"] = "partition"
    live: Literal["hold"] = "hold"
