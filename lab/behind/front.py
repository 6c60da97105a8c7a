"""What all runs of one lab process share before a real Toxiproxy: its control, and the kernel's means.

Counterparts: `net.py` is the network of one run, `listener.py` one port of it. Everything here belongs
to one loop's thread; what blocks goes to `calls`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable

from ..net import Means
from ..packets import PacketsError
from .calls import Calls
from .clients import Client, Clients
from .control import Control
from .diag import undestroyable
from .filter import Filter
from .handshakes import Handshakes
from .log import Accepted, Lines, Said

__all__ = ["Arrivals", "Front"]

LOOPBACK = "127.0.0.1"
PATIENCE = 2.0  # seconds that the last calls may take

_WITHOUT: dict[Means, str] = {
    "reset": "no connection can be reset",
    "unplug": "no connection can be unplugged",
    "dark": "connects can't be left unanswered",
    "keep": "live connections can't be kept while connects are refused",
    "part": "no backend can be parted from others",
}
_INSTEAD = "--env embedded can without --proxy toxiproxy, and so can --env docker"


class Arrivals:
    """Who arrives on one port: as Toxiproxy says on its output, or as its packets show."""

    def __init__(self, clients: Clients, handshakes: Handshakes | None, look: Callable[[], None]):
        self.clients = clients
        self._handshakes = handshakes
        self._look = look

    def drain(self) -> None:
        """Take what has been told."""
        self._look()
        if self._handshakes is not None:
            lost = self._handshakes.drain()
            if lost:
                self.clients.lose(lost)

    def close(self) -> None:
        """Nobody arrives any more."""
        if self._handshakes is not None:
            self._handshakes.close()


class Front:
    """A Toxiproxy whose API is `control`, and whose ports are on `host`, an address of `interface`.

    `output`: what it says of itself, where that can be read (a descriptor that doesn't block);
    without it its clients are known by their packets. `gone` says why that output has ended, and
    `instead` what to do where a right is missing here.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        control: Control,
        host: str = LOOPBACK,
        interface: str = "lo",
        *,
        output: int | None = None,
        gone: Callable[[], str] = lambda: "",
        instead: str = _INSTEAD,
    ) -> None:
        self.loop = loop
        self.control = control
        self.host = host
        self.interface = interface
        self.calls = Calls(loop)
        self.filter = Filter()
        self._problem = ""
        self._label = f"faultlab-{os.getpid()}-{secrets.token_hex(3)}"
        self.missing = {"reset": undestroyable(), "filter": Filter.missing()}
        if not self.missing["filter"]:
            self.calls.do(self.filter.sweep, lambda _: None)
        self._output = output
        self._gone = gone
        self._instead = instead
        self._lost: dict[object, Callable[[], None]] = {}
        self._lines = Lines()
        self._clients: dict[str, Clients] = {}
        if output is not None:
            loop.add_reader(output, self._read)

    @property
    def problem(self) -> str:
        """Why it serves no more, as of now; empty while it does."""
        self._read()
        return self._problem

    def join(self, run: object, lost: Callable[[], None]) -> None:
        """A run comes through it from now on; `lost` is told when it serves no more (`problem`)."""
        self._lost[run] = lost

    def leave(self, run: object) -> None:
        """It comes no more."""
        self._lost.pop(run, None)

    def lacks(self, means: Means) -> str:
        """Why this can't be had here, and where it can; empty if it can."""
        why = self.missing["reset" if means == "reset" else "filter"]
        return f"{_WITHOUT[means]} behind Toxiproxy here: {why}; {self._instead}" if why else ""

    def name_of(self, port: int) -> str:
        """The name of the proxy of a port: no two runs share it, on no machine."""
        return f"{self._label}-{port}"

    def arrivals(self, port: int) -> Arrivals:
        """Who arrives on a port, from now on. Raises PacketsError where nothing tells."""
        clients = Clients()
        if self._output is not None:
            self._clients[self.name_of(port)] = clients
            return Arrivals(clients, None, self._read)
        handshakes: Handshakes | None = None
        try:
            handshakes = Handshakes(self.interface, port, clients.told)
        except PacketsError as error:
            clients.lose(str(error))
        return Arrivals(clients, handshakes, lambda: None)

    def forget(self, port: int) -> None:
        """A port is ours no more."""
        self._clients.pop(self.name_of(port), None)

    def close(self) -> None:
        """Remove what was made: proxies, filter; within a bounded time."""
        self._silence()
        self.calls.do(self.filter.close, lambda _: None)
        self.calls.close(PATIENCE)

    def _read(self) -> None:
        """Take what Toxiproxy has said."""
        while self._output is not None:
            try:
                data = os.read(self._output, 65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._silence()
                self._end(self._gone() or "Toxiproxy closed its output")
                return
            for said in self._lines.feed(data):
                self._hear(said)

    def _hear(self, said: Said) -> None:
        clients = self._clients.get(said.proxy)
        if clients is None:
            return
        if isinstance(said, Accepted):
            clients.told(Client(said.address, said.port, self.host))
        else:
            clients.failed(said.address, said.port)

    def _end(self, why: str) -> None:
        """It serves no more."""
        last = "; ".join([*self._lines.last][-2:])
        self._problem = f"{why}; the last that it said: {last}" if last else why
        for lost in tuple(self._lost.values()):
            lost()

    def _silence(self) -> None:
        if self._output is not None:
            self.loop.remove_reader(self._output)
            self._output = None
