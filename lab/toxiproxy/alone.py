"""The proxy alone, in the foreground, until a signal ends it (counterpart: `faultlab proxy`)."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import SetupError, UsageError
from ..foreground import serve_until_signal
from ..sockets import RealNet
from ..sockets.holder import holder
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
    options = Options(seed, strict, address.host)

    def start(net: RealNet) -> Callable[[], None]:
        proxies = Proxies(net, options, say)
        try:
            _start(net, proxies, address, config, lambda text: say(f"{text}, seed {seed}"))
        except BaseException:
            proxies.close()
            raise
        return proxies.close

    serve_until_signal(start)


def _start(
    net: RealNet,
    proxies: Proxies,
    address: Address,
    config: bytes | None,
    begun: Callable[[str], None],
) -> None:
    """`begun` is told where the control API is."""
    api = Api(proxies)
    try:
        server = Server(net, api, address.port, address.host)
    except OSError as error:
        who = holder(address.port)
        raise SetupError(
            f"{address}: {error.strerror}",
            seen="" if who is None else f"{who} listens there",
            mend="--port N, or 0 for any",
        ) from None
    at = Address(address.host, server.port)
    begun(f"control API of Toxiproxy {VERSION} on http://{at}")
    if config is not None:
        try:
            api.populate(config)
        except UnusableError as error:
            raise UsageError(f"--config: {error.text}", expected="a JSON list of proxies") from None
