"""aiohttp: each request that a call makes is one attempt, its own silent retry included.

One call of a session follows redirects, and sends an idempotent request again on a new connection
if an old one was dead. aiohttp puts its middlewares around each of these requests; the innermost
stands where nothing can repeat it unseen. Without middlewares (before 3.12) nothing is tagged.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from functools import wraps
from types import ModuleType
from typing import Any

from ..attribution import HEADER, Attribution, current
from ..seams import Seam

__all__ = ["seams"]

_ARGUMENT = "middlewares"


def seams(attribution: Attribution, module: ModuleType) -> Iterator[Seam]:
    """The one way through which a session sends."""

    async def tag(request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        with attribution.sending(request.url.host, request.url.port) as tag:
            if tag is None:
                return await handler(request)
            request.headers[HEADER] = tag
            try:
                return await handler(request)
            finally:
                request.headers.popall(HEADER, None)  # the answer shows its request's headers

    def of_session(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        if _ARGUMENT not in inspect.signature(original).parameters:
            return original

        @wraps(original)
        async def request(session: Any, *args: Any, **kwargs: Any) -> Any:
            if current.get() is not None:
                given = kwargs.get(_ARGUMENT)
                own = session._middlewares if given is None else given
                kwargs[_ARGUMENT] = (*own, tag)
            return await original(session, *args, **kwargs)

        return request

    yield Seam(getattr(module, "ClientSession", None), "_request", of_session)
