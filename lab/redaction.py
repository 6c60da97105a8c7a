"""Takes secrets out of text before it is recorded (design section 5, 'Secrets').

Pure. By name: what stands behind a name that means a secret goes, whatever it looks like.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["GONE", "is_secret", "redacted", "redacted_target"]

GONE = "[redacted]"

# The value of these goes to the end of its line or quotes: it may hold blanks and semicolons.
_LONG = r"(?:(?:proxy-)?authorization|(?:set-)?cookie)"
_SHORT = (
    r"(?:[\w-]*(?:api[_-]?key|token|secret|passw(?:or)?d|passwd|credential)[\w-]*"
    r"|jwt|session[_-]?id)"
)
_NAME = re.compile(f"{_LONG}|{_SHORT}", re.IGNORECASE)
# In prose these words stand for much else; as a whole name they mean a secret.
_WHOLE = frozenset(("key", "auth", "sig", "signature", "pwd"))
_USER_INFO = re.compile(r"(\w+://)[^\s/@]+@")
_SCHEME = re.compile(r"\b(Bearer|Basic|Digest)\s+[\w.~+/=-]+", re.IGNORECASE)
_LINE = re.compile(rf"""(\b{_LONG}["']?\s*[:=]\s*["']?)[^"'\r\n]+""", re.IGNORECASE)
_PAIR = re.compile(
    rf"""(\b{_SHORT}["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s&,;)}}\]"']+)""", re.IGNORECASE
)


@lru_cache(maxsize=512)
def is_secret(name: str) -> bool:
    """Whether a header, parameter or field of this name holds a secret."""
    return _NAME.fullmatch(name) is not None or name.lower() in _WHOLE


def redacted(text: str) -> str:
    """The text without the values of secrets: in headers, URLs, forms, JSON and reprs."""
    text = _USER_INFO.sub(rf"\1{GONE}@", text)
    text = _LINE.sub(rf"\1{GONE}", text)
    text = _SCHEME.sub(rf"\1 {GONE}", text)
    return _PAIR.sub(_kept_name, text)


def redacted_target(target: str) -> str:
    """A request's target without the values of query parameters whose names mean a secret."""
    path, mark, query = target.partition("?")
    return f"{redacted(path)}{mark}{'&'.join(_parameter(part) for part in query.split('&'))}"


def _parameter(text: str) -> str:
    name, equals, _ = text.partition("=")
    return f"{name}={GONE}" if equals and is_secret(name) else text


def _kept_name(pair: re.Match[str]) -> str:
    value = pair[2]
    quote = value[0] if value[:1] in {'"', "'"} else ""
    return pair[0] if GONE in value else f"{pair[1]}{quote}{GONE}{quote}"
