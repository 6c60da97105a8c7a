"""The rig of one run: a proxy before every service, stubs behind them, one recorder beside.

It is the same on real sockets (inside the lab process) and in the simulation (inside its loop):
every method is a plain function, complete on return. It judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Literal

from ..faults import Fault
from ..faults.decide import keyed
from .backends.specification import Specification, Url, routes_of
from .backends.stub import Stub
from .history import AnyEvent, ConnectAttempted, FaultFired
from .net import Net
from .proxy.proxy import FaultRefused, Proxy
from .recorder import Recorder

__all__ = ["FaultRefused", "Rig"]

_LOOPBACK = "127.0.0.1"


class Rig:
    """Proxies, stubs and recorder of one run.

    `fired` is told the first event of each fault that acts. Raises OSError when a port is taken,
    with everything already started stopped again.
    """

    def __init__(
        self,
        net: Net,
        services: Mapping[str, Specification],
        recorder: Recorder,
        *,
        seed: int,
        ports: Mapping[str, int] | None = None,
        fired: Callable[[int, AnyEvent], None] | None = None,
    ) -> None:
        self._net = net
        self._recorder = recorder
        self._seed = seed
        self._fired = fired
        self._told: set[int] = set()
        self._stubs: dict[str, Stub] = {}
        self._proxies: dict[str, Proxy] = {}
        self._faults: dict[int, Proxy] = {}
        self._conns = count(1)
        try:
            for name, specification in services.items():
                self.serve(name, specification, (ports or {}).get(name, 0))
        except BaseException:
            self.close()
            raise

    @property
    def ports(self) -> dict[str, int]:
        """The listener's port of each service."""
        return {name: proxy.port for name, proxy in self._proxies.items()}

    @property
    def broken(self) -> str:
        """Why the history could not be written on; empty while it can."""
        return self._recorder.broken

    def serve(self, name: str, specification: Specification, port: int = 0) -> int:
        """Start one more service; gives its listener's port. Raises OSError."""
        start = self._recorder.start
        if isinstance(specification, Url):
            upstream = (specification.host, specification.port)
        else:
            stub = Stub(self._net, routes_of(specification), self._record, start, name)
            self._stubs[name] = stub
            upstream = (_LOOPBACK, stub.port)
        try:
            proxy = Proxy(
                self._net,
                name,
                upstream,
                self._record,
                start=start,
                draws=keyed(self._seed),
                conns=self._conns,
                tag_upstream=name in self._stubs,
                port=port,
            )
        except OSError as error:
            place = f"port {port} of {name}" if port else f"a port of {name}"
            raise OSError(error.errno, f"{place} can't be had: {error.strerror}") from error
        self._proxies[name] = proxy
        return proxy.port

    def enter(self, phase: str) -> None:
        """A phase begins."""
        self._recorder.enter(phase, self.clock())

    def clock(self) -> float:
        """Seconds since the run's start."""
        return self._net.now() - self._recorder.start

    def inject(self, number: int, fault: Fault, unfired: Literal["fail", "ok"] = "fail") -> str:
        """Arm a fault; in force on return. Gives the mechanism.

        Raises FaultRefused for a service that isn't here, a conflict, or a scope it can't have.
        """
        proxy = self._proxies.get(fault.service)
        if proxy is None:
            known = ", ".join(self._proxies)
            raise FaultRefused(
                f"`{fault.kind}` on {fault.service!r}: no such service; here: {known}"
            )
        mechanism = proxy.arm(number, fault, unfired=unfired)
        self._faults[number] = proxy
        return mechanism

    def clear(self, numbers: tuple[int, ...] | None = None) -> None:
        """End these faults, or all; one that is over already is passed over."""
        for number in tuple(self._faults) if numbers is None else numbers:
            proxy = self._faults.pop(number, None)
            if proxy is not None:
                proxy.clear(number)

    def opened(self) -> None:
        """A breaker has opened: what waits for it comes into force."""
        for proxy in self._proxies.values():
            proxy.opened()

    def fresh(self) -> None:
        """Close idle client connections by FIN; everything else of the subject stays."""
        for proxy in self._proxies.values():
            proxy.fresh()

    def reset(self) -> None:
        """RST on every client connection."""
        for proxy in self._proxies.values():
            proxy.reset_all()

    def drain(self) -> None:
        """Accept everything queued and record what has arrived."""
        for proxy in self._proxies.values():
            proxy.drain()
        self._recorder.flush()

    def feed(self, event: AnyEvent) -> None:
        """Take an event of the subject's process."""
        self._recorder.take(event)
        if isinstance(event, ConnectAttempted):
            for proxy in self._proxies.values():
                if proxy.port == event.port and proxy.mode != "open":
                    self._tell(proxy.shutting(), event)

    def note(self, event: AnyEvent) -> None:
        """Take an event of the conductor's."""
        self._recorder.take(event)

    def flush(self) -> None:
        """Write what was recorded."""
        self._recorder.flush()

    def close(self) -> None:
        """Stop proxies and stubs; the history is whole on return."""
        for proxy in self._proxies.values():
            proxy.close()
        for stub in self._stubs.values():
            stub.close()
        self._recorder.close()

    def _record(self, event: AnyEvent) -> None:
        self._recorder.record(event)
        if isinstance(event, FaultFired):
            self._tell(event.fault, event)

    def _tell(self, fault: int | None, event: AnyEvent) -> None:
        if fault is not None and fault not in self._told:
            self._told.add(fault)
            if self._fired is not None:
                self._fired(fault, event)
