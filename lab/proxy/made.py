"""Answers that the lab makes, as bytes: whole ones, and bodies put in place of the backend's.

Pure. Counterpart: answers.py and gate.py release them.
"""

from __future__ import annotations

from http import HTTPStatus

from ...faults.actions import Answer
from ...faults.bodies import Body, mistyped
from .framer import ResponseHead

__all__ = ["CONTINUE", "own", "replaced"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_NO_BODY = frozenset((204, 304))
_DROPPED = frozenset(
    ("content-length", "content-type", "content-encoding", "transfer-encoding", "etag", "digest")
)


def own(action: Answer, method: str, *, closing: bool) -> tuple[ResponseHead, bytes, bytes]:
    """An answer to a request of this method: what its head says, its head and its body as sent."""
    bodiless = action.status in _NO_BODY
    lower = tuple((name.lower(), value) for name, value in action.headers)
    shown = ResponseHead(b"", action.status, lower, "length", len(action.body), interim=False)
    lines = [f"HTTP/1.1 {action.status} {_phrase(action.status)}"]
    lines += [f"{name}: {value}" for name, value in action.headers]
    if not bodiless and shown.get("content-length") is None:
        lines.append(f"Content-Length: {len(action.body)}")
    if closing:
        lines.append("Connection: close")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    return shown, head, b"" if bodiless or method == "HEAD" else action.body


def replaced(head: ResponseHead, body: Body, own_data: bytes) -> tuple[ResponseHead, int, bytes]:
    """The backend's answer with another body: what its head says now, the length, all its bytes.

    `own_data`: the backend's body, where the other one is made of it.
    """
    data = mistyped(own_data) if body.data is None else body.data
    kept = tuple((name, value) for name, value in head.headers if name not in _DROPPED)
    headers = (*kept, ("content-type", body.content_type))
    if body.encoding:
        headers += (("content-encoding", body.encoding),)
    framing = (
        ("transfer-encoding", "chunked") if body.chunked else ("content-length", str(len(data)))
    )
    raw = head.raw.lstrip(b"\r\n").split(b"\n", 1)[0].removesuffix(b"\r") + b"\r\n"
    raw += b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in (*headers, framing))
    return head._replace(headers=headers), len(data), raw + b"\r\n" + data


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
