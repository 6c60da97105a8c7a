"""A stub in a simulated process of its own, so that it can be stopped, killed or frozen as a server can.

`Running` of `backends/apart.py` is the promise; the twins are `backends/process.py` and the process
itself, `lab/apart.py`. Its host stays when it ends: a connect is refused there, and the next may start.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Literal

from ..backends.apart import Apart
from ..backends.pipe import Serve
from ..backends.served import Builtin, Routed, routes_of
from ..backends.speaking import State
from ..backends.stub import Stub
from ..environments.simulated.network import Host, Network
from ..history import AnyEvent
from ..net import Timer
from .cuts import VirtualCuts, host_of
from .halting import HaltingNet
from .soon import Soon

__all__ = ["VirtualProcess", "apart"]

GRACE: Final = 2.0  # seconds that an orderly end waits for peers that read slowly
ORDERLY: Final = 5.0  # seconds for an orderly end; what takes longer is killed


class VirtualProcess:
    """One process on `host`, from its start to its end.

    `record` takes the events that its stub reports. `changed` is called, by `soon`, when its state has
    changed by itself.
    """

    def __init__(
        self,
        network: Network,
        host: Host,
        record: Callable[[AnyEvent], None],
        changed: Callable[[], None],
        *,
        soon: Soon,
    ) -> None:
        self.state: State = "starting"
        self.problem = ""  # why it does not do what it was told
        self.address: tuple[str, int] = (host.addresses[0], 0)
        self._later = network.scheduler.later
        self._soon = soon
        self._net = HaltingNet(network, host)
        self._record = record
        self._changed = changed
        self._stub: Stub | None = None
        self._limit: Timer | None = None
        self._soon(partial(self._becomes, "starting", "ready"))

    def __repr__(self) -> str:
        return f"VirtualProcess({self.state})"

    def serve(self, what: Serve) -> None:
        """Have it serve; it is `serving` at the scheduler's next turn."""
        self.state = "opening"
        routes = routes_of(what.specification)
        for request in what.past:
            routes.answer(request)
        try:
            stub = Stub(self._net, routes, self._record, what.start, what.service, host=what.host)
        except OSError as error:
            self.problem = error.strerror or str(error)
            self._soon(self._changed)
            return
        self._stub = stub
        self.address = (what.host, stub.port)
        self._soon(partial(self._becomes, "opening", "serving"))

    def end(self, how: Literal["stop", "kill"]) -> None:
        """Have it end, in order or at once; it is `gone` when its kernel has closed all it had."""
        if self.state in ("ending", "gone"):
            return
        frozen = self.state == "frozen"
        self.state = "ending"
        if how == "kill" or self._stub is None:
            self._exit()
        elif frozen:  # it can't hear that it is to end
            self._limit = self._later(ORDERLY, self._exit)
        else:
            self._limit = self._later(GRACE, self._exit)
            self._stub.finish(self._exit)

    def freeze(self) -> None:
        """Stop it where it stands; it does nothing any more on return."""
        if self.state == "serving":
            self.state = "frozen"
            self._net.halt()

    def thaw(self) -> None:
        """Let it go on."""
        if self.state == "frozen":
            self.state = "serving"
            self._net.go_on()

    def drain(self) -> None:
        """What it does is recorded as it happens."""

    def close(self) -> None:
        """Kill it, frozen or not; it is gone on return."""
        self.state = "gone"
        self._die()

    def _exit(self) -> None:
        if self.state == "ending":
            self._die()
            self._soon(partial(self._becomes, "ending", "gone"))

    def _die(self) -> None:
        """What its kernel does: FIN, or RST where bytes were unread, and an end of every listener."""
        if self._limit is not None:
            self._limit.cancel()
        self._net.halt()  # nothing of its program runs any more
        self._net.close()

    def _becomes(self, before: State, after: State) -> None:
        if self.state == before:
            self.state = after
            self._changed()


def apart(
    network: Network,
    service: str,
    specification: Routed | Builtin,
    record: Callable[[AnyEvent], None],
    *,
    start: float,
    changed: Callable[[], None],
    soon: Soon,
    cuts: VirtualCuts | None = None,
) -> Apart:
    """The backend of a service in processes of its own, on a host of its own.

    `soon` has done what its processes do by themselves. `cuts` can cut that host off; None: nobody can.
    """
    name = host_of(service)
    host = network.named(name) or network.host(name)
    new = partial(VirtualProcess, network, host, soon=soon)
    return Apart(new, service, specification, record, start=start, changed=changed, engine=cuts)
