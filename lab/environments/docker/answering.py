"""Waiting until the server of a user's image answers, at the address of its container."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable

from ...backends.servers import Image
from ...errors import SetupError

__all__ = ["await_answer"]

_LOOK = 0.02  # seconds between two looks
_ANSWER = 2.0  # seconds that one look waits


def await_answer(address: str, image: Image, ended: Callable[[], str]) -> None:
    """Return when it answers. `ended` tells how its container has ended; empty: it runs.

    Raises SetupError if it ends, or does not answer in its time.
    """
    until = time.monotonic() + image.ready_within
    while True:
        if _answers(address, image):
            return
        gone = ended()
        if gone:
            raise SetupError(f"it ended before it served: {gone}")
        if time.monotonic() > until:
            asked = f"`GET {image.ready}`" if image.ready else "a connection"
            raise SetupError(
                f"it did not answer {asked} on port {image.port} within {image.ready_within:g} s;"
                " `port` says where it listens in its container, on all of its addresses"
            )
        time.sleep(_LOOK)


def _answers(address: str, image: Image) -> bool:
    try:
        if not image.ready:
            socket.create_connection((address, image.port), _ANSWER).close()
            return True
        asking = http.client.HTTPConnection(address, image.port, timeout=_ANSWER)
        try:
            asking.request("GET", image.ready, headers={"Connection": "close"})
            return 200 <= asking.getresponse().status < 300
        finally:
            asking.close()
    except (OSError, http.client.HTTPException):
        return False
