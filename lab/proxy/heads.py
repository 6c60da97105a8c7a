"""What is read from request heads beside framing: the tag, and what may be recorded of them.

Pure. The subject's instrumentation sets `X-Faultlab-Op: OP.ATTEMPT`; it is taken off here. A stub
is told of the wire's exchange by `X-Faultlab-Wire: CONN.REQUEST[.OP.ATTEMPT]`.
"""

from __future__ import annotations

import hashlib
import re

from ..methods import IDEMPOTENCY_KEYS
from ..redaction import GONE, is_secret, shortened
from .framer import Headers, RequestHead

__all__ = ["METHOD", "VALUE", "forwarded", "recorded", "tag_of"]

METHOD = 32  # characters of a method that are recorded
VALUE = 256  # and of a header's value

TAG = "x-faultlab-op"
WIRE = "X-Faultlab-Wire"

_TAG = re.compile(r"(\d{1,12})\.(\d{1,9})")
_TAG_LINE = re.compile(rb"^x-faultlab-op:[^\n]*\n", re.IGNORECASE | re.MULTILINE)
_WIRE_LINE = re.compile(rb"^x-faultlab-wire:[^\n]*\n", re.IGNORECASE | re.MULTILINE)
_SHOWN = frozenset(
    (
        "accept",
        "content-encoding",
        "content-type",
        "expect",
        "x-maximus-attempt",
        "x-stainless-retry-count",
    )
)


def tag_of(head: RequestHead) -> tuple[int, int] | None:
    """Operation and attempt that the tag names; None without one, or with one that is damaged."""
    text = head.get(TAG)
    match = None if text is None else _TAG.fullmatch(text)
    return None if match is None else (int(match[1]), int(match[2]))


def forwarded(head: RequestHead, wire: str | None) -> bytes:
    """The head as it goes on: without the tag, with the wire's ids if given, else unchanged."""
    raw = head.raw
    if head.get(TAG) is not None:
        raw = _TAG_LINE.sub(b"", raw)
    if wire is None:
        return raw
    if head.get(WIRE.lower()) is not None:
        raw = _WIRE_LINE.sub(b"", raw)
    start = len(raw) - len(raw.lstrip(b"\r\n"))
    after = raw.index(b"\n", start) + 1
    return raw[:after] + f"{WIRE}: {wire}\r\n".encode() + raw[after:]


def recorded(headers: Headers) -> dict[str, str]:
    """The headers that a history holds: chosen ones, a key as its digest, secrets as redacted."""
    shown: dict[str, str] = {}
    for name, value in headers:
        if name in _SHOWN:
            shown[name] = shortened(value, VALUE)
        elif name in IDEMPOTENCY_KEYS:
            shown[name] = hashlib.blake2b(value.encode(), digest_size=6).hexdigest()
        elif is_secret(name):
            shown[name] = GONE
    return shown
