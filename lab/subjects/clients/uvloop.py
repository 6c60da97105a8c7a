"""uvloop: it connects without the interpreter's audit event, so its connects are told as seen in part."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import wraps
from types import ModuleType
from typing import Any

from ..connects import Connects
from ..seams import Seam

__all__ = ["seams"]


def seams(connects: Connects, module: ModuleType) -> Iterator[Seam]:
    """What a loop connects by host and port; a socket that is handed to it is connected already."""

    def of_connection(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @wraps(original)
        async def create_connection(
            loop: Any, protocol: Any, host: Any = None, port: Any = None, *args: Any, **kwargs: Any
        ) -> Any:
            if host is not None:
                connects.unseen(host, port)
            return await original(loop, protocol, host, port, *args, **kwargs)

        return create_connection

    yield Seam(getattr(module, "Loop", None), "create_connection", of_connection)
