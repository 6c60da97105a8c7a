"""Takes secrets out of text before it is recorded, and what is too long.

Pure. By name: what stands behind a name that means a secret goes, whatever it looks like. The text is
a peer's, so every pattern takes time in proportion to its length.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["GONE", "is_secret", "redacted", "redacted_target", "shortened"]

GONE = "[redacted]"

# The value of these goes to the end of its line or quotes: it may hold blanks and semicolons.
_LONG = r"(?:(?:proxy-)?authorization|(?:set-)?cookie)"
_PART = r"(?:api[_-]?key|token|secret|passw(?:or)?d|passwd|credential)"
_ALONE = r"(?:jwt|session[_-]?id)"
_NAME = re.compile(rf"{_LONG}|[\w-]*{_PART}[\w-]*|{_ALONE}", re.IGNORECASE)
# In prose these words stand for much else; as a whole name they mean a secret.
_WHOLE = frozenset(("key", "auth", "sig", "signature", "pwd"))
_USER_INFO = re.compile(r"(?<!\w)(\w++://)[^\s/@]+@")
_SCHEME = re.compile(r"\b(Bearer|Basic|Digest)\s+[\w.~+/=-]+", re.IGNORECASE)
_LINE = re.compile(rf"""(\b{_LONG}["']?\s*[:=]\s*["']?)[^"'\r\n]+""", re.IGNORECASE)
_PAIR = re.compile(
    rf"""(?<![\w-])(?=[\w-]*?{_PART}|(?:[\w-]*-)?{_ALONE}(?![\w-]))"""
    r"""([\w-]++["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s&,;)}\]"']+)""",
    re.IGNORECASE,
)
_TARGET = 2048  # characters of a target that are recorded


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
    """A request's target without the values of query parameters whose names mean a secret.

    One that is too long to be recorded is cut off, and says so.
    """
    if len(target) > _TARGET:
        return f"{_shown(target[:_TARGET])}...({len(target)} characters)"
    return _shown(target)


@lru_cache(maxsize=512)
def _shown(target: str) -> str:
    path, mark, query = target.partition("?")
    return f"{redacted(path)}{mark}{'&'.join(_parameter(part) for part in query.split('&'))}"


def shortened(text: str, limit: int) -> str:
    """The text, cut off behind so many characters, and saying so."""
    return text if len(text) <= limit else f"{text[:limit]}...({len(text)} characters)"


def _parameter(text: str) -> str:
    name, equals, _ = text.partition("=")
    return f"{name}={GONE}" if equals and is_secret(name) else text


def _kept_name(pair: re.Match[str]) -> str:
    value = pair[2]
    quote = value[0] if value[:1] in {'"', "'"} else ""
    return pair[0] if GONE in value else f"{pair[1]}{quote}{GONE}{quote}"
