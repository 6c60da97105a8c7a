"""Takes secrets out of text before it is recorded, and what is too long.

Pure. By name: what stands behind a name that means a secret goes, whatever it looks like. The text is
a peer's, so every pattern takes time in proportion to its length.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["GONE", "exposed", "is_secret", "redacted", "redacted_target", "shortened"]

GONE = "[redacted]"

# The value of these goes to the end of its line or quotes: it may hold blanks and semicolons.
_LONG = r"(?:(?:proxy-)?authorization|(?:set-)?cookie)"
_PART = r"(?:api[_-]?key|token|secret|passw(?:or)?d|passwd|credential)"
_ALONE = r"(?:jwt|session[_-]?id)"
_NAME = re.compile(rf"{_LONG}|[\w-]*{_PART}[\w-]*|{_ALONE}", re.IGNORECASE)
# In prose these words stand for much else; as a whole name they mean a secret.
_WHOLE = frozenset(("key", "auth", "sig", "signature", "pwd"))
_USER_INFO = re.compile(r"(?<!\w)(\w++://)[^\s/@]+@")
_PASSWORD = re.compile(r"(?<!\w)\w++://[^\s/@:]*:(?!\*+@)[^\s/@]+@")
_SCHEME = re.compile(r"\b(Bearer|Basic|Digest)\s+([\w.~+/=-]+)", re.IGNORECASE)
_LINE = re.compile(rf"""(\b({_LONG})["']?\s*[:=]\s*["']?)([^"'\r\n]+)""", re.IGNORECASE)
_PAIR = re.compile(
    rf"""(?<![\w-])(?=[\w-]*?{_PART}|(?:[\w-]*-)?{_ALONE}(?![\w-]))"""
    r"""([\w-]++["']?\s*[:=]\s*)("[^"]*"|'[^']*'|\[redacted\]|[^\s&,;)}\]"']+)""",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"[_-](?:type|ur[li]|endpoint|expir\w*|name|count|limit|status|source|usage)$")
_STANDS_FOR = re.compile(
    r"[\d.]+|none|null|nil|true|false|missing|redacted|secret|xxx+", re.IGNORECASE
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


def exposed(text: str) -> tuple[str, ...]:
    """The names, in order, whose secret values this text tells.

    Stricter than `redacted`, which rather takes too much out: what is told in prose (`token: expired`)
    and what stands for a secret (`password=None`, `***`) is none.
    """
    found = ["password of a URL" for _ in _PASSWORD.finditer(text)]
    for line in _LINE.finditer(text):
        words = line[3].split()
        if any(map(_is_told, words)) or (_names_it(line[1]) and words and _is_value(words[-1])):
            found.append(line[2].lower())
    rest = _LINE.sub("", text)
    found += [scheme[1].lower() for scheme in _SCHEME.finditer(rest) if _is_told(scheme[2])]
    for pair in _PAIR.finditer(rest):
        name, value = pair[1].rstrip("\"':= \t\r\n").lower(), pair[2].strip("\"'")
        told = _is_value(value) if _names_it(pair[1]) else _is_told(value)
        if told and _ABOUT.search(name) is None:
            found.append(name)
    return tuple(dict.fromkeys(found))


def _names_it(text: str) -> bool:
    """Whether a value surely follows: `name=`, or the quoted name of a mapping. `name:` may be prose."""
    return "=" in text or text.rstrip().removesuffix(":").endswith(("'", '"'))


def _is_value(text: str) -> bool:
    """Whether what is written as a value is one: no number, and nothing that stands for it."""
    return len(text) > 2 and text[0].isalnum() and _STANDS_FOR.fullmatch(text) is None


def _is_told(text: str) -> bool:
    """Whether a bare word looks like a key and not like a word."""
    value = text.rpartition("=")[2].strip(";,")
    mixed = any(map(str.isalpha, value)) and any(map(str.isdigit, value))
    return len(value) > 5 and mixed and _is_value(value)


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
