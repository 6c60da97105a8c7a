"""The rig of one run: a proxy before every service, stubs behind them, one recorder beside.

It is the same on real sockets (inside the lab process) and in the simulation (inside its loop):
every method is a plain function, complete on return. It judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Literal, Protocol, TypeVar, assert_never

from ..faults import Fault
from ..faults.actions import CutOff
from ..faults.arming import on_process
from ..faults.decide import keyed
from ..faults.partition import EVERY_REQUEST
from .backends.apart import Apart
from .backends.backend import Backend
from .backends.imaged import Imaged
from .backends.served import Builtin, Routed, Specification, routes_of, seeded
from .backends.servers import Command, Image, Url
from .backends.shared import Shared
from .backends.started import Started
from .backends.stub import Stub
from .history import AnyEvent, ConnectAttempted, ConnectsHidden, FaultCleared, FaultFired
from .net import Entrance
from .proxy.proxy import FaultRefused, Proxy
from .recorder import Recorder

__all__ = ["FaultRefused", "Rig"]

LATE = 3.0  # seconds in which TCP delivers what a cut of some seconds has kept
_AT_REST = 0.002  # seconds between looks whether nothing is under way at a backend


B = TypeVar("B", covariant=True)


class MakeStub(Protocol[B]):
    """Makes a stub elsewhere: `Shared` in the process of many runs, or `Apart` in one of its own."""

    def __call__(
        self,
        service: str,
        specification: Routed | Builtin,
        record: Callable[[AnyEvent], None],
        *,
        start: float,
        changed: Callable[[], None],
    ) -> B:
        """As these are made."""


class MakeStarted(Protocol):
    """Makes the backend of a server that is started: `Started` by a command, `Imaged` of an image."""

    def __call__(
        self, service: str, server: Command | Image, *, changed: Callable[[], None]
    ) -> Started | Imaged:
        """As these are made."""


class Rig:
    """Proxies, stubs and recorder of one run.

    `fired` is told the first event of each fault that acts, `over` the one that ends it. `shared`
    makes the stubs; None: they are on `net`, in this process. `apart` makes those that have a process
    of their own, `started` the servers of commands and images; None: there can be none. A backend
    elsewhere serves when the rig is settled. `entrance` is the network that clients come through;
    None: the same as that of the stubs. Raises OSError when a port is taken, with everything already
    started stopped again.
    """

    def __init__(
        self,
        net: Entrance,
        services: Mapping[str, Specification],
        recorder: Recorder,
        *,
        seed: int,
        ports: Mapping[str, int] | None = None,
        fired: Callable[[int, AnyEvent], None] | None = None,
        over: Callable[[int, AnyEvent], None] | None = None,
        shared: MakeStub[Shared] | None = None,
        apart: MakeStub[Apart] | None = None,
        entrance: Entrance | None = None,
        started: MakeStarted | None = None,
    ) -> None:
        self._net = net
        self._entrance = net if entrance is None else entrance
        self._recorder = recorder
        self._seed = seed
        self._fired = fired
        self._over = over
        self._told: set[int] = set()
        self._doubted = False
        self._make_shared = shared
        self._make_apart = apart
        self._make_started = started
        self._specifications: dict[str, Specification] = {}
        self._stubs: dict[str, Stub | Shared] = {}
        self._apart: dict[str, Apart | Started | Imaged] = {}
        self._closed = False
        self._coming: set[str] = set()  # services whose stub does not serve yet
        self._moving: set[str] = set()  # services whose stub is on its way to its own process
        self._waiting: list[Callable[[], None]] = []  # for those, or for an end or a restart
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
        """Why the run can't go on: a file, or a process of ours; empty while it can."""
        lost = (backend.problem for backend in self._backends())
        own = next((why for why in lost if why), "")
        return self._recorder.broken or own or self._entrance.problem

    def serve(self, name: str, specification: Specification, port: int = 0) -> int:
        """Start one more service; gives its listener's port. Raises OSError and ValueError.

        It is served when the rig is settled.
        """
        start = self._recorder.start
        specification = seeded(specification, self._seed)
        started: Started | Imaged | None = None
        match specification:
            case Url():
                upstream = (specification.host, specification.port)
            case Command() | Image() if self._make_started is not None:
                started = self._make_started(name, specification, changed=self._changed)
                upstream = started.address
            case Command() | Image():
                raise ValueError(f"{name}: {specification.text} can't be started here")
            case Routed() | Builtin():
                stub = self._stubs[name] = self._stub(name, specification)
                upstream = stub.address
                if not stub.settled:
                    self._coming.add(name)
            case _:
                assert_never(specification)
        try:
            proxy = Proxy(
                self._entrance,
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
        self._specifications[name] = specification
        if started is not None:
            self._apart[name] = started
            started.open(partial(proxy.own, started))
        return proxy.port

    def _stub(self, name: str, specification: Routed | Builtin) -> Stub | Shared:
        start = self._recorder.start
        if self._make_shared is None:
            return Stub(self._net, routes_of(specification), self._record, start, name)
        take = self._recorder.take
        return self._make_shared(name, specification, take, start=start, changed=self._changed)

    def enter(self, phase: str) -> None:
        """A phase begins."""
        self._recorder.enter(phase, self.clock())

    def clock(self) -> float:
        """Seconds since the run's start."""
        return self._net.now() - self._recorder.start

    def inject(self, number: int, fault: Fault, unfired: Literal["fail", "ok"] = "fail") -> str:
        """Arm a fault; in force on return. Gives the mechanism.

        A fault of a process is in force when the rig is settled; that process is `own`ed before.
        Raises FaultRefused for a service that isn't here, a conflict, or a scope it can't have.
        """
        self._demand_here(fault)
        proxy = self._proxies[fault.service]
        mechanism = proxy.arm(number, fault, unfired=unfired)
        self._faults[number] = proxy
        return mechanism

    def demand_fit(self, faults: Sequence[Fault]) -> None:
        """Raise FaultRefused where these can't be armed one after the other; nothing is changed."""
        for fault in faults:
            self._demand_here(fault)
        for service, proxy in self._proxies.items():
            proxy.demand_fit(fault for fault in faults if fault.service == service)

    def _demand_here(self, fault: Fault) -> None:
        """Raise FaultRefused for one whose services are not all of this run."""
        act = on_process(fault)
        peers = [act.peer] if isinstance(act, CutOff) and act.peer not in EVERY_REQUEST else []
        for service in (fault.service, *peers):
            if service not in self._proxies:
                raise FaultRefused(self._no_service(service, fault.kind))
        for service in peers:
            server = self._specifications[service]
            if isinstance(server, Url | Command):
                raise FaultRefused(
                    f"`{fault.kind}` between {fault.service} and {service}: {server.text} is in no "
                    "network of the lab's"
                )

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

    # --- backends in processes of their own ------------------------------------------------------

    def own(self, service: str, kind: str, *, again: bool) -> None:
        """Give a service's stub a process of its own; with `again` one more waits beside it.

        It is there when the rig is settled. Raises FaultRefused, in the name of the `kind` of fault
        that needs it, where that can't be.
        """
        specification = self._specifications.get(service)
        if specification is None:
            raise FaultRefused(self._no_service(service, kind))
        if isinstance(specification, Url):
            raise FaultRefused(
                f"`{kind}` on {service}: the lab did not start its server, {specification.url}, and "
                "can't stop, kill, freeze or cut it off; serve routes, or use `refused` or a "
                "`partition` from its clients"
            )
        if isinstance(specification, Command | Image):
            return  # its processes are its own from the start
        if self._make_apart is None:
            raise FaultRefused(f"`{kind}` on {service}: stubs have no processes of their own here")
        if service not in self._apart:
            if not self._proxies[service].at_rest:
                raise FaultRefused(
                    f"`{kind}` on {service}: a call is under way or held, and its stub must move to "
                    "a process of its own before; arm the fault while none is"
                )
            moved = self._make_apart(
                service,
                specification,
                self._recorder.take,
                start=self._recorder.start,
                changed=self._changed,
            )
            self._apart[service] = moved
            self._moving.add(service)
            moved.open(partial(self._move, service), self._stubs[service].recall)
        backend = self._apart[service]
        if again and isinstance(backend, Apart):
            backend.prepare()

    def when_settled(self, call: Callable[[], None]) -> None:
        """Call when no backend is starting, moving or ending, and every listener is in its mode.

        That is at once, if it is so.
        """
        self._waiting.append(call)
        self._changed()

    def _changed(self) -> None:
        self._entrance.when_settled(self._look)

    def _look(self) -> None:
        for service in tuple(self._coming):
            address = self._stubs[service].address
            if address[1]:
                self._coming.discard(service)
                self._proxies[service].move(address)
        settled = not self._moving and all(one.settled for one in self._backends())
        if self.broken or settled:
            waiting, self._waiting = self._waiting, []
            for call in waiting:
                call()

    def _move(self, service: str) -> None:
        """Its process serves: what comes next goes there, as soon as nothing is under way."""
        if self._closed or self._apart[service].problem:
            return
        if not self._proxies[service].at_rest:
            self._net.later(_AT_REST, partial(self._move, service))
            return
        self._proxies[service].own(self._apart[service])
        self._stubs.pop(service).close()
        self._moving.discard(service)
        self._changed()

    def fresh(self) -> None:
        """Close idle client connections by FIN; everything else of the subject stays."""
        for proxy in self._proxies.values():
            proxy.fresh()

    def reset(self) -> None:
        """RST on every client connection."""
        for proxy in self._proxies.values():
            proxy.reset_all()

    def when_arrived(self, call: Callable[[], None]) -> None:
        """Call when all that clients have sent by now can be drained."""
        self._entrance.when_arrived(call)

    def drain(self) -> None:
        """Accept everything queued and record what has arrived."""
        for proxy in self._proxies.values():
            proxy.drain()
        if self._entrance.doubt and not self._doubted:
            self._doubted = True
            self._recorder.record(ConnectsHidden(t=self.clock(), why=self._entrance.doubt))
        self._take_reports()
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
        self._closed = True
        for proxy in self._proxies.values():
            proxy.close()
        for backend in self._backends():
            backend.drain()
            backend.close()
        self._recorder.close()
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()

    def when_quiet(self, call: Callable[[], None]) -> None:
        """Call when nothing late is on its way to a backend, at the latest after `LATE` seconds.

        What was held by a fault, or by a network that has healed, is carried out after its client
        has gone; a history that ended before would miss its effects.
        """
        self._await_quiet(call, self._net.now() + LATE)

    def _await_quiet(self, call: Callable[[], None], until: float) -> None:
        self.drain()
        late = any(proxy.late for proxy in self._proxies.values())
        if late and not self.broken and self._net.now() < until:
            self._net.later(_AT_REST, partial(self._await_quiet, call, until))
        else:
            call()

    def when_gone(self, call: Callable[[], None]) -> None:
        """After `close`: call when nothing is left of the servers that commands had started."""
        if all(one.gone for one in self._started()):
            call()
        else:
            self._net.later(_AT_REST, partial(self.when_gone, call))

    def wait(self) -> None:
        """After `close`: wait until nothing is left of them. Whoever else is served waits, too."""
        for one in self._started():
            one.wait()

    def _started(self) -> Iterator[Started]:
        return (one for one in self._apart.values() if isinstance(one, Started))

    def _no_service(self, service: str, kind: str) -> str:
        return f"`{kind}` on {service!r}: no such service; here: {', '.join(self._proxies)}"

    def _backends(self) -> tuple[Backend, ...]:
        return (*self._stubs.values(), *self._apart.values())

    def _take_reports(self) -> None:
        for backend in self._backends():
            backend.drain()

    def _record(self, event: AnyEvent) -> None:
        if event.where == "wire" and (self._apart or self._make_shared is not None):
            self._take_reports()  # what a backend did comes before what the wire shows of it
        self._recorder.record(event)
        if isinstance(event, FaultFired):
            self._tell(event.fault, event)
        elif isinstance(event, FaultCleared) and event.fault is not None and self._over is not None:
            self._over(event.fault, event)

    def _tell(self, fault: int | None, event: AnyEvent) -> None:
        if fault is not None and fault not in self._told:
            self._told.add(fault)
            if self._fired is not None:
                self._fired(fault, event)
