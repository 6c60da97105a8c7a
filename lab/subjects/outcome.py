"""How an operation ended, as an event tells it: exception chains, and digests of values.

Pure reading of what the subject returned or raised; used in the subject's own process.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from itertools import islice
from types import MemberDescriptorType
from typing import Any, Literal

import httpx
import msgspec
import pydantic

from ..history import CHAIN, Raised
from ..redaction import GONE, exposed, is_secret, redacted
from .command_line import CommandFailed

__all__ = ["attributes", "chain", "digest", "qualified"]

_LENGTH = 300  # characters of a message
_ATTRIBUTES = 24  # of an exception
_VALUE = 100  # characters of an attribute
_WHOLE = range(-(2**63), 2**63)  # numbers that every reader of a history can hold

Via = Literal["", "cause", "context", "member"]
Scalar = str | int | float | bool | None


def qualified(cls: type) -> str:
    """Module and qualified name; what contracts and histories call a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def chain(error: BaseException) -> tuple[Raised, ...]:
    """The exception that escaped, and what it came from; classes without `object`."""
    return tuple(_raised(link, via) for link, via in _links(error))


def _raised(link: BaseException, via: Via) -> Raised:
    text = _text(link)
    if isinstance(link, CommandFailed):
        # A command has no exception classes: how it ended stands in their place.
        return Raised(classes=(link.how,), message=_shown(text), secrets=exposed(text))
    return Raised(
        classes=tuple(qualified(cls) for cls in type(link).__mro__ if cls is not object),
        message=_shown(text),
        via=via,
        secrets=exposed(text),
        attributes=attributes(link) if via == "" else {},
    )


def _links(error: BaseException) -> Iterator[tuple[BaseException, Via]]:
    waiting: deque[tuple[BaseException, Via]] = deque([(error, "")])
    seen: set[int] = set()
    while waiting and len(seen) < CHAIN:
        link, via = waiting.popleft()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link, via
        if isinstance(link, BaseExceptionGroup):
            waiting += [(member, "member") for member in link.exceptions]
        if link.__cause__ is not None:
            waiting.append((link.__cause__, "cause"))
        elif link.__context__ is not None and not link.__suppress_context__:
            waiting.append((link.__context__, "context"))


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001  # a foreign __str__; its failure is no news here
        return f"({type(broken).__name__} in its __str__)"


def _shown(text: str) -> str:
    """The text without secrets, cut to 300 characters."""
    text = redacted(text)
    return text if len(text) <= _LENGTH else text[: _LENGTH - 3] + "..."


def attributes(error: BaseException) -> dict[str, Scalar]:
    """What the exception carries under public names of its own classes, without secrets.

    Nothing of the subject's is run for it, so a property is named and not read.
    """
    try:
        public = ((name, value) for name, value in _carried(error) if not name.startswith("_"))
        return dict(islice(public, _ATTRIBUTES))
    except Exception:  # noqa: BLE001  # foreign classes may refuse in any way; nothing is known then
        return {}


def _carried(error: BaseException) -> Iterator[tuple[str, Scalar]]:
    for cls in type(error).__mro__:
        if cls.__module__ == "builtins":
            continue
        for name, member in vars(cls).items():
            if isinstance(member, property):
                yield name, "<property>"
            elif isinstance(member, MemberDescriptorType) and hasattr(error, name):  # a slot
                yield name, _scalar(name, getattr(error, name))
    for name, value in vars(error).items():
        yield name, _scalar(name, value)


def _scalar(name: str, value: object) -> Scalar:
    if value is None or isinstance(value, bool):
        return value
    if is_secret(name):
        return GONE
    if type(value) is float or (type(value) is int and value in _WHOLE):
        return value
    if type(value) is str:
        return redacted(value)[:_VALUE]
    return f"<{qualified(type(value))}>"


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
