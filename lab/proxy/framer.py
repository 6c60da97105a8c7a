"""Finds where HTTP/1.1 messages begin and end in a byte stream; keeps every byte as it came.

Pure, and the only reader of HTTP here: the gate asks it, the link never does. It interprets heads
no further than framing needs (RFC 9112, section 6). What it can't follow comes out as `Lost`, as
soon as that is certain, and `why` says the reason: from there on the stream is passed unread. The
raw bytes of all pieces, joined, are the input; how they arrived in pieces changes nothing else.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from .grammar import (
    HEAD_LIMIT,
    LINE_LIMIT,
    TOO_LONG,
    Headers,
    Side,
    Unreadable,
    check_chunk_line,
    check_first_line,
    chunk_end,
    chunk_size,
    ends_chunked,
    first_line,
    framing,
    headers_of,
)

__all__ = [
    "Begun",
    "Body",
    "Data",
    "End",
    "Framer",
    "Headers",
    "Lost",
    "Piece",
    "RequestHead",
    "ResponseHead",
]

_HEAD_END = re.compile(rb"\n\r?\n")

Body = Literal["none", "length", "chunked", "close", "tunnel"]


class Begun(NamedTuple):
    """The first byte of a head arrived."""


class RequestHead(NamedTuple):
    """A complete request head; header names are lower case."""

    raw: bytes
    method: str
    target: str
    minor: int  # of the version HTTP/1.minor
    headers: Headers
    body: Body
    length: int

    def get(self, name: str) -> str | None:
        """The first value of this header (lower case)."""
        return _first(self.headers, name)

    @property
    def closing(self) -> bool:
        """Whether the connection ends with this exchange, by the request's own word."""
        words = (self.get("connection") or "").lower()
        return "close" in words or (self.minor == 0 and "keep-alive" not in words)


class ResponseHead(NamedTuple):
    """A complete response head; `interim` for 1xx, which another one follows."""

    raw: bytes
    status: int
    headers: Headers
    body: Body
    length: int
    interim: bool

    def get(self, name: str) -> str | None:
        """The first value of this header (lower case)."""
        return _first(self.headers, name)


class Data(NamedTuple):
    """A part of a body as it came; `spans` says where in `raw` its payload lies."""

    raw: bytes
    spans: tuple[tuple[int, int], ...]

    @property
    def length(self) -> int:
        """Bytes of payload."""
        return sum(stop - start for start, stop in self.spans)

    @property
    def payload(self) -> bytes:
        """The payload, without chunk framing."""
        if self.spans == ((0, len(self.raw)),):
            return self.raw
        return b"".join(self.raw[start:stop] for start, stop in self.spans)

    def upto(self, count: int) -> bytes:
        """The raw bytes up to the payload's first `count` bytes."""
        for start, stop in self.spans:
            if count <= stop - start:
                return self.raw[: start + count]
            count -= stop - start
        return self.raw


class End(NamedTuple):
    """The message is complete; `cut`: the stream ended inside it."""

    cut: bool = False


class Lost(NamedTuple):
    """Bytes that can't be followed; all later ones come this way too."""

    raw: bytes


Piece = Begun | RequestHead | ResponseHead | Data | End | Lost


def _first(headers: Headers, name: str) -> str | None:
    for key, value in headers:
        if key == name:
            return value
    return None


class Framer:
    """One direction of a connection. Feed it what arrives, in pieces of any size.

    A reader of responses is told the method of each request that it must answer (`expect`):
    bytes that answer nothing are `Lost`.
    """

    def __init__(self, side: Side) -> None:
        self._side = side
        self._methods: list[str] = []
        self._held = b""  # the beginning of a head, or of a line of chunk framing
        self._scanned = 0  # how far in it no head end was found
        self._begun = False
        self._body: Body = "none"  # of the message being read; "none": a head is next
        self._left = 0  # bytes of the body, or of the chunk, still to come
        self._chunk: Literal["size", "data", "crlf", "trailer"] = "size"
        self.why = ""  # the stream is passed unread; what it sent that can't be followed

    @property
    def lost(self) -> bool:
        """Whether the stream is passed unread."""
        return bool(self.why)

    @property
    def idle(self) -> bool:
        """Whether the stream stands between two messages."""
        return not self.why and self._body == "none" and not self._held

    def expect(self, method: str) -> None:
        """The next response but those expected already answers a request of this method."""
        self._methods.append(method)

    def lose(self, why: str) -> list[Piece]:
        """Follow no further; what was held of an incomplete head comes out."""
        self.why = self.why or why
        held, self._held = self._held, b""
        return [Lost(held)] if held else []

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that these bytes complete."""
        pieces: list[Piece] = []
        while data:
            if self.why:
                pieces.append(Lost(data))
                break
            match self._body:
                case "none":
                    data = self._read_head(data, pieces)
                case "length":
                    data = self._read_length(data, pieces)
                case "chunked":
                    data = self._read_chunked(data, pieces)
                case "close":
                    pieces.append(Data(data, ((0, len(data)),)))
                    break
                case "tunnel":
                    self.why = "another protocol"
        return pieces

    def eof(self) -> list[Piece]:
        """The stream ended: what was still open ends too."""
        pieces: list[Piece] = []
        if self.why:
            return pieces
        open_body = self._body
        pieces = self.lose("half a head")
        if open_body == "close":
            pieces.append(End())
        elif open_body in {"length", "chunked"}:
            pieces.append(End(cut=True))
        return pieces

    # --- heads -----------------------------------------------------------------------------------

    def _read_head(self, data: bytes, pieces: list[Piece]) -> bytes:
        if self._side == "response" and not self._methods:
            self.why = "bytes that answer no request"
            return data
        held = self._held + data if self._held else data
        self._held = b""
        # Empty lines before a head belong to it (RFC 9112, 2.2).
        start = len(held) - len(held.lstrip(b"\r\n"))
        if start > LINE_LIMIT:
            self.why = f"more than {LINE_LIMIT} bytes of empty lines"
            return held
        if start == len(held):
            self._held = held
            return b""
        if not self._begun:
            self._begun = True
            pieces.append(Begun())
        found = _HEAD_END.search(held, max(start, self._scanned - 3))
        try:
            if found is None:
                # A peer that speaks something else doesn't go on until it is answered.
                check_first_line(self._side, held, start)
                if len(held) > HEAD_LIMIT:
                    raise Unreadable(TOO_LONG)
                self._held = held
                self._scanned = len(held)
                return b""
            raw, rest = held[: found.end()], held[found.end() :]
            head = self._head(raw)
        except Unreadable as error:
            self.why = str(error)
            return held
        self._scanned = 0
        self._begun = False
        pieces.append(head)
        if isinstance(head, ResponseHead) and head.interim:
            return rest
        if head.body == "none":
            pieces.append(End())
        else:
            self._body = head.body
            self._left = head.length
            self._chunk = "size"
        return rest

    def _head(self, raw: bytes) -> RequestHead | ResponseHead:
        lines = raw.strip(b"\r\n").split(b"\n")
        first = first_line(self._side, lines[0].removesuffix(b"\r"))
        if len(raw) > HEAD_LIMIT:
            raise Unreadable(TOO_LONG)
        headers = headers_of(lines[1:])
        if self._side == "request":
            return _request(raw, first, headers)
        status = int(first[2])
        interim = 100 <= status < 200 and status != 101
        method = self._methods[0] if interim else self._methods.pop(0)
        return _response(raw, status, headers, method, interim=interim)

    # --- bodies ----------------------------------------------------------------------------------

    def _read_length(self, data: bytes, pieces: list[Piece]) -> bytes:
        if len(data) <= self._left:
            part, rest = data, b""
        else:
            part, rest = data[: self._left], data[self._left :]
        self._left -= len(part)
        pieces.append(Data(part, ((0, len(part)),)))
        if not self._left:
            self._finish(pieces)
        return rest

    def _read_chunked(self, data: bytes, pieces: list[Piece]) -> bytes:
        """Take all of the body that is there, as one piece."""
        if self._held:
            data = self._held + data
            self._held = b""
        at = 0
        spans: list[tuple[int, int]] = []
        done = False
        while at < len(data) and not done:
            if self._chunk == "data":
                stop = min(len(data), at + self._left)
                spans.append((at, stop))
                self._left -= stop - at
                at = stop
                if not self._left:
                    self._chunk = "crlf"
                continue
            end = data.find(b"\n", at)
            try:
                if end < 0:
                    check_chunk_line(self._chunk, data[at:])
                    self._held = data[at:]
                    break
                if end - at > LINE_LIMIT:
                    check_chunk_line(self._chunk, data[at:end])
                done = self._chunk_line(data[at:end].removesuffix(b"\r"))
            except Unreadable as error:
                self.why = str(error)
                break
            at = end + 1
        if at:
            pieces.append(Data(data[:at], tuple(spans)))
        if done:
            self._finish(pieces)
        if self._held:
            return b""
        return data[at:]

    def _chunk_line(self, line: bytes) -> bool:
        """A line between chunks; True if it was the last one of the message."""
        match self._chunk:
            case "size":
                self._left = chunk_size(line)
                self._chunk = "data" if self._left else "trailer"
            case "crlf":
                chunk_end(line)
                self._chunk = "size"
            case "trailer":
                return not line
            case "data":
                raise AssertionError("no line stands inside a chunk")
        return False

    def _finish(self, pieces: list[Piece]) -> None:
        self._body = "none"
        pieces.append(End())


def _request(raw: bytes, first: re.Match[bytes], headers: Headers) -> RequestHead:
    coding, length = framing(headers)
    body: Body = "none"
    if coding is not None:
        # A request whose length can't be known has no readable end (RFC 9112, 6.3).
        if not ends_chunked(coding):
            raise Unreadable("a request whose transfer coding doesn't end in chunked")
        body = "chunked"
    elif length:
        body = "length"
    method, target = first[1].decode("latin-1"), first[2].decode("latin-1")
    return RequestHead(raw, method, target, int(first[3]), headers, body, length or 0)


def _response(
    raw: bytes, status: int, headers: Headers, method: str, *, interim: bool
) -> ResponseHead:
    if interim:
        return ResponseHead(raw, status, headers, "none", 0, interim)
    if status == 101 or (method == "CONNECT" and 200 <= status < 300):
        return ResponseHead(raw, status, headers, "tunnel", 0, interim)
    coding, length = framing(headers)
    body: Body
    if method == "HEAD" or status in {204, 304}:
        body = "none"
    elif coding is not None:
        body = "chunked" if ends_chunked(coding) else "close"
    elif length is None:
        body = "close"
    else:
        body = "length" if length else "none"
    return ResponseHead(raw, status, headers, body, length or 0, interim)
