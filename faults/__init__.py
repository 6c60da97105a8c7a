"""The closed list of faults: frozen values that say what goes wrong, where and when.

A module for each family; `scope.py` says where, `decide.py` turns faults and what arrived into
actions. Pure: nothing here knows a socket, a clock or a generator of random numbers.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter

from .down import Cut, Killed, Refused, Stopped
from .partial import BadBody, Capacity, Duplicate, LostAnswer, Stale
from .partition import Partition
from .scope import Fault
from .slow import Drip, Frozen, Latency, Stall, Throttle
from .status import Status

AnyFault = Annotated[
    Refused
    | Stopped
    | Killed
    | Cut
    | Latency
    | Stall
    | Frozen
    | Throttle
    | Drip
    | Status
    | Partition
    | BadBody
    | LostAnswer
    | Stale
    | Duplicate
    | Capacity,
    Field(discriminator="kind"),
]

KINDS: dict[str, type[Fault]] = {
    "refused": Refused,
    "stopped": Stopped,
    "killed": Killed,
    "cut": Cut,
    "latency": Latency,
    "stall": Stall,
    "frozen": Frozen,
    "throttle": Throttle,
    "drip": Drip,
    "status": Status,
    "partition": Partition,
    "bad_body": BadBody,
    "lost_answer": LostAnswer,
    "stale": Stale,
    "duplicate": Duplicate,
    "capacity": Capacity,
}

fault_adapter: TypeAdapter[AnyFault] = TypeAdapter(AnyFault)

__all__ = [
    "KINDS",
    "AnyFault",
    "BadBody",
    "Capacity",
    "Cut",
    "Drip",
    "Duplicate",
    "Fault",
    "Frozen",
    "Killed",
    "Latency",
    "LostAnswer",
    "Partition",
    "Refused",
    "Stale",
    "Stall",
    "Status",
    "Stopped",
    "Throttle",
    "fault_adapter",
]
