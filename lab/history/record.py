"""The append-only History and its file: a header line, then one JSON line for each event, both ways.

Counterpart: events.py has what can be recorded. The recorder (lab/recorder.py) numbers events from 1,
so a file whose numbers don't follow one another has lost lines, or had them moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Literal

import msgspec

from .events import AnyEvent, Event, RunEnded

__all__ = [
    "FORMAT",
    "Header",
    "History",
    "HistoryError",
    "decode",
    "encode",
    "load",
    "numbered",
    "parse",
]

FORMAT = 1


class HistoryError(ValueError):
    """A file is not a history that this version can read; the message names file and line."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a history: what was run, on what, and how time is judged."""

    format: int = FORMAT
    scenario: str = ""
    seed: int = 0
    environment: str = ""
    tune: str = ""
    subject: str = ""
    run: Literal["armed", "baseline", "test"] = "armed"
    versions: dict[str, str] = {}
    tolerance: str = "eps per interval: 35 ms + run delay of the stamping thread"
    early: float = 0.001  # seconds by which a lower bound may be missed (0.002 under uvloop)
    wall: str = ""  # what the wall clock said at t = 0, virtual in `simulated`
    route: str = ""  # how the subject reached the listeners
    clock: float = 0.0  # seconds by which the lab process's clock may differ from the subject's


class _Format(msgspec.Struct, frozen=True, kw_only=True):
    """What the header of any version says."""

    format: int = FORMAT


_encoder = msgspec.json.Encoder()
_events = msgspec.json.Decoder(AnyEvent)
_header = msgspec.json.Decoder(Header)
_format = msgspec.json.Decoder(_Format)
_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def encode(event: Event) -> bytes:
    """One JSON line without its line end; `where` stands first for the human reader."""
    return b'{"where":"' + event.where.encode() + b'",' + _encoder.encode(event)[1:]


def decode(line: bytes) -> AnyEvent:
    """The event of one line; raises msgspec.ValidationError or DecodeError."""
    event: AnyEvent = _events.decode(line)
    return event


@dataclass(frozen=True, slots=True)
class History:
    """Header and events in order of arrival. `cut` tells that a last line was cut short by a kill."""

    header: Header
    events: tuple[AnyEvent, ...]
    cut: bool = False

    def __iter__(self) -> Iterator[AnyEvent]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    @property
    def ended(self) -> bool:
        """Whether the conductor said that it had come to the end; not so in a test's history."""
        return any(isinstance(event, RunEnded) for event in reversed(self.events))

    def in_time(self) -> tuple[AnyEvent, ...]:
        """Events in order of `t`; ties keep the order of arrival."""
        return tuple(sorted(self.events, key=attrgetter("t")))

    def to_lines(self) -> Iterator[bytes]:
        """The lines of the file, without line ends."""
        yield _encoder.encode(self.header)
        for event in self.events:
            yield encode(event)

    def save(self, path: Path) -> None:
        """Write the file whole: beside itself first, then renamed into place."""
        beside = path.with_name(path.name + ".part")
        beside.write_bytes(b"\n".join(self.to_lines()) + b"\n")
        beside.replace(path)


def numbered(header: Header, events: Iterable[AnyEvent]) -> History:
    """A history of these events, numbered from 1 in the given order."""
    return History(
        header,
        tuple(msgspec.structs.replace(event, index=n) for n, event in enumerate(events, 1)),
    )


def load(path: Path) -> History:
    """Read a history file; a last line cut short by a kill is dropped and said (`cut`).

    Raises HistoryError for a foreign or damaged file, naming the line, and OSError.
    """
    return parse(path.read_bytes(), str(path))


def parse(data: bytes, name: str = "history") -> History:
    """The history in these bytes; `name` stands in error messages. Raises HistoryError."""
    first, _, rest = data.partition(b"\n")
    if not first:
        raise HistoryError(f"{name}: empty, expected a header line")
    header = _parsed_header(first, name)
    last = rest.rfind(b"\n") + 1
    whole, tail = rest[:last], rest[last:]
    try:
        events: list[AnyEvent] = _events.decode_lines(whole)
    except _NOT_JSON:
        events = []
    if len(events) != whole.count(b"\n"):
        events = _line_by_line(whole, name)
    cut = False
    if tail:
        try:
            events.append(decode(tail))
        except _NOT_JSON:
            cut = True
    for number, event in enumerate(events, 1):
        if event.index != number:
            raise HistoryError(
                f"{name}:{number + 1}: event {event.index} where event {number} was expected: "
                "lines are missing, or were moved"
            )
    return History(header, tuple(events), cut)


def _parsed_header(line: bytes, name: str) -> Header:
    try:
        told = _format.decode(line).format
        if told != FORMAT:
            raise HistoryError(f"{name}:1: format {told}, this version reads {FORMAT}")
        return _header.decode(line)
    except _NOT_JSON as error:
        raise HistoryError(f"{name}:1: not a history header: {error}") from error


def _line_by_line(data: bytes, name: str) -> list[AnyEvent]:
    """The same as decoding them at once, and the place of the first that is no event."""
    events: list[AnyEvent] = []
    for number, line in enumerate(data.split(b"\n")[:-1], 2):
        try:
            events.append(decode(line))
        except _NOT_JSON as error:
            raise HistoryError(f"{name}:{number}: not an event: {error}") from error
    return events
