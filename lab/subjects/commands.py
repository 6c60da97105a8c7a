"""What the conductor tells a subject's process, and what it answers: frames as in `lab/frames.py`.

Each command carries a number, its answers the same one. Counterparts: `child.py` asks, `inside.py`
answers. The history does not pass here: events go straight to the recorder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..backends.specification import Specification, parse
from ..frames import pack
from ..tune import Tune
from .command_line import CommandLine
from .declaration import Contract, Op, Subject

__all__ = [
    "Answer",
    "Close",
    "Command",
    "Declared",
    "Describe",
    "Described",
    "Done",
    "Ended",
    "Failed",
    "Flush",
    "Offered",
    "Open",
    "Operate",
    "Place",
    "Placed",
    "Seen",
    "Simulate",
    "answers",
    "commands",
    "describe",
    "encode",
]


# --- what a subject is, told to another process --------------------------------------------------


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One operation that a subject offers. `place`: where its function stands, if that is known."""

    name: str
    service: str
    method: str
    path: str
    idempotent: bool
    keyed: bool = False
    cancellable: bool = False
    command: bool = False
    place: str = ""

    @property
    def endpoint(self) -> str:
        """Method and path template."""
        return f"{self.method} {self.path}"


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A subject without its code. `contract` names classes instead of holding them.

    `unserved`: services of which it does not say who serves them.
    """

    name: str
    services: dict[str, Specification]
    unserved: tuple[str, ...] = ()
    contract: str | dict[str, Any] | None
    asks: tuple[str, ...]
    offers: tuple[Offered, ...]


def describe(subject: Subject, offers: Mapping[str, Op]) -> Declared:
    """What another process may know of a subject that has been entered.

    ValueError names the service that nobody can serve.
    """
    return Declared(
        name=subject.name,
        services=dict(_specifications(subject)),
        unserved=tuple(name for name, value in subject.services.items() if value is None),
        contract=_contract(subject.contract, subject.file),
        asks=subject.asks,
        offers=tuple(
            Offered(
                name=name,
                service=subject.service_of(op),
                method=op.method,
                path=op.path,
                idempotent=op.idempotent,
                keyed=op.keyed,
                cancellable=op.is_async,
                command=isinstance(op.call, CommandLine),
                place=op.place,
            )
            for name, op in offers.items()
        ),
    )


def _specifications(subject: Subject) -> Iterator[tuple[str, Specification]]:
    folder = Path(subject.file).parent  # a file is named as its author sees it
    for name, value in subject.services.items():
        if value is None:
            continue  # whoever runs the subject says who serves it
        try:
            yield name, parse(value, name, folder)
        except ValueError as error:
            raise ValueError(f"services[{name!r}]: {error}") from error


def _contract(contract: Contract, file: str) -> str | dict[str, Any] | None:
    if contract is None:
        return None
    if isinstance(contract, str):
        # A file is named as its author sees it: beside the subject's own.
        is_file = contract.endswith((".yaml", ".yml"))
        return str(Path(file).parent / contract) if is_file else contract
    return {str(key): _plain(value) for key, value in contract.items()}


def _plain(value: object) -> object:
    match value:
        case type():
            return f"{value.__module__}.{value.__qualname__}"
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


# --- commands ------------------------------------------------------------------------------------


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    number: int


class Describe(_Command, frozen=True, kw_only=True, tag="describe"):
    """Say what is offered: by the open subject, else by one entered with dead addresses."""

    tune: Tune | None
    seed: int


class Open(_Command, frozen=True, kw_only=True, tag="open"):
    """Enter the factory and record from now on; `start` is the run's zero on CLOCK_MONOTONIC.

    `connects`: how the connects of commands are known that the lab counts itself.
    """

    urls: dict[str, str]
    tune: Tune | None
    seed: int
    start: float
    connects: str = ""


class Operate(_Command, frozen=True, kw_only=True, tag="operate"):
    """Run operations, as ids and names, `concurrency` at once; each is answered by an Ended.

    Each that still runs `cancel_after` seconds after its begin is cancelled.
    """

    ops: tuple[tuple[int, str], ...]
    concurrency: int
    cancel_after: float | None = None


class Close(_Command, frozen=True, kw_only=True, tag="close"):
    """Leave the factory, and send what was recorded; answered by the other addresses seen."""


class Flush(_Command, frozen=True, kw_only=True, tag="flush"):
    """Send what was recorded, then this mark. Answered even while the subject blocks its loop."""

    token: int


class Place(_Command, frozen=True, kw_only=True, tag="place"):
    """Say which line of the author's is being executed. Answered even while the loop is blocked."""


class Simulate(_Command, frozen=True, kw_only=True, tag="simulate"):
    """Play a plan in virtual time; its history goes to `path`.

    It gets its number when it is sent. `plan` and `contract` as JSON, `services`: who serves each, `subject`: how people call it.
    """

    number: int = 0
    plan: bytes
    kind: Literal["armed", "baseline"]
    contract: bytes
    services: dict[str, Specification]
    subject: str
    path: str


Command = Describe | Open | Operate | Close | Flush | Place | Simulate


# --- answers -------------------------------------------------------------------------------------


class _Answer(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer"):
    number: int


class Done(_Answer, frozen=True, kw_only=True, tag="done"):
    """It was done."""


class Ended(_Answer, frozen=True, kw_only=True, tag="ended"):
    """One operation of an Operate came back, one way or another."""

    op: int


class Described(_Answer, frozen=True, kw_only=True, tag="described"):
    """What the subject is."""

    declared: Declared


class Seen(_Answer, frozen=True, kw_only=True, tag="seen"):
    """Other addresses: host, port, operation."""

    addresses: tuple[tuple[str, int, int | None], ...]


class Placed(_Answer, frozen=True, kw_only=True, tag="placed"):
    """File, line and text; empty if none of the author's is being executed."""

    line: str


class Failed(_Answer, frozen=True, kw_only=True, tag="failed"):
    """It could not be done, and who can mend it."""

    blame: Literal["usage", "setup", "subject"]
    text: str
    rows: dict[str, str] = {}


Answer = Done | Ended | Described | Seen | Placed | Failed

_encoder = msgspec.msgpack.Encoder()
commands = msgspec.msgpack.Decoder(Command)
answers = msgspec.msgpack.Decoder(Answer)


def encode(content: Command | Answer) -> bytes:
    """The bytes of one frame."""
    return pack(_encoder.encode(content))
