"""Which operation a request belongs to: a context variable, carried into a header.

While installed, httpx and http.client (so urllib3 and requests too) add `X-Faultlab-Op: OP.ATTEMPT`
to what an operation sends to a service, and threads carry the operation on. The
proxy takes the header off. Without a current operation nothing is added.
"""

from __future__ import annotations

import asyncio
import contextvars
import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from itertools import count
from typing import Any

import httpx

from ..history import AnyEvent, AttemptBegun, AttemptEnded
from ..stamp import Stamp
from .outcome import qualified

__all__ = ["HEADER", "Attribution", "Current", "attempt", "current"]

HEADER = "X-Faultlab-Op"

LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True, eq=False)
class Current:
    """The operation that a context belongs to; `ordinals` numbers its attempts from 1."""

    op: int
    ordinals: Iterator[int] = field(default_factory=lambda: count(1))  # atomic under the GIL


# Context variables have to be made once, at import; they hold nothing until an operation runs.
current: contextvars.ContextVar[Current | None] = contextvars.ContextVar("op", default=None)
attempt: contextvars.ContextVar[int | None] = contextvars.ContextVar("attempt", default=None)


class Attribution:
    """Tags what operations send to `ports` (port to service), and records each attempt.

    `record` gets the events; it may be called from any thread.
    """

    def __init__(
        self, ports: Mapping[int, str], stamp: Stamp, record: Callable[[AnyEvent], None]
    ) -> None:
        self._ports = ports
        self._stamp = stamp
        self._record = record
        self._on = False
        self._loops: set[str] = set()

    @property
    def loops(self) -> frozenset[str]:
        """The packages of the event loops that sent requests while installed, e.g. `asyncio`."""
        return frozenset(self._loops)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Patch the classes, and undo every patch on leaving."""
        with ExitStack() as patches:
            for owner, name, wrapper in (
                (httpx.HTTPTransport, "handle_request", self._httpx),
                (httpx.AsyncHTTPTransport, "handle_async_request", self._httpx_async),
                (http.client.HTTPConnection, "endheaders", self._http_client),
                (threading.Thread, "start", self._thread_start),
                (ThreadPoolExecutor, "submit", self._submit),
            ):
                patches.enter_context(_patched(owner, name, wrapper))
            self._on = True
            try:
                yield
            finally:
                self._on = False

    @contextmanager
    def _attempt(self, host: str, port: int | None) -> Iterator[str | None]:
        """One attempt of the current operation: gives its tag, None where there is none."""
        operation = current.get()
        service = self._ports.get(port) if port is not None and host in LOOPBACK else None
        if operation is None or service is None or not self._on or attempt.get() is not None:
            # Inside another attempt: a library on top of another, both instrumented.
            yield None
            return
        number = next(operation.ordinals)
        token = attempt.set(number)
        self._begun(operation, number, service)
        error = ""
        try:
            yield f"{operation.op}.{number}"
        except BaseException as raised:
            error = qualified(type(raised))
            raise
        finally:
            attempt.reset(token)
            self._ended(operation, number, service, error)

    def _begun(self, operation: Current, number: int, service: str) -> None:
        t, late = self._stamp()
        self._record(
            AttemptBegun(
                t=t,
                late=late,
                service=service,
                op=operation.op,
                attempt=number,
            )
        )

    def _ended(self, operation: Current, number: int, service: str, error: str) -> None:
        t, late = self._stamp()
        self._record(
            AttemptEnded(
                t=t,
                late=late,
                service=service,
                op=operation.op,
                attempt=number,
                error=error,
            )
        )

    def _httpx(
        self, original: Callable[[httpx.HTTPTransport, httpx.Request], httpx.Response]
    ) -> Callable[[httpx.HTTPTransport, httpx.Request], httpx.Response]:
        @wraps(original)
        def handle_request(
            transport: httpx.HTTPTransport, request: httpx.Request
        ) -> httpx.Response:
            with self._attempt(request.url.host, request.url.port) as tag:
                return original(transport, request if tag is None else _tagged(request, tag))

        return handle_request

    def _httpx_async(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        async def handle_async_request(
            transport: httpx.AsyncHTTPTransport, request: httpx.Request
        ) -> httpx.Response:
            if self._on:
                self._loops.add(_loop())
            with self._attempt(request.url.host, request.url.port) as tag:
                response: httpx.Response = await original(
                    transport, request if tag is None else _tagged(request, tag)
                )
                return response

        return handle_async_request

    def _http_client(self, original: Callable[..., None]) -> Callable[..., None]:
        @wraps(original)
        def endheaders(
            connection: http.client.HTTPConnection, *args: object, **kwargs: object
        ) -> None:
            with self._attempt(connection.host, connection.port) as tag:
                if tag is not None:
                    connection.putheader(HEADER, tag)
                original(connection, *args, **kwargs)

        return endheaders

    def _thread_start(
        self, original: Callable[[threading.Thread], None]
    ) -> Callable[[threading.Thread], None]:
        @wraps(original)
        def start(thread: threading.Thread) -> None:
            if self._on and current.get() is not None:
                _carry_context(thread)
            original(thread)

        return start

    def _submit(self, original: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        @wraps(original)
        def submit(
            pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any
        ) -> Future[Any]:
            if not self._on:
                return original(pool, function, *args, **kwargs)
            # Also without an operation: the worker may have the context of its first submitter.
            return original(pool, contextvars.copy_context().run, function, *args, **kwargs)

        return submit


def _tagged(request: httpx.Request, tag: str) -> httpx.Request:
    """The request with the tag; a copy, so that the client's own one never shows it."""
    headers = request.headers.copy()
    headers[HEADER] = tag
    return httpx.Request(
        request.method,
        request.url,
        headers=headers,
        stream=request.stream,
        extensions=request.extensions,
    )


def _loop() -> str:
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        return ""  # not asyncio's
    return type(running).__module__.partition(".")[0]


def _carry_context(thread: threading.Thread) -> None:
    """Let a thread that has not started run in a copy of the caller's context."""
    context = contextvars.copy_context()
    run = thread.run

    def carried() -> None:
        del thread.run  # back to the class's own, and no circle is left
        context.run(run)

    thread.run = carried  # type: ignore[method-assign]  # of this one thread


@contextmanager
def _patched(owner: type, name: str, wrapper: Callable[[Any], Any]) -> Iterator[None]:
    original = vars(owner)[name]
    ours = wrapper(original)
    setattr(owner, name, ours)
    try:
        yield
    finally:
        # Someone who patched over ours keeps a reference to it: it stays, and passes everything on.
        if vars(owner)[name] is ours:
            setattr(owner, name, original)
