"""How an operation ended, as an event tells it: exception chains, and digests of values.

Pure reading of what the subject returned or raised; used in the subject's own process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pydantic

from ..history import Raised
from ..redaction import redacted

__all__ = ["chain", "digest", "message", "qualified"]

_LENGTH = 300  # characters of a message
_CHAIN = 10  # exceptions of a chain


def qualified(cls: type) -> str:
    """Module and qualified name; what contracts and histories call a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def chain(error: BaseException) -> tuple[Raised, ...]:
    """The exception that escaped, and what it came from; classes without `object`."""
    return tuple(
        Raised(
            classes=tuple(qualified(cls) for cls in type(link).__mro__ if cls is not object),
            message=message(link),
        )
        for link in _links(error)
    )


def _links(error: BaseException) -> Iterator[BaseException]:
    waiting = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _CHAIN:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions
        if link.__cause__ is not None:
            waiting.append(link.__cause__)
        elif link.__context__ is not None and not link.__suppress_context__:
            waiting.append(link.__context__)


def message(error: BaseException) -> str:
    """What the exception says, without secrets, cut to 300 characters."""
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001  # a foreign __str__; its failure is no news here
        return f"({type(broken).__name__} in its __str__)"
    text = redacted(text)
    return text if len(text) <= _LENGTH else text[: _LENGTH - 3] + "..."


def digest(value: object) -> str:
    """Twelve characters that tell equal values apart; empty where a value can't be read."""
    try:
        data = msgspec.json.encode(value, enc_hook=_plain, order="deterministic")
    except Exception:  # noqa: BLE001  # a foreign value may refuse in any way; no digest then
        return ""
    return hashlib.sha256(data).hexdigest()[:12]


def _plain(value: Any) -> object:
    if isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, httpx.Response):
        return [value.status_code, value.content]
    raise NotImplementedError
