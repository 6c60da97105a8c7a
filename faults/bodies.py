"""The bodies that no client can use, as bytes, and the observable that each shows as.

Pure. Counterpart: partial.py names them, decide.py makes actions of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

__all__ = ["BODIES", "Body", "mistyped"]

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Body:
    """A body in place of the backend's.

    `data` None: the backend's own with wrong types (`mistyped`). `chunked`: `data` is a chunked
    stream as sent, and the connection ends behind it, since nothing after it can be framed.
    """

    data: bytes | None
    damaged: str
    content_type: str = _JSON
    encoding: str = ""
    chunked: bool = False


BODIES: dict[str, Body] = {
    "invalid_json": Body(b'{"status": "ok", "value": ', "bad_json"),
    "html": Body(
        b"<!doctype html><html><body><h1>Welcome</h1></body></html>",
        "wrong_content_type",
        "text/html; charset=utf-8",
    ),
    "empty": Body(b"", "empty_body"),
    "wrong_schema": Body(b'{"unexpected": true}', "wrong_schema"),
    "wrong_type": Body(None, "wrong_schema"),
    "bad_chunk": Body(b'a\r\n{"status":\r\nZZZ\r\n"ok"}\r\n0\r\n\r\n', "bad_chunk", chunked=True),
    "bad_gzip": Body(b'{"status": "ok"}', "bad_gzip", encoding="gzip"),
    "other_service": Body(
        b'{"service": "billing", "status": "ok", "version": "3.1", "invoices": 12}',
        "wrong_service",
    ),
}


def mistyped(data: bytes) -> bytes:
    """The same fields, each with a value of another type: an object, and a list for an object.

    What is no JSON object with fields becomes a list.
    """
    try:
        value = json.loads(data)
    except ValueError:
        return b"[]"
    if not isinstance(value, dict) or not value:
        return b"[]"
    wrong = {
        key: [] if isinstance(one, dict) else {"unexpected": True} for key, one in value.items()
    }
    return json.dumps(wrong).encode()
