"""How events travel from a process to the recorder: frames on a stream, and their reader.

A frame is a length of four bytes, big-endian, and that many bytes of msgpack. Pure: the sender is
`subjects/channel.py`, the receiver the recorder in the lab process; both only pass bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from .history import AnyEvent

__all__ = ["LIMIT", "Batch", "Frame", "FrameError", "Frames", "Mark", "frame", "pack"]

_HEAD = 4
LIMIT = 16 * 1024 * 1024
"""Bytes in one frame; more is a stream out of step."""


class Batch(msgspec.Struct, frozen=True, tag="batch", tag_field="frame"):
    """Events in the order in which their process recorded them."""

    events: tuple[AnyEvent, ...]


class Mark(msgspec.Struct, frozen=True, tag="mark", tag_field="frame"):
    """A barrier: everything that its process recorded before it has been sent before it."""

    token: int


Frame = Batch | Mark


class FrameError(ValueError):
    """A stream does not hold frames; nothing after this point can be read."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frame)


def pack(body: bytes) -> bytes:
    """A frame around this body. Raises FrameError above LIMIT."""
    if len(body) > LIMIT:
        raise FrameError(f"a frame of {len(body)} bytes; at most {LIMIT} are read")
    return len(body).to_bytes(_HEAD, "big") + body


def frame(content: Frame) -> bytes:
    """The bytes of one frame of events, or of a mark."""
    return pack(_encoder.encode(content))


class Frames:
    """Takes a stream in pieces of any size, gives its whole frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not whole; above 0 at the stream's end, it was cut."""
        return len(self._buffer)

    def bodies(self, data: bytes) -> Iterator[bytes]:
        """The bodies that this piece completes. Raises FrameError."""
        self._buffer += data
        while len(self._buffer) >= _HEAD:
            length = int.from_bytes(self._buffer[:_HEAD], "big")
            if length > LIMIT:
                raise FrameError(f"a frame says it has {length} bytes; at most {LIMIT} are read")
            if len(self._buffer) < _HEAD + length:
                return
            body = bytes(self._buffer[_HEAD : _HEAD + length])
            del self._buffer[: _HEAD + length]
            yield body

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that this piece completes. Raises FrameError."""
        for body in self.bodies(data):
            try:
                yield _decoder.decode(body)
            except msgspec.MsgspecError as error:
                raise FrameError(f"not a frame of events: {error}") from error
