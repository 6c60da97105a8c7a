"""Ways from a lab's network to servers on this machine's loopback, which its containers don't reach.

Each is a listener on the address that this machine has in that network, of this process: bytes, half-closes
and resets pass both ways as they are. Where a server takes no connection, the other side's ends.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeAlias

from ...errors import SetupError
from ...sockets import RealNet
from ...toxiproxy.proxy import ListenError, Options, StreamProxy
from .subnets import POOL

__all__ = ["Relays", "Run"]

Run: TypeAlias = Callable[[tuple[str, ...]], object]
"""Runs a command in one of the lab's containers. Raises SetupError if it fails."""

_PATIENCE = 10.0  # seconds for a call that takes microseconds, on a loaded machine
_KNOCK = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()"


class Relays:
    """The ways of one lab: `host` is this machine's address in its network, `run` a program there.

    Thread-safe.
    """

    def __init__(self, host: str, run: Run) -> None:
        self._host = host
        self._run = run
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._net: RealNet | None = None
        self._open: dict[tuple[str, int], StreamProxy] = {}
        self._reached = False

    def to(self, server: tuple[str, int]) -> tuple[str, int]:
        """Where the lab's containers reach this server. Raises SetupError."""
        with self._lock:
            relay = self._open.get(server)
            if relay is None:
                relay = self._open[server] = self._begun(*server)
            if not self._reached:
                self._knock()
                self._reached = True
            return self._host, int(relay.listen.rpartition(":")[2])

    def close(self) -> None:
        """End all of them, with their connections."""
        with self._lock:
            if self._loop is None or self._thread is None or self._net is None:
                return
            for relay in self._open.values():
                self._call(relay.stop)
            self._call(self._net.close)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = None
            self._open.clear()

    def _knock(self) -> None:
        """Have a container reach this machine: many a firewall keeps them from it. Raises SetupError."""
        with socket.create_server((self._host, 0)) as door:
            port = str(door.getsockname()[1])
            try:
                self._run(("python3", "-c", _KNOCK, self._host, port))
            except SetupError as error:
                raise SetupError(
                    f"the lab's containers do not reach this machine at {self._host}",
                    seen=error.rows.get("seen", error.text).rpartition("\n")[2],
                    mend=f"have this machine's firewall let {POOL} in",
                ) from error

    def _begun(self, host: str, port: int) -> StreamProxy:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._net = RealNet(self._loop)
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="faultlab-relays", daemon=True
            )
            self._thread.start()
        assert self._net is not None
        upstream = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        relay = StreamProxy(
            self._net, upstream, f"{self._host}:0", upstream, Options(), lambda _: None
        )
        try:
            self._call(relay.start)
        except ListenError as error:
            raise SetupError(
                f"the lab's containers can't be given a way to {upstream}: {error}"
            ) from error
        return relay

    def _call(self, function: Callable[[], Any]) -> None:
        """Have it called on the loop; what it raises is raised here."""
        assert self._loop is not None
        done: Future[None] = Future()

        def run() -> None:
            try:
                function()
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                done.set_exception(error)
            else:
                done.set_result(None)

        self._loop.call_soon_threadsafe(run)
        done.result(_PATIENCE)
