"""The proxy alone, in the foreground, until a signal ends it (counterpart: `faultlab proxy`).

The one module of the room that knows an event loop and signals.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from .. import descriptors
from ..errors import SetupError, UsageError
from ..sockets import RealNet
from .address import Address, AddressError, listening
from .api import VERSION, Api, UnusableError
from .proxy import Options, Proxies
from .server import Server

__all__ = ["serve"]


def serve(
    host: str,
    port: int,
    config: bytes | None,
    *,
    seed: int,
    strict: bool,
    say: Callable[[str], None],
) -> None:
    """Serve until SIGTERM, or until Ctrl-C raises KeyboardInterrupt; nothing is left then.

    `config` is a list of proxies, as for POST /populate; a `say` gets each line of the listing.
    Raises UsageError for a host or a config that means nothing, SetupError for a port that can't
    be had.
    """
    try:
        address = listening(str(Address(host, port)), "127.0.0.1")
    except AddressError as error:
        raise UsageError(f"--host {host}: {error}", mend="an address of this machine") from None
    descriptors.take()
    interrupted = asyncio.run(_serve(address, config, Options(seed, strict, address.host), say))
    if interrupted:
        raise KeyboardInterrupt


async def _serve(
    address: Address, config: bytes | None, options: Options, say: Callable[[str], None]
) -> bool:
    """Whether it was Ctrl-C that ended it."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[bool] = loop.create_future()
    net = RealNet(loop)
    proxies = Proxies(net, options, say)
    api = Api(proxies)

    def end(interrupted: bool) -> None:
        if not ended.done():
            ended.set_result(interrupted)

    for number, interrupted in ((signal.SIGINT, True), (signal.SIGTERM, False)):
        loop.add_signal_handler(number, end, interrupted)
    try:
        try:
            server = Server(net, api, address.port, address.host)
        except OSError as error:
            raise SetupError(
                f"{address}: {error.strerror}", mend="--port N, or 0 for any"
            ) from None
        at = Address(address.host, server.port)
        say(f"control API of Toxiproxy {VERSION} on http://{at}, seed {options.seed}")
        if config is not None:
            try:
                api.populate(config)
            except UnusableError as error:
                raise UsageError(
                    f"--config: {error.text}", expected="a JSON list of proxies"
                ) from None
        return await ended
    finally:
        proxies.close()
        net.close()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
