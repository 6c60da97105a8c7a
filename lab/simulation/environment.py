"""The environment of a program that runs on a simulated loop: its rig stands in the same loop.

Counterparts: `hosted.py` is the one in a process of the lab's; `rig.py` is what both have. Every call
is complete on return and turns no loop; only `close` does, when the loop stands.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
from typing_extensions import override

from ...faults import Fault
from ...faults.actions import EndProcess
from ...faults.arming import on_process
from ..backends.specification import Builtin, Routed, Specification
from ..environments import reached
from ..environments.hosted import Armed
from ..environments.simulated import SimulatedLoop
from ..errors import FaultError, SetupError
from ..history import AnyEvent, Header, History, load
from ..recorder import Recorder
from ..rig import FaultRefused, Rig
from ..stamp import Stamp
from ..subjects.channel import Channel
from ..subjects.connects import attempted
from ..subjects.listeners import is_loopback
from ..virtual import VirtualNet
from ..virtual.cuts import VirtualCuts
from ..virtual.process import apart
from ..virtual.soon import Soon

__all__ = ["CONNECTS", "Armed", "Direct", "Simulation"]

CONNECTS = "network"
"""How connects are known here: each is told by the network that carries it, and no audit event."""


class Simulation:
    """One run in a simulated loop (the interface's `Environment`).

    `path` is where its history goes. Its clock is the loop's; commands, images and urls are outside it
    and refused by name. Raises SetupError where the file can't be written.
    """

    name = "simulated"

    def __init__(
        self,
        loop: SimulatedLoop,
        *,
        header: Header,
        path: Path,
    ) -> None:
        self._loop = loop
        self._path = path
        self._handles: dict[int, Armed] = {}
        self._closed = False
        self.start = loop.time()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("wb", buffering=0)
        except OSError as error:
            raise SetupError(f"{path}: can't be written: {error.strerror}") from error
        recorder = Recorder(
            file,
            str(path),
            msgspec.structs.replace(
                header,
                environment=self.name,
                route="simulated network",
                early=0.0,
                wall=datetime.fromtimestamp(loop.run.clocks.wall(), UTC).isoformat(),
            ),
            start=self.start,
            soon=loop.call_soon,
            delay=_never_late,
        )
        self._soon = Soon(loop)
        cuts = VirtualCuts(loop.network, loop.host.name, self._soon)
        self._rig = Rig(
            VirtualNet(loop.network, loop.host),
            {},
            recorder,
            seed=header.seed,
            fired=self._fired,
            over=self._over,
            apart=partial(apart, loop.network, soon=self._soon, cuts=cuts),
        )
        loop.on_connect.append(self._connecting)

    @property
    def stamp(self) -> Stamp:
        """Stamps the events of what runs on the loop."""
        return Stamp(self.start, clock=self._loop.time, delay=_never_late)

    def url(self, service: str) -> str:
        """Where the subject reaches the service. Raises KeyError."""
        return f"http://127.0.0.1:{self._rig.ports[service]}"

    def serve(self, service: str, specification: Specification) -> str:
        """One more service; its url. Raises SetupError for a server outside the simulation."""
        if not isinstance(specification, Routed | Builtin):
            instead = " or ".join(f"--faultlab-env {name}" for name in reached(specification))
            raise SetupError(
                f"{service}: {specification.text} is outside the simulation",
                mend=f"serve routes; or {instead}, which reaches it",
            )
        try:
            self._rig.serve(service, specification)
        except (OSError, ValueError) as error:
            raise SetupError(str(error)) from error
        return self.url(service)

    def prepare(self, *faults: Fault) -> None:
        """Make ready what these faults need. Raises FaultError."""
        for fault in faults:
            act = on_process(fault)
            if act is not None:
                again = isinstance(act, EndProcess)
                try:
                    self._rig.own(fault.service, fault.kind, again=again)
                except FaultRefused as error:
                    raise FaultError(str(error)) from error
                self._settle()

    def demand_fit(self, *faults: Fault) -> None:
        """Raise FaultError where these can't be armed one after the other; nothing is changed."""
        try:
            self._rig.demand_fit(faults)
        except FaultRefused as error:
            raise FaultError(str(error)) from error

    def inject(
        self, number: int, fault: Fault, *, unfired: Literal["fail", "ok"] = "fail"
    ) -> Armed:
        """Arm a fault; in force on return. Raises FaultError."""
        self.prepare(fault)
        armed = self._handles[number] = Armed(number)
        try:
            armed.mechanism = self._rig.inject(number, fault, unfired)
        except FaultRefused as error:
            del self._handles[number]
            raise FaultError(str(error)) from error
        self._settle()
        return armed

    def clear(self, *numbers: int) -> None:
        """End these faults; without a number, all."""
        self._rig.clear(numbers or None)
        self._settle()

    def opened(self) -> None:
        """A breaker has opened: faults that wait for it come into force."""
        self._rig.opened()
        self._settle()

    def fresh(self) -> None:
        """Close idle client connections by FIN."""
        self._rig.fresh()

    def reset(self) -> None:
        """RST on every client connection."""
        self._rig.reset()

    def enter(self, phase: str) -> None:
        """A phase begins."""
        self._rig.enter(phase)

    def note(self, event: AnyEvent) -> None:
        """Record an event of the conductor's."""
        self._rig.note(event)

    def feed(self, event: AnyEvent) -> None:
        """Record an event of the subject's."""
        if not self._closed:
            self._rig.feed(event)

    def clock(self) -> float:
        """Virtual seconds since the run's start."""
        return self._loop.time() - self.start

    def barrier(self, flush: Callable[[int], None] | None = None) -> None:  # noqa: ARG002 - all of it is here
        """Everything that happened is recorded. Raises SetupError where it can't be written."""
        if not self._closed:
            self._rig.drain()
        if self._rig.broken:
            raise SetupError(self._rig.broken)

    def events(self) -> History:
        """The history so far."""
        self._rig.flush()
        return load(self._path)

    def close(self) -> History:
        """Wait in virtual time for what is late, stop everything; the whole history."""
        if not self._closed and not self._loop.is_running() and not self._loop.is_closed():
            self._loop.call_soon(self._rig.when_quiet, self._loop.stop)
            self._loop.run_forever()
        self._let_go()
        if self._rig.broken:
            raise SetupError(self._rig.broken)
        return load(self._path)

    def _settle(self) -> None:
        """Backends do at once what they do by themselves."""
        self._soon.now()

    def _let_go(self) -> None:
        """Stop everything, at once."""
        if self._closed:
            return
        self._closed = True
        self._loop.on_connect.remove(self._connecting)
        self._rig.close()
        for handle in self._handles.values():
            for future in (handle.first, handle.over):
                if not future.done():
                    future.set_exception(SetupError("the run is over: this fault acts no more"))

    def _connecting(self, host: str, port: int, local: int) -> None:
        """A program on the loop connects; its context says for which operation and attempt."""
        service = next((name for name, at in self._rig.ports.items() if at == port), None)
        if service is None or not is_loopback(host):
            return
        self.feed(attempted(self.stamp, service, port, local=local))

    def _fired(self, fault: int, event: AnyEvent) -> None:
        handle = self._handles.get(fault)
        if handle is not None and not handle.first.done():
            handle.first.set_result(event)

    def _over(self, fault: int, event: AnyEvent) -> None:
        handle = self._handles.get(fault)
        if handle is not None and not handle.over.done():
            handle.over.set_result(event)


def _never_late() -> float:
    """Nothing is ever spent runnable: time stands while something runs."""
    return 0.0


class Direct(Channel):
    """The way of the subject's events where subject and recorder are in one loop: there is none."""

    def __init__(self, simulation: Simulation) -> None:  # no socket, so not that of a Channel
        self._simulation = simulation

    @property
    @override
    def broken(self) -> bool:
        return False

    @override
    def note(self, event: AnyEvent) -> None:
        self._simulation.feed(event)

    @override
    def record(self, event: AnyEvent) -> None:
        self._simulation.feed(event)

    @override
    def flush(self) -> None:
        """All of it is there."""

    @override
    def mark(self, token: int) -> None:
        """Nothing is on its way."""

    @override
    def close(self) -> None:
        """Nothing is open."""
