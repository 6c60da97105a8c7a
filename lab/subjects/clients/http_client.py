"""http.client, and so urllib, urllib3 and requests: each head that is sent is one attempt.

urllib3's retries and redirects, and those of requests, send a new head each. A head connects if
need be; the attempt ends when the head of its answer was read, or with what was raised until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from types import ModuleType
from typing import Any

from ..attribution import HEADER, Attribution, Sending
from ..seams import Seam

__all__ = ["seams"]

_KEPT = (
    "_faultlab_sending"  # in a connection's own attributes: it lives as long, in whatever thread
)


def seams(attribution: Attribution, module: ModuleType) -> Iterator[Seam]:
    """The methods of a connection that send a head, send anything, and read an answer's head."""

    def of_head(original: Callable[..., None]) -> Callable[..., None]:
        @wraps(original)
        def endheaders(connection: Any, *args: Any, **kwargs: Any) -> None:
            begun = attribution.begin(connection.host, connection.port)
            vars(connection)[_KEPT] = begun
            if begun is None:
                return original(connection, *args, **kwargs)
            try:
                with begun.here():
                    connection.putheader(HEADER, begun.tag)
                    return original(connection, *args, **kwargs)
            except BaseException as error:
                begun.ended(error)
                raise

        return endheaders

    def of_send(original: Callable[..., None]) -> Callable[..., None]:
        @wraps(original)
        def send(connection: Any, data: Any) -> None:
            try:
                return original(connection, data)
            except BaseException as error:
                _end(connection, error)
                raise

        return send

    def of_answer(original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def getresponse(connection: Any) -> Any:
            try:
                response = original(connection)
            except BaseException as error:
                _end(connection, error)
                raise
            _end(connection, None)
            return response

        return getresponse

    owner = getattr(module, "HTTPConnection", None)
    yield Seam(owner, "endheaders", of_head)
    yield Seam(owner, "send", of_send)
    yield Seam(owner, "getresponse", of_answer)


def _end(connection: Any, error: BaseException | None) -> None:
    begun: Sending | None = vars(connection).get(_KEPT)
    if begun is not None:
        begun.ended(error)
