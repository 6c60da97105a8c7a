"""What HTTP/1.1 allows on a line, and whether the beginning of one may still become such a line.

Pure. Counterpart: framer.py puts the lines together. What is no such line is `Unreadable`; its text
says what stands there instead, as the end of a sentence like "the client sent ...".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

__all__ = [
    "HEAD_LIMIT",
    "LINE_LIMIT",
    "TOO_LONG",
    "Headers",
    "Side",
    "Unreadable",
    "check_chunk_line",
    "check_first_line",
    "chunk_end",
    "chunk_size",
    "ends_chunked",
    "first_line",
    "framing",
    "headers_of",
]

HEAD_LIMIT = 64 * 1024  # bytes of a head; more is no HTTP that this lab follows
LINE_LIMIT = 8 * 1024  # bytes of a line of chunked framing, or of empty lines before a head

Headers = tuple[tuple[str, str], ...]
Side = Literal["request", "response"]

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VERSION = (b"H", b"T", b"T", b"P", b"/", b"1", rb"\.", b"[01]")
_REQUEST = re.compile(b"(" + _TOKEN + rb") ([!-\xff]+) HTTP/1\.([01])")
_STATUS = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: .*)?", re.DOTALL)
_NAME = re.compile(_TOKEN)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
_DIGITS = re.compile(r"[0-9]{1,18}")


def _beginning(*parts: bytes) -> re.Pattern[bytes]:
    """Matches what may still become all of these, one behind the other."""
    text = b""
    for part in reversed(parts):
        text = b"(?:" + part + text + b")?"
    return re.compile(text, re.DOTALL)


_REQUEST_BEGUN = _beginning(_TOKEN, b" ", rb"[!-\xff]+", b" ", *_VERSION, b"\r")
_STATUS_BEGUN = _beginning(*_VERSION, b" ", rb"\d", rb"\d", rb"\d", rb"(?: .*|\r)")
_SIZE_BEGUN = _beginning(rb"[0-9A-Fa-f]{1,15}", rb"[ \t]*(?:;.*|\r)?")

_TLS = b"\x16"  # the type of a handshake record (RFC 8446, 5.1)
_HTTP2 = b"PRI * HTTP/2"  # a client's preface, as far as it is none of HTTP/1 (RFC 9113, 3.4)
_NO_SIZE = "a chunk size that is no number"
_NO_CHUNK_END = "a chunk that doesn't end where its size says"
TOO_LONG = f"a head of more than {HEAD_LIMIT} bytes"


class Unreadable(Exception):  # noqa: N818 - what a peer sent, no mistake of ours
    """This is no HTTP/1.1 that can be framed."""


# --- heads ---------------------------------------------------------------------------------------


def first_line(side: Side, line: bytes) -> re.Match[bytes]:
    """Method, target and minor version of a request, minor version and status of an answer.

    Raises Unreadable.
    """
    match = (_REQUEST if side == "request" else _STATUS).fullmatch(line)
    if match is None:
        raise Unreadable(_no_head(side, line))
    return match


def check_first_line(side: Side, held: bytes, start: int) -> None:
    """Raise Unreadable if no head can come any more of what has arrived of it, from `start` on."""
    end = held.find(b"\n", start)
    if end >= 0:
        first_line(side, held[start:end].removesuffix(b"\r"))
        return
    begun = _REQUEST_BEGUN if side == "request" else _STATUS_BEGUN
    if begun.fullmatch(held, start) is None:
        raise Unreadable(_no_head(side, held[start:]))


def _no_head(side: Side, line: bytes) -> str:
    """What begins so instead of a head."""
    if line.startswith(_TLS):
        return "TLS"
    if line.startswith(_HTTP2):
        return "HTTP/2"
    return "no HTTP/1 request" if side == "request" else "no HTTP/1 answer"


def headers_of(lines: Sequence[bytes]) -> Headers:
    """The headers on these lines; folded ones are joined (RFC 9112, 5.2). Raises Unreadable."""
    headers: list[tuple[str, str]] = []
    for line in lines:
        line = line.removesuffix(b"\r")
        if line[:1] in {b" ", b"\t"} and headers:
            name, value = headers[-1]
            headers[-1] = (name, f"{value} {line.strip().decode('latin-1')}")
            continue
        key, colon, text = line.partition(b":")
        if not colon or _NAME.fullmatch(key) is None:
            raise Unreadable("a header line without a name")
        headers.append((key.decode("latin-1").lower(), text.strip().decode("latin-1")))
    return tuple(headers)


def framing(headers: Headers) -> tuple[str | None, int | None]:
    """Transfer coding and content length, None where absent. Raises Unreadable."""
    coding: str | None = None
    lengths: set[str] = set()
    for name, value in headers:
        if name == "transfer-encoding":
            coding = value if coding is None else f"{coding}, {value}"
        elif name == "content-length":
            lengths.update(part.strip() for part in value.split(","))
    if coding is not None:
        return coding, None  # it overrides a length (RFC 9112, 6.3)
    if not lengths:
        return None, None
    if len(lengths) > 1:
        raise Unreadable("content lengths that differ")
    text = lengths.pop()
    if _DIGITS.fullmatch(text) is None:
        raise Unreadable("a content length that is no number")
    return None, int(text)


def ends_chunked(coding: str) -> bool:
    """Whether the last transfer coding is the chunked one."""
    return coding.rpartition(",")[2].strip().lower() == "chunked"


# --- chunks --------------------------------------------------------------------------------------


def chunk_size(line: bytes) -> int:
    """The size on a chunk's first line, extensions aside. Raises Unreadable."""
    size = _SIZE.fullmatch(line)
    if size is None:
        raise Unreadable(_NO_SIZE)
    return int(size[1], 16)


def chunk_end(line: bytes) -> None:
    """Raise Unreadable unless a chunk's data ends here."""
    if line:
        raise Unreadable(_NO_CHUNK_END)


def check_chunk_line(kind: Literal["size", "data", "crlf", "trailer"], begun: bytes) -> None:
    """Raise Unreadable if the line that has begun can't become one that may stand here."""
    if kind == "size" and _SIZE_BEGUN.fullmatch(begun) is None:
        raise Unreadable(_NO_SIZE)
    if kind == "crlf" and begun not in (b"", b"\r"):
        raise Unreadable(_NO_CHUNK_END)
    if len(begun) > LINE_LIMIT:
        raise Unreadable(f"a line of more than {LINE_LIMIT} bytes in chunked framing")
