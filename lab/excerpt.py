"""What is kept of what a program prints: no secrets, and of a flood its two ends. Pure."""

from __future__ import annotations

from collections import deque

from .redaction import redacted

__all__ = ["Excerpt", "last_lines"]

_HEAD = 256 * 1024  # bytes that are kept of the beginning
_TAIL = 64 * 1024  # and of the end
_LINE = 8 * 1024  # bytes of a line that are looked at together
_LINES = 3  # in the message about a program that failed


class Excerpt:
    """Lines as they come, as they may be kept. Pure.

    `feed` gives what is to be written at once; what lies between beginning and end is only counted.
    """

    def __init__(self, head: int = _HEAD, tail: int = _TAIL) -> None:
        self._head = head  # bytes that may still be written at once
        self._tail = tail
        self._begun = b""
        self._last: deque[bytes] = deque()
        self._held = 0  # bytes in `_last`
        self._left_out = 0

    def feed(self, data: bytes) -> bytes:
        """More of it; gives what is to be written now."""
        *lines, self._begun = (self._begun + data).split(b"\n")
        out = [self._take(line + b"\n") for line in lines]
        while len(self._begun) >= _LINE:
            piece, self._begun = self._begun[:_LINE], self._begun[_LINE:]
            out.append(self._take(piece))
        return b"".join(out)

    def finish(self) -> bytes:
        """The rest: a line without its end, or what was kept of the end."""
        out, self._begun = self._take(self._begun), b""
        if self._left_out:
            out += b"... %d bytes are left out here ...\n" % self._left_out
        out += b"".join(map(_safe, self._last))
        self._last.clear()
        return out

    def _take(self, line: bytes) -> bytes:
        if self._head > 0:
            self._head -= len(line)
            return _safe(line)
        self._last.append(line)
        self._held += len(line)
        while self._held > self._tail:
            gone = len(self._last.popleft())
            self._held -= gone
            self._left_out += gone
        return b""


def _safe(line: bytes) -> bytes:
    return redacted(line.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def last_lines(tail: bytes, *, cut: bool) -> str:
    """The last lines of an output, secrets and all. `cut`: `tail` is not all of it.

    What a cut output begins with may be the rest of a secret, so its first line goes.
    """
    text = tail.decode("utf-8", "replace")
    if cut:
        text = text.partition("\n")[2]
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-_LINES:])
