"""The toxics: what each does to one direction of one link, as stages. Pure: time and chance come in.

A stage is given items with their time of arrival and gives them back when their time has come, whole,
cut, or replaced by an end. Settings (`Toxic`) belong to the proxy, state to the stage, so to one link.
Counterpart: chain.py strings stages together. Knows no socket and no HTTP.
The rules are those of Toxiproxy 2.12, as its README and its behaviour show them.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf, isinf
from types import MappingProxyType
from typing import Literal, TypeAlias

__all__ = [
    "STAGES",
    "TYPES",
    "Attribute",
    "Chunk",
    "Draw",
    "End",
    "Item",
    "Kind",
    "Stage",
    "Stream",
    "Toxic",
    "problem",
    "single",
]

Stream = Literal["upstream", "downstream"]
"""Client to server, and server to client."""

Draw: TypeAlias = Callable[[], float]
"""The next number of one stage, in [0, 1)."""

READ = 32768  # bytes of one chunk of the original, which cuts and drops whole chunks
ROOM = 64 * 1024  # bytes that may wait in a stage before its source is paused
BUFFER = 1024 * READ  # the same, for latency: less would make a bandwidth limit of it


# --- settings ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a type. `whole`: it must be an integer."""

    name: str
    whole: bool = True
    default: float = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of toxic: its attributes in the order in which answers list them."""

    name: str
    attributes: tuple[Attribute, ...]
    strict: bool = True  # whether 2.12 has it


@dataclass(frozen=True, slots=True)
class Toxic:
    """One toxic as it is set. `stream` keeps the letters that it was given in."""

    name: str
    kind: Kind
    stream: str
    toxicity: float
    values: tuple[float, ...]

    @property
    def direction(self) -> Stream:
        """The direction that it acts on."""
        return "upstream" if self.stream.lower() == "upstream" else "downstream"

    def value(self, name: str) -> float:
        """One attribute."""
        for attribute, value in zip(self.kind.attributes, self.values, strict=True):
            if attribute.name == name:
                return value
        raise KeyError(name)


def single(number: float) -> float:
    """As a 32-bit float, in the fewest digits that name it. Raises OverflowError beyond its range."""
    rounded = _rounded(number)
    if isinf(rounded):
        raise OverflowError("too large for a 32-bit float")
    shown = (float(f"{number:.{digits}g}") for digits in range(1, 10))
    return next((short for short in shown if _rounded(short) == rounded), rounded)


def _rounded(number: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return inf


def problem(kind: Kind, values: Mapping[str, float]) -> str | None:
    """What is wrong with these values, if they mean nothing: the original crashes on most of them."""
    match kind.name:
        case "bandwidth" if values["rate"] < 0:
            return "rate must be 0 or more"
        case "slicer" if values["average_size"] < 1:
            return "average_size must be 1 or more"
        case "slicer" if not 0 <= values["size_variation"] < values["average_size"]:
            return "size_variation must be 0 or more, and less than average_size"
        case "packet_loss" if not 0 <= values["loss_rate"] <= 1:
            return "loss_rate must be from 0 to 1"
        case "packet_loss" if not 0 <= values["correlation"] <= 1:
            return "correlation must be from 0 to 1"
        case _:
            return None


# --- what passes ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes, and the time in seconds at which they arrived at, or left, a stage."""

    at: float
    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The end of a direction: the source's FIN or RST, or a toxic that ends the link (`close`: FIN
    to both sides; `abort`: RST to both)."""

    at: float
    how: Literal["fin", "rst", "close", "abort"]


Item: TypeAlias = Chunk | End


def _size(item: Item) -> int:
    return len(item.data) if isinstance(item, Chunk) else 0


# --- stages --------------------------------------------------------------------------------------


class Stage:
    """A stage that passes everything at once; the others say what they do differently.

    `hit` turns True when it first alters or holds back something.
    """

    room = ROOM

    def __init__(self, toxic: Toxic, draw: Draw, now: float) -> None:
        self.toxic = toxic
        self.hit = False
        self.size = 0
        self._draw = draw
        self._began = now
        self._queue: deque[tuple[float, Item]] = deque()  # when each leaves, and what

    @property
    def full(self) -> bool:
        """Whether the source should rest."""
        return self.size > self.room

    @property
    def due(self) -> float:
        """When something leaves next; inf where nothing does by itself."""
        return self._queue[0][0] if self._queue else inf

    def put(self, item: Item) -> None:
        """Something arrived; `item.at` says when."""
        self._wait(item.at, item)

    def take(self, now: float) -> Iterator[Item]:
        """What leaves by now, each with its own time."""
        while self._queue and self._queue[0][0] <= now:
            due, item = self._queue.popleft()
            self.size -= _size(item)
            yield replace(item, at=due)

    def rearm(self, toxic: Toxic, now: float) -> tuple[Item, ...]:
        """New settings: the pending chunk leaves at once, what waits behind it is timed anew."""
        self.toxic = toxic
        waiting = self._emptied()
        self._begin_again(now)
        cut_short: tuple[Item, ...] = ()
        if waiting and isinstance(waiting[0], Chunk):
            cut_short = (replace(waiting.pop(0), at=now),)
        for item in waiting:
            self.put(replace(item, at=now) if isinstance(item, End) else item)
        return cut_short

    def flush(self, now: float) -> tuple[Item, ...]:
        """It is removed: all that waits, without delay."""
        return tuple(replace(item, at=now) for item in self._emptied())

    def _wait(self, due: float, item: Item) -> None:
        self._queue.append((due, item))
        self.size += _size(item)
        if due > item.at:
            self.hit = True

    def _emptied(self) -> list[Item]:
        waiting = [item for _, item in self._queue]
        self._queue.clear()
        self.size = 0
        return waiting

    def _begin_again(self, now: float) -> None:
        """Forget the pace of what left before."""


class Latency(Stage):
    """Each chunk leaves at its arrival + latency + jitter, in order."""

    room = BUFFER

    def __init__(self, toxic: Toxic, draw: Draw, now: float) -> None:
        super().__init__(toxic, draw, now)
        self._last = now

    def put(self, item: Item) -> None:
        """Not before what came earlier; an end isn't delayed of itself."""
        due = item.at
        if isinstance(item, Chunk):
            due += max(0.0, self.toxic.value("latency") + self._jitter()) / 1000
        self._last = max(due, self._last)
        self._wait(self._last, item)

    def _jitter(self) -> float:
        most = int(self.toxic.value("jitter"))
        return int(self._draw() * 2 * most) - most if most > 0 else 0

    def _begin_again(self, now: float) -> None:
        self._last = now


class Bandwidth(Stage):
    """Each chunk waits for its own time of transmission, in slices of a tenth of a second."""

    def __init__(self, toxic: Toxic, draw: Draw, now: float) -> None:
        super().__init__(toxic, draw, now)
        self._free = now  # when the line has sent all that it was given

    def put(self, item: Item) -> None:
        """At rate 0 nothing leaves, ends included."""
        rate = self.toxic.value("rate")
        if rate <= 0:
            self._wait(inf, item)
            return
        self._free = max(self._free, item.at)
        if isinstance(item, End):
            self._wait(self._free, item)
            return
        slice_ = int(rate) * 100
        for start in range(0, len(item.data), slice_):
            piece = item.data[start : start + slice_]
            self._free += len(piece) / (rate * 1000)
            self._wait(self._free, Chunk(item.at, piece))

    def _begin_again(self, now: float) -> None:
        self._free = now


class SlowClose(Stage):
    """Bytes pass; the end of this direction is held back."""

    def put(self, item: Item) -> None:
        """Only ends wait."""
        held = max(0.0, self.toxic.value("delay")) / 1000 if isinstance(item, End) else 0.0
        self._wait(item.at + held, item)


class Timeout(Stage):
    """Bytes are dropped; after so long without any, the link is closed. 0: never by itself."""

    def __init__(self, toxic: Toxic, draw: Draw, now: float) -> None:
        super().__init__(toxic, draw, now)
        self._silent_since = now
        self._over = False

    @property
    def due(self) -> float:
        """The end of the silence."""
        limit = self.toxic.value("timeout")
        if self._queue:
            return super().due
        return self._silent_since + limit / 1000 if limit > 0 and not self._over else inf

    def put(self, item: Item) -> None:
        """Each chunk starts the clock anew; the source's end closes."""
        self.hit = True
        if isinstance(item, Chunk):
            self._silent_since = item.at
        elif not self._over:
            self._over = True
            self._wait(item.at, item)

    def take(self, now: float) -> Iterator[Item]:
        """The end, when it is time."""
        if not self._queue and self.due <= now:
            self.hit = self._over = True
            yield End(self._silent_since + self.toxic.value("timeout") / 1000, "close")
            return
        yield from super().take(now)

    def flush(self, now: float) -> tuple[Item, ...]:
        """Bytes are missing: the link can't go on."""
        return (End(now, "close"),)

    def _begin_again(self, now: float) -> None:
        self._silent_since = now


class ResetPeer(Stage):
    """The first thing that arrives is discarded, and after a wait the link is reset."""

    def __init__(self, toxic: Toxic, draw: Draw, now: float) -> None:
        super().__init__(toxic, draw, now)
        self._since: float | None = None
        self._over = False

    @property
    def due(self) -> float:
        """The end of the wait; an idle link has none."""
        if self._since is None or self._over:
            return inf
        return self._since + max(0.0, self.toxic.value("timeout")) / 1000

    def put(self, item: Item) -> None:
        """Whatever comes is lost; the first of it starts the clock."""
        self.hit = True
        if self._since is None:
            self._since = item.at

    def take(self, now: float) -> Iterator[Item]:
        """The reset, when it is time."""
        due = self.due
        if due <= now:
            self._over = True
            yield End(due, "abort")

    def flush(self, now: float) -> tuple[Item, ...]:
        """Cut short; a link that lost bytes can't go on."""
        return () if self._since is None else (End(now, "abort"),)

    def _begin_again(self, now: float) -> None:
        if self._since is not None:
            self._since = now


class Slicer(Stage):
    """Chunks are cut into pieces of about a size, with a delay behind each piece."""

    def __init__(self, toxic: Toxic, draw: Draw, now: float) -> None:
        super().__init__(toxic, draw, now)
        self._free = now

    def put(self, item: Item) -> None:
        """Pieces in order; sizes that mean nothing cut nothing."""
        self._free = max(self._free, item.at)
        if isinstance(item, End):
            self._wait(self._free, item)
            return
        average = int(self.toxic.value("average_size"))
        variation = int(self.toxic.value("size_variation"))
        delay = max(0.0, self.toxic.value("delay")) / 1_000_000
        sound = 0 <= variation < average
        for start in range(0, len(item.data), READ):
            chunk = item.data[start : start + READ]
            for piece in self._pieces(chunk, average, variation) if sound else (chunk,):
                self.hit = self.hit or len(piece) < len(item.data)
                self._wait(self._free, Chunk(item.at, piece))
                self._free += delay

    def _pieces(self, data: bytes, average: int, variation: int) -> Iterator[bytes]:
        """Cut near the middle until no piece is longer than average + variation."""
        rest = [data]
        while rest:
            piece = rest.pop()
            if len(piece) <= average + variation:
                yield piece
                continue
            middle = len(piece) // 2 + int(self._draw() * (2 * variation + 1)) - variation
            middle = min(max(1, middle), len(piece) - 1)
            rest += [piece[middle:], piece[:middle]]

    def _begin_again(self, now: float) -> None:
        self._free = now


class LimitData(Stage):
    """Exactly so many bytes pass, then the link is closed. The count outlives updates."""

    def __init__(self, toxic: Toxic, draw: Draw, now: float) -> None:
        super().__init__(toxic, draw, now)
        self._passed = 0
        self._over = False

    def put(self, item: Item) -> None:
        """Reaching the limit exactly closes at once."""
        if self._over:
            return
        if isinstance(item, End):
            self._over = True
            self._wait(item.at, item)
            return
        rest = max(0, int(self.toxic.value("bytes")) - self._passed)
        passing = item.data[:rest]
        self._passed += len(passing)
        if passing:
            self._wait(item.at, Chunk(item.at, passing))
        if len(item.data) >= rest:
            self.hit = self._over = True
            self._wait(item.at, End(item.at, "close"))


class PacketLoss(Stage):
    """Chunks are dropped by chance; each chance leans on the one before by the correlation."""

    def __init__(self, toxic: Toxic, draw: Draw, now: float) -> None:
        super().__init__(toxic, draw, now)
        self._last: float | None = None

    def put(self, item: Item) -> None:
        """Ends are never lost."""
        if isinstance(item, End):
            self._wait(item.at, item)
            return
        for start in range(0, len(item.data), READ):
            if self._lost():
                self.hit = True
            else:
                self._wait(item.at, Chunk(item.at, item.data[start : start + READ]))

    def _lost(self) -> bool:
        lean = self.toxic.value("correlation")
        drawn = self._draw()
        if self._last is not None:
            drawn = lean * self._last + (1 - lean) * drawn
        self._last = drawn
        return drawn < self.toxic.value("loss_rate")


_TABLE: tuple[tuple[Kind, type[Stage]], ...] = (
    (Kind("latency", (Attribute("latency"), Attribute("jitter"))), Latency),
    (Kind("bandwidth", (Attribute("rate"),)), Bandwidth),
    (Kind("slow_close", (Attribute("delay"),)), SlowClose),
    (Kind("timeout", (Attribute("timeout"),)), Timeout),
    (Kind("reset_peer", (Attribute("timeout"),)), ResetPeer),
    (
        Kind(
            "slicer", (Attribute("average_size"), Attribute("size_variation"), Attribute("delay"))
        ),
        Slicer,
    ),
    (Kind("limit_data", (Attribute("bytes"),)), LimitData),
    (Kind("noop", ()), Stage),
    (
        Kind(
            "packet_loss",
            (
                Attribute("loss_rate", whole=False, default=0.1),
                Attribute("correlation", whole=False),
            ),
            strict=False,
        ),
        PacketLoss,
    ),
)

TYPES: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind, _ in _TABLE})
"""The closed list of types."""

STAGES: Mapping[str, type[Stage]] = MappingProxyType({kind.name: stage for kind, stage in _TABLE})
"""What carries each of them out."""
