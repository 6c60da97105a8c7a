"""httpx and httpx2: one call of a transport is one attempt.

A redirect, a retry of the caller's and each step of an auth flow is a call of its own. With
`retries=` a transport connects again within one; the reading counts its connects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from types import ModuleType
from typing import Any

from ..attribution import HEADER, Attribution
from ..seams import Seam

__all__ = ["seams"]


def seams(attribution: Attribution, module: ModuleType) -> Iterator[Seam]:
    """The sync and the async transport that connect to a network."""

    def tagged(request: Any, tag: str | None) -> Any:
        """The request with the tag; a copy, so that the client's own one never shows it."""
        if tag is None:
            return request
        headers = request.headers.copy()
        headers[HEADER] = tag
        return module.Request(
            request.method,
            request.url,
            headers=headers,
            stream=request.stream,
            extensions=request.extensions,
        )

    def of_sync(original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def handle_request(transport: Any, request: Any) -> Any:
            with attribution.sending(request.url.host, request.url.port) as tag:
                return original(transport, tagged(request, tag))

        return handle_request

    def of_async(original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        async def handle_async_request(transport: Any, request: Any) -> Any:
            with attribution.sending(request.url.host, request.url.port) as tag:
                return await original(transport, tagged(request, tag))

        return handle_async_request

    yield Seam(getattr(module, "HTTPTransport", None), "handle_request", of_sync)
    yield Seam(getattr(module, "AsyncHTTPTransport", None), "handle_async_request", of_async)
