"""Serving in the foreground of a terminal until a signal ends it.

Counterparts: `faultlab proxy` and `faultlab stubs`, which say what is served. The one module beside
the lab's processes that knows an event loop and signals.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from . import descriptors
from .sockets import RealNet

__all__ = ["serve_until_signal"]


def serve_until_signal(start: Callable[[RealNet], Callable[[], None]]) -> None:
    """Serve until SIGTERM, or until Ctrl-C raises KeyboardInterrupt; nothing is left then.

    `start` begins what is served, on the loop, and gives what closes it; what it raises is raised
    here, and it has to close by itself what it began before.
    """
    descriptors.take()
    if asyncio.run(_serve(start)):
        raise KeyboardInterrupt


async def _serve(start: Callable[[RealNet], Callable[[], None]]) -> bool:
    """Whether it was Ctrl-C that ended it."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[bool] = loop.create_future()
    net = RealNet(loop)

    def end(interrupted: bool) -> None:
        if not ended.done():
            ended.set_result(interrupted)

    for number, interrupted in ((signal.SIGINT, True), (signal.SIGTERM, False)):
        loop.add_signal_handler(number, end, interrupted)
    try:
        close = start(net)
        try:
            return await ended
        finally:
            close()
    finally:
        net.close()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
