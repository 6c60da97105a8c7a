"""One operation: admission, attempts, waits, deadline, and the error it ends with.

It does what `policy.py`, `failure.py` and `breaker.py` decide, and is the only module that sends
or sleeps. What the operations are, it does not know: a `Call` tells.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Generic, TypeVar
from urllib.parse import quote

import httpx

from .breaker import Breakers, Refusal
from .errors import (
    Circumstances,
    MaximusAPIError,
    MaximusCircuitOpenError,
    MaximusConnectionError,
    MaximusDeadlineError,
    MaximusError,
    MaximusResponseError,
    MaximusTimeoutError,
    Phase,
)
from .failure import (
    AnswerError,
    Failure,
    Kind,
    Votes,
    cut_by_deadline,
    phase_of,
    translate,
    votes,
)
from .models import Answer, read_answer
from .policy import IDEMPOTENT_METHODS, Policy, next_wait
from .retry_after import seconds_to_wait

__all__ = ["MAX_BODY", "Call", "Sender", "Service"]

MAX_BODY = 10 * 1024 * 1024
"""The longest body that is read, in bytes after decoding."""

AnswerT = TypeVar("AnswerT", bound=Answer)


@dataclass(frozen=True, slots=True)
class Service:
    """A service by name, and where it is."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[AnswerT]):
    """One operation to send: `template` is its path, with a name in braces for each parameter."""

    service: Service
    method: str
    template: str
    answer: type[AnswerT]
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    idempotency_key: str | None = None

    @property
    def endpoint(self) -> str:
        """Method and path template: what breakers and errors call it."""
        return f"{self.method} {self.template}"

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again although it may have been carried out."""
        return self.method in IDEMPOTENT_METHODS or self.idempotency_key is not None


class Sender:
    """Sends operations. The breakers live as long as it does."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        policy: Policy,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        random: Random,
        api_key: str | None,
    ) -> None:
        self._http = http
        self._policy = policy
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self._random = random
        self._api_key = api_key
        self._breakers = Breakers(policy.breaker, clock)
        # In order of their coming. Left to itself the transport's pool gives one connection to
        # several, and those that lose it wait anew, each time as long as the time-out.
        self._connections = asyncio.Semaphore(policy.max_connections)

    async def send(self, call: Call[AnswerT]) -> AnswerT:
        """Carry out one operation, or raise the MaximusError that it ends with."""
        operation = _Operation(call, began=self._clock())
        try:
            operation.target, operation.content = _target(call), _content(call)
        except (TypeError, ValueError, RecursionError) as error:
            raise self._error(operation, translate(error, "pool")) from error

        admission = self._breakers.admit(call.service.name, call.endpoint)
        if isinstance(admission, Refusal):
            raise MaximusCircuitOpenError(
                f"the {admission.scope}'s breaker is open; try again in {admission.retry_in:.3f} s",
                scope=admission.scope,
                retry_in=admission.retry_in,
                **self._circumstances(operation),
            )
        ballot = Votes()  # a cancellation counts nowhere
        try:
            last = await self._attempts(operation, 1 if admission.probe else self._policy.attempts)
            ballot = votes(last if isinstance(last, Failure) else None)
        finally:
            admission.settle(ballot)
        if isinstance(last, Failure):
            raise self._error(operation, last) from last.cause
        return last

    async def _attempts(self, operation: _Operation[AnswerT], attempts: int) -> AnswerT | Failure:
        """Attempt until one is the last, and return what came of that."""
        while True:
            last = await self._attempt(operation)
            if not isinstance(last, Failure):
                return last
            wait = next_wait(
                self._policy,
                last,
                attempt=operation.attempt,
                attempts=attempts,
                repeatable=operation.call.repeatable,
                elapsed=self._clock() - operation.began,
                random=self._random,
            )
            if wait is None:
                return last
            await self._sleep(wait)
            if self._left(operation) <= 0.0:  # woken late
                return last

    async def _attempt(self, operation: _Operation[AnswerT]) -> AnswerT | Failure:
        """Attempt once, within what is left of the operation's time."""
        operation.attempt += 1
        watch = _Watch()
        try:
            # A cancellation from outside, the caller's own time-out included, passes through:
            # only the expiry of this block becomes a TimeoutError here.
            async with asyncio.timeout(self._left(operation)):
                return await self._exchange(operation, watch)
        except TimeoutError as error:
            return cut_by_deadline(watch.phase, error)

    async def _exchange(self, operation: _Operation[AnswerT], watch: _Watch) -> AnswerT | Failure:
        try:
            await self._connection()
        except TimeoutError:
            return translate(httpx.PoolTimeout("all are busy"), "pool")
        try:
            async with self._http.stream(
                operation.call.method,
                operation.target,
                headers=self._headers(operation),
                content=operation.content,
                extensions={"trace": watch},
            ) as response:
                return await self._read(operation.call.answer, response)
        except Exception as error:  # noqa: BLE001 - nothing but MaximusError leaves the client
            return translate(error, watch.phase)
        finally:
            self._connections.release()

    async def _connection(self) -> None:
        """Wait until one is free; TimeoutError: none was, for the whole time-out."""
        async with asyncio.timeout(self._policy.timeouts.pool):
            await self._connections.acquire()

    async def _read(self, answer: type[AnswerT], response: httpx.Response) -> AnswerT | Failure:
        try:
            body = await _body(response)
            if response.is_success:
                return read_answer(answer, response.headers.get("content-type", ""), body)
        except (AnswerError, httpx.DecodingError):
            if response.is_success:
                raise
            body = b""  # the status says enough
        return Failure(
            kind=Kind.STATUS,
            reason=f"status {response.status_code}",
            status=response.status_code,
            retry_after=seconds_to_wait(response.headers.get("retry-after"), self._wall()),
            detail=_detail(body),
        )

    def _headers(self, operation: _Operation[AnswerT]) -> dict[str, str]:
        headers = {"Accept": "application/json", "X-Maximus-Attempt": str(operation.attempt)}
        if operation.content is not None:
            headers["Content-Type"] = "application/json"
        if operation.call.idempotency_key is not None:
            headers["Idempotency-Key"] = operation.call.idempotency_key
        if self._api_key is not None:
            headers["X-API-Key"] = self._api_key
        return headers

    def _left(self, operation: _Operation[AnswerT]) -> float:
        return operation.began + self._policy.deadline - self._clock()

    def _circumstances(self, operation: _Operation[AnswerT]) -> Circumstances:
        return Circumstances(
            service=operation.call.service.name,
            endpoint=operation.call.endpoint,
            attempts=operation.attempt,
            elapsed=self._clock() - operation.began,
        )

    def _error(self, operation: _Operation[AnswerT], last: Failure) -> MaximusError:
        circumstances = self._circumstances(operation)
        if last.kind in (Kind.POOL, Kind.LOCAL):  # nothing of it reached the wire
            circumstances["attempts"] = max(0, operation.attempt - 1)
        return _error(last, circumstances)


@dataclass(slots=True)
class _Operation(Generic[AnswerT]):
    """A call under way: `attempt` is the number of the one begun last, 0 before the first."""

    call: Call[AnswerT]
    began: float
    attempt: int = 0
    target: str = ""
    content: bytes | None = None


class _Watch:
    """Follows the transport's trace, to know what an attempt is busy with when it is cut."""

    __slots__ = ("phase",)

    def __init__(self) -> None:
        self.phase: Phase = "pool"

    async def __call__(self, event: str, info: object) -> None:
        del info
        phase = phase_of(event)
        if phase is not None:
            self.phase = phase


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY:
            raise AnswerError(f"the body is too large: more than {MAX_BODY} bytes")
    return bytes(body)


def _detail(body: bytes) -> object:
    """Return the `detail` of an error body as the services shape it, else the body's text."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")
    return document.get("detail", document) if isinstance(document, dict) else document


def _target(call: Call[AnswerT]) -> str:
    for name, value in call.parameters.items():
        if value in ("", ".", ".."):  # would name another endpoint
            raise ValueError(f"{name} cannot be {value!r}")
    segments = {name: quote(value, safe="") for name, value in call.parameters.items()}
    return call.service.url + call.template.format_map(segments)


def _content(call: Call[AnswerT]) -> bytes | None:
    return None if call.body is None else json.dumps(call.body, allow_nan=False).encode()


def _error(last: Failure, circumstances: Circumstances) -> MaximusError:
    if last.cut:
        return MaximusDeadlineError(last.reason, phase=last.phase, **circumstances)
    match last.kind:
        case Kind.CONNECT | Kind.BROKEN:
            return MaximusConnectionError(last.reason, **circumstances)
        case Kind.TIMEOUT | Kind.POOL:
            return MaximusTimeoutError(last.reason, phase=last.phase, **circumstances)
        case Kind.STATUS:
            return MaximusAPIError(
                last.reason,
                status=last.status,
                retry_after=last.retry_after,
                detail=last.detail,
                **circumstances,
            )
        case Kind.UNUSABLE:
            return MaximusResponseError(last.reason, **circumstances)
        case Kind.LOCAL:
            return MaximusError(last.reason, **circumstances)
