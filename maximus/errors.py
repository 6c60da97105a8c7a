"""What a caller of the client can catch; nothing else leaves it, except a cancellation.

    MaximusError                       by itself: the request could not be made
    |-- MaximusConnectionError         refused, connect time-out, DNS, TLS, reset, end of file, cut
    |   |-- MaximusTimeoutError        write, read or pool time-out: .phase
    |   |   `-- MaximusDeadlineError   the operation's deadline cut an attempt or a pool wait
    |   `-- MaximusCircuitOpenError    refused by a breaker, nothing was sent: .scope .retry_in
    |-- MaximusAPIError                a status other than 2xx: .status .retry_after .detail
    `-- MaximusResponseError           a 2xx that is no usable answer

Texts hold names, counts and times: never a URL, a header, a body or another exception's text,
so that no secret can reach a log. The transport's exception is the `__cause__`.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Unpack

from typing_extensions import override

__all__ = [
    "Circumstances",
    "MaximusAPIError",
    "MaximusCircuitOpenError",
    "MaximusConnectionError",
    "MaximusDeadlineError",
    "MaximusError",
    "MaximusResponseError",
    "MaximusTimeoutError",
    "Phase",
    "Scope",
]

Phase = Literal["pool", "connect", "write", "read"]
Scope = Literal["service", "endpoint"]


class Circumstances(TypedDict):
    """What every error tells of its operation.

    `endpoint` is method and path template, `attempts` how many were begun on the wire, `elapsed`
    the seconds that the operation took.
    """

    service: str
    endpoint: str
    attempts: int
    elapsed: float


class MaximusError(Exception):
    """An operation of the client failed: `.service`, `.endpoint`, `.attempts`, `.elapsed`."""

    def __init__(self, reason: str, **circumstances: Unpack[Circumstances]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.service = circumstances["service"]
        self.endpoint = circumstances["endpoint"]
        self.attempts = circumstances["attempts"]
        self.elapsed = circumstances["elapsed"]

    @override
    def __str__(self) -> str:
        tries = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        return f"{self.service}: {self.endpoint}: {self.reason} ({tries}, {self.elapsed:.3f} s)"

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call the class without its keywords: no error could be copied, or
        # handed to another process.
        return (_restored, (type(self), self.args), vars(self))


def _restored(cls: type[MaximusError], args: tuple[object, ...]) -> MaximusError:
    return cls.__new__(cls, *args)


class MaximusConnectionError(MaximusError):
    """The service could not be reached, or the connection ended before a whole answer."""


class MaximusTimeoutError(MaximusConnectionError):
    """Something took longer than its time-out; `phase` says what ("pool": a free connection)."""

    def __init__(
        self, reason: str, *, phase: Phase, **circumstances: Unpack[Circumstances]
    ) -> None:
        super().__init__(reason, **circumstances)
        self.phase = phase


class MaximusDeadlineError(MaximusTimeoutError):
    """The operation's deadline cut an attempt, or the wait for a connection, in `phase`."""


class MaximusCircuitOpenError(MaximusConnectionError):
    """A breaker refused the operation before anything was sent.

    `scope` names the breaker. For `retry_in` seconds asking again is certain to be refused; it is
    0.0 while a probe is under way.
    """

    def __init__(
        self,
        reason: str,
        *,
        scope: Scope,
        retry_in: float,
        **circumstances: Unpack[Circumstances],
    ) -> None:
        super().__init__(reason, **circumstances)
        self.scope = scope
        self.retry_in = retry_in


class MaximusAPIError(MaximusError):
    """The service answered with a status other than 2xx.

    `retry_after` is what the service asked for, in seconds; None where it asked for nothing
    valid. `detail` is the answer's own explanation, left out of the text because a service may
    repeat there what it was sent.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int,
        retry_after: float | None,
        detail: object,
        **circumstances: Unpack[Circumstances],
    ) -> None:
        super().__init__(reason, **circumstances)
        self.status = status
        self.retry_after = retry_after
        self.detail = detail


class MaximusResponseError(MaximusError):
    """The service answered 2xx, but not usably: empty, too large, not JSON, or not its own."""
