"""What the lab process is told to do, and what it answers: one channel for each run.

Frames as in `lab/frames.py`. Each order carries a number, its answer the same one; a `Fired`, an `Over`
and a `Wanted` come unasked. Pure types; the sender is `environments/hosted.py`, the receiver `host.py`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .backends.container import Act, Contained, Way
from .backends.pipe import Place
from .backends.served import Specification
from .backends.servers import Image
from .history import AnyEvent, Header

CLOCK = b"clock"
"""Said to a lab process beside its runs: asks for its CLOCK_MONOTONIC, answered in seconds, a double."""


class Order(msgspec.Struct, frozen=True, kw_only=True, tag_field="order"):
    """Something to do; answered once, when it is done."""

    number: int = 0


class Open(Order, frozen=True, kw_only=True, tag="open"):
    """Start stubs, proxies and recorder.

    `path` is how messages call the history; `ports`: the listeners' ports, 0 for any. `places`: the
    processes that serve the stubs; None: the lab process itself does. `counts`: count the connects of
    clients, where the lab process can; its answer's `text` says how they are known then.
    """

    services: dict[str, Specification]
    header: Header
    path: str
    ports: dict[str, int] = {}
    counts: bool = False
    places: dict[str, Place] | None = None


class Serve(Order, frozen=True, kw_only=True, tag="serve"):
    """One more service. `place`: the process that serves its stub, where the run's have places."""

    service: str
    specification: Specification
    place: Place | None = None


class Enter(Order, frozen=True, kw_only=True, tag="enter"):
    """A phase begins."""

    phase: str


class Own(Order, frozen=True, kw_only=True, tag="own"):
    """The service's stub gets a process of its own; with `again` another one waits beside it.

    `kind`: the fault that needs it. Answered when it serves, on live connections too.
    """

    service: str
    kind: str
    again: bool = False


class Fit(Order, frozen=True, kw_only=True, tag="fit"):
    """Say whether these faults (as JSON) can be armed one after the other; nothing is changed."""

    faults: tuple[bytes, ...]


class Inject(Order, frozen=True, kw_only=True, tag="inject"):
    """Arm a fault, given as JSON (`faults.fault_adapter`); answered when it is in force."""

    fault: int
    json: bytes
    unfired: Literal["fail", "ok"] = "fail"


class Clear(Order, frozen=True, kw_only=True, tag="clear"):
    """End these faults, or all; answered when what they had ended serves again."""

    faults: tuple[int, ...] | None = None


class Opened(Order, frozen=True, kw_only=True, tag="opened"):
    """A breaker has opened: faults that wait for it come into force; answered when they are."""


class Fresh(Order, frozen=True, kw_only=True, tag="fresh"):
    """Close idle client connections by FIN."""


class Reset(Order, frozen=True, kw_only=True, tag="reset"):
    """RST on every client connection, so that a blocked call returns."""


class Acted(Order, frozen=True, kw_only=True, tag="acted"):
    """What came of a `Wanted`, by its number."""

    wanted: int
    came: Contained


class Barrier(Order, frozen=True, kw_only=True, tag="barrier"):
    """Answer when everything that had arrived is recorded; `token`: wait for this mark first."""

    token: int | None = None


class Note(Order, frozen=True, kw_only=True, tag="note"):
    """Record an event of the conductor's."""

    event: AnyEvent


class Close(Order, frozen=True, kw_only=True, tag="close"):
    """Stop everything of this run and finish the history."""


AnyOrder = (
    Open
    | Serve
    | Enter
    | Own
    | Fit
    | Inject
    | Clear
    | Opened
    | Fresh
    | Reset
    | Acted
    | Barrier
    | Note
    | Close
)


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done", tag_field="answer"):
    """The order is carried out. `text`: the mechanism of an injected fault."""

    number: int
    start: float = 0.0
    ports: dict[str, int] = {}
    text: str = ""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed", tag_field="answer"):
    """It could not be: a fault refused by name, or a machine that lacks something."""

    number: int
    kind: Literal["fault", "setup"]
    text: str


class Fired(msgspec.Struct, frozen=True, kw_only=True, tag="fired", tag_field="answer"):
    """A fault acted for the first time."""

    fault: int
    event: AnyEvent


class Over(msgspec.Struct, frozen=True, kw_only=True, tag="over", tag_field="answer"):
    """A fault is over."""

    fault: int
    event: AnyEvent


class Wanted(msgspec.Struct, frozen=True, kw_only=True, tag="wanted", tag_field="answer"):
    """Something to do to a container, which only the conductor can: told back by `Acted`.

    `start` one for `service`, for a stub or of an image of the user's, which is done when its server
    answers; `cut` those of the service off from `peer` in these `ways`, or `join` them again; or act on
    a `container` that was started.
    """

    wanted: int
    act: Act | Literal["start", "cut", "join"]
    service: str = ""
    image: Image | None = None
    container: int = 0
    peer: str = ""
    ways: tuple[Way, ...] = ()


Answer = Done | Failed | Fired | Over | Wanted
