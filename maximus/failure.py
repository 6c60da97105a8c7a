"""What can become of an attempt, told apart as far as retry, breakers and errors tell it apart.

Pure: it reads exceptions and numbers that `send.py` hands in. Success is no `Failure`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import httpx

from .errors import Phase

__all__ = [
    "AnswerError",
    "Failure",
    "Kind",
    "Vote",
    "Votes",
    "cut_by_deadline",
    "phase_of",
    "translate",
    "votes",
]


class Kind(enum.Enum):
    """The classes of failure; one for each way in which they are treated."""

    CONNECT = "connect"  # refused, connect time-out, DNS, TLS: nothing was sent
    BROKEN = "broken"  # reset, end of file, cut body: it may have been carried out
    TIMEOUT = "timeout"  # write or read
    STATUS = "status"  # a complete answer other than 2xx
    UNUSABLE = "unusable"  # a 2xx that is no answer
    POOL = "pool"  # no connection became free
    LOCAL = "local"  # the fault is on this side


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt did not give an answer.

    `cut`: the operation's deadline ended it. `retry_after` in seconds, as the service asked.
    """

    kind: Kind
    reason: str
    phase: Phase = "read"
    cut: bool = False
    status: int = 0
    retry_after: float | None = None
    detail: object = None
    cause: Exception | None = None


class AnswerError(ValueError):
    """A 2xx body is not the answer; the text says why, and repeats nothing of the body."""


class Vote(enum.Enum):
    """What a breaker makes of an operation."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """What the two breakers of an operation make of it."""

    service: Vote = Vote.NEUTRAL
    endpoint: Vote = Vote.NEUTRAL


# The first row that fits holds: special classes before general ones.
_TRANSLATIONS: tuple[tuple[type[Exception], Kind, Phase, str], ...] = (
    (httpx.ConnectTimeout, Kind.CONNECT, "connect", "no connection in time"),
    (httpx.ConnectError, Kind.CONNECT, "connect", "no connection"),
    (httpx.ProxyError, Kind.CONNECT, "connect", "no connection through the proxy"),
    (httpx.PoolTimeout, Kind.POOL, "pool", "no connection became free in time"),
    (httpx.WriteTimeout, Kind.TIMEOUT, "write", "the request could not be written in time"),
    (httpx.TimeoutException, Kind.TIMEOUT, "read", "no answer in time"),
    (httpx.LocalProtocolError, Kind.LOCAL, "write", "the request breaks the protocol"),
    (httpx.UnsupportedProtocol, Kind.LOCAL, "pool", "the URL's scheme is not supported"),
    (httpx.TransportError, Kind.BROKEN, "read", "the connection ended before a whole answer"),
    (httpx.DecodingError, Kind.UNUSABLE, "read", "the body cannot be decoded"),
)


def translate(error: Exception, phase: Phase) -> Failure:
    """Return what an exception of the transport means; `phase` is where the attempt stood."""
    for known, kind, where, reason in _TRANSLATIONS:
        if isinstance(error, known):
            return Failure(
                kind=kind, phase=where, reason=f"{reason} ({type(error).__name__})", cause=error
            )
    if isinstance(error, AnswerError):
        return Failure(kind=Kind.UNUSABLE, reason=str(error), cause=error)
    name = type(error).__name__
    if isinstance(error, OSError):  # one that the transport let through untranslated
        kind = Kind.CONNECT if phase in ("pool", "connect") else Kind.BROKEN
        return Failure(
            kind=kind, phase=phase, reason=f"the connection failed ({name})", cause=error
        )
    return Failure(kind=Kind.LOCAL, reason=f"the request could not be made ({name})", cause=error)


def cut_by_deadline(phase: Phase, cause: Exception) -> Failure:
    """Return what an attempt means that the deadline cut in `phase`: what it was busy with."""
    kind = {"pool": Kind.POOL, "connect": Kind.CONNECT}.get(phase, Kind.TIMEOUT)
    reason = f"the deadline passed in phase {phase}"
    return Failure(kind=kind, phase=phase, cut=True, reason=reason, cause=cause)


def phase_of(event: str) -> Phase | None:
    """Return the phase that a trace event of the transport begins; None if it begins none."""
    step = event.partition(".")[2]
    if step.startswith(("connect_", "start_tls")):
        return "connect"
    if step.startswith("send_request"):
        return "write"
    if step.startswith("receive_response"):
        return "read"
    return None


def votes(last: Failure | None) -> Votes:
    """Return what the breakers make of an operation, by its last attempt; None is a success.

    The service's breaker asks whether it can be reached, the endpoint's whether it works.
    """
    if last is None:
        return Votes(service=Vote.SUCCESS, endpoint=Vote.SUCCESS)
    match last.kind:
        case Kind.CONNECT:
            return Votes(service=Vote.FAILURE)
        case Kind.STATUS if 200 <= last.status < 500:
            return Votes(service=Vote.SUCCESS, endpoint=Vote.SUCCESS)
        case Kind.BROKEN | Kind.TIMEOUT | Kind.STATUS | Kind.UNUSABLE:
            return Votes(service=Vote.SUCCESS, endpoint=Vote.FAILURE)
        case Kind.POOL | Kind.LOCAL:
            return Votes()
