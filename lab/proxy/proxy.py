"""The fault proxy of one service: its listener, its links, and what is in force.

Plain functions on the loop that owns the net, complete on return. The rig of a run calls them;
the history is told of everything before it shows on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Literal, assert_never

from pydantic import ValidationError

from ...faults import AnyFault, Fault, fault_adapter
from ...faults.actions import Armed, CutOff, Draws, EndProcess, FreezeProcess, Hold, Live, OnProcess
from ...faults.arming import conflict, listener, mode, needs, on_live, on_process, replaced, steady
from ...faults.partition import EVERY_REQUEST, NETWORK
from ...faults.written import seconds
from ..addresses import ANY_LOOPBACK
from ..history import AnyEvent, Ending, ListenerMode, Starved
from ..net import Connection, Entrance, Mode, Slowing
from .copies import Copies
from .force import Force
from .link import Link
from .process import Process
from .waiting import Waiting

__all__ = ["FaultRefused", "Proxy"]


class FaultRefused(ValueError):  # noqa: N818 - says what happened to the fault
    """A fault can't be armed here; the message says why."""


class Proxy:
    """One listener on 127.0.0.1 before `upstream` (host, port).

    `record` takes each event, stamped in seconds since `start`. `conns` numbers the connections
    of the whole run. `tag_upstream`: the backend is a stub, which is told of the wire's exchange.
    Raises OSError if `port` is taken.
    """

    def __init__(
        self,
        net: Entrance,
        service: str,
        upstream: tuple[str, int],
        record: Callable[[AnyEvent], None],
        *,
        start: float,
        draws: Draws,
        conns: Iterator[int],
        tag_upstream: bool = False,
        port: int = 0,
    ) -> None:
        self.service = service
        self._net = net
        self._upstream = upstream
        self._process: Process | None = None
        self._conns = conns
        self._tag_upstream = tag_upstream
        self._links: dict[int, Link] = {}
        self._copies = Copies(net, upstream)
        self._newest = 0  # the last connection accepted
        self._waiting = Waiting(net, self._begin, self.clear)
        self._force = Force(net, service, record, start, draws, self._waiting)
        self._closed = False
        self._switches = 0  # so many were begun
        self._halted = False  # nothing passes between links and backend, while that is being frozen
        self._listener = net.listen(self._accepted, port, ANY_LOOPBACK, starved=self._starved)
        self._record_mode("open", done=True)

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self._listener.port

    @property
    def mode(self) -> Mode:
        """The listener's mode."""
        return self._listener.mode

    def shutting(self) -> int | None:
        """The fault that keeps the listener from being open; None if it is."""
        return next((one.id for one in self._force.armed if listener(one.fault) is not None), None)

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way at the backend."""
        return all(link.at_rest for link in self._links.values())

    @property
    def late(self) -> bool:
        """Whether requests whose clients have gone are still to be carried out, and can be."""
        kept = any(on_process(one.fault) is not None for one in self._force.armed)
        return not kept and any(link.late for link in self._links.values())

    def own(self, process: Process) -> None:
        """What comes next goes to this process, on live connections too; faults may act on it."""
        self._process = process
        self.move(process.address)

    def move(self, upstream: tuple[str, int]) -> None:
        """What comes next goes to this backend, on live connections too."""
        self._upstream = upstream
        self._copies.move(upstream)
        for link in tuple(self._links.values()):
            link.move(upstream)

    def arm(self, ident: int, fault: Fault, *, unfired: Literal["fail", "ok"] = "fail") -> str:
        """Put a fault in force, in the place of one of the same slot; returns the mechanism.

        Raises FaultRefused if it belongs to another service, meets one that it can't go with, or
        has a scope that its kind can't have; then nothing has changed.
        """
        known = self._fit(fault)
        same = self._waiting.same(known)
        if same is not None:
            self.clear(same)
        if known.waits:
            old = replaced(self._force.armed, known)
            if old is not None:
                self.clear(old.id)
            self._force.awaits(ident, known, unfired)
            self._waiting.add(ident, known, unfired)
            return f"waits until {known.awaits()}"
        return self._begin(ident, known, unfired)

    def demand_fit(self, faults: Iterable[Fault]) -> None:
        """Raise FaultRefused where these can't be armed one after the other; nothing is changed."""
        before: list[AnyFault] = []
        for fault in faults:
            before.append(self._fit(fault, before))

    def _begin(
        self, ident: int, known: AnyFault, unfired: Literal["fail", "ok"], why: str = ""
    ) -> str:
        if known.follows("request"):
            self._listener.drain()  # what answers the request that brought it is younger
        else:
            self.drain()  # what has arrived is older than the fault
        act = on_process(known)
        if self._process is not None and isinstance(act, FreezeProcess | CutOff):
            self._silence(self._process, act)
        since = self._force.clock()
        old = replaced(self._force.armed, known)
        if old is not None:
            self._waiting.ended(old.id)
            self._force.remove(old.id, "replaced")
        self._switch((*self._force.armed, Armed(ident, known)))
        live = on_live(known)
        mechanism = self._mechanism(known, live)
        self._force.add(Armed(ident, known, newest=self._newest), since, mechanism, unfired, why)
        self._slow()
        self._waiting.lasts(ident, known)
        if old is not None and live is None:
            self._release(old.fault)
        self._act_on_live(ident, live)
        if old is not None:
            self._pump()
        for link in tuple(self._links.values()):
            if known.reach == "connection":
                link.look()
            elif isinstance(act, FreezeProcess) or _loses_answers(act):
                link.touch(ident)
        if self._process is not None and isinstance(act, EndProcess):
            self._process.end(act.how, partial(self._down, ident, act.restart))
        return mechanism

    def _down(self, ident: int, restart: float | None) -> None:
        """The backend's process has ended, and every connection to it."""
        self.drain()
        if restart is not None:
            why = f"started again after {seconds(restart)}"
            self._net.later(restart, partial(self._up, ident, why))

    def _up(self, ident: int, why: str) -> None:
        """Start the process again, if this fault still keeps it down; then the fault is over."""
        if self._process is not None and self._force.holds(ident):
            self._process.open(partial(self._back, ident, why))

    def _back(self, ident: int, why: str) -> None:
        """The process serves: whatever had ended it is over, and what freezes it acts now."""
        if self._process is None or self._closed:
            return
        self.move(self._process.address)
        for one in self._force.armed:
            match on_process(one.fault):
                case EndProcess():
                    self._end(one.id, why if one.id == ident else "its process serves again")
                case (FreezeProcess() | CutOff()) as act:
                    self._silence(self._process, act)
                case None:
                    pass
                case act:
                    assert_never(act)

    def _silence(self, process: Process, act: FreezeProcess | CutOff) -> None:
        """Freeze it, or cut it off: that takes a while, and nothing passes to or from it meanwhile."""
        self._halt(halted=True)
        done = partial(self._halt, halted=False)
        match act:
            case FreezeProcess():
                process.freeze(done)
            case CutOff(peer=peer, directions=lost):
                assert process.network is not None
                process.network.cut(peer, lost, done)
            case _:
                assert_never(act)

    def _halt(self, *, halted: bool) -> None:
        self._halted = halted
        for link in tuple(self._links.values()):
            link.halt(halted=halted)

    def opened(self) -> None:
        """A breaker has opened: what waits for it comes into force."""
        self._waiting.opened()

    def clear(self, ident: int, why: str = "") -> None:
        """End a fault; what it held back is released. One that is over is passed over.

        One that has ended the backend's process is over when that serves again, one that has cut it
        off when packets pass.
        """
        waited = self._waiting.remove(ident)
        if waited is not None:
            self._force.never_came(ident, waited)
        act = next((on_process(one.fault) for one in self._force.armed if one.id == ident), None)
        if isinstance(act, EndProcess):
            self._up(ident, why)
            return
        if self._process is not None and isinstance(act, CutOff):
            assert self._process.network is not None
            self._process.network.join(act.peer, partial(self._joined, ident, why))
            return
        self._end(ident, why)
        if self._process is not None and isinstance(act, FreezeProcess):
            self._process.thaw()  # what was late is carried out after the fault

    def _joined(self, ident: int, why: str, lost: int) -> None:
        """It is cut off no more."""
        if lost:
            self._force.fired(ident, "bytes", conn=None)
        self._end(ident, why)

    def _end(self, ident: int, why: str) -> None:
        if not self._force.holds(ident):
            return
        self._waiting.ended(ident)
        self.drain()  # a client that has left must not be answered as if it still waited
        rest = tuple(one for one in self._force.armed if one.id != ident)
        self._switch(rest)
        gone = self._force.remove(ident, why)
        self._slow()
        if gone is not None:
            self._release(gone.fault)
        self._pump()

    def fresh(self) -> None:
        """Close idle client connections by FIN; exchanges under way are left alone."""
        self.drain()
        for link in tuple(self._links.values()):
            if link.idle:
                link.end("fin")

    def reset_all(self) -> None:
        """RST on every client connection, so that a blocked call returns; else FIN."""
        self.drain()
        how: Ending = "fin" if self._net.lacks("reset") else "rst"
        for link in tuple(self._links.values()):
            link.end(how)

    def drain(self) -> None:
        """Accept everything queued, and record what has arrived."""
        self._listener.drain()
        for link in tuple(self._links.values()):
            link.drain()

    def close(self) -> None:
        """End everything: faults, connections, the listener. Nothing is recorded afterwards."""
        if self._closed:
            return
        self._closed = True
        self._waiting.close()
        self._force.workers.close()
        for one in self._force.armed:
            self._force.remove(one.id)
        self._listener.close()
        for link in tuple(self._links.values()):
            link.close()
        self._links.clear()
        self._copies.close()

    def _fit(self, fault: Fault, before: Sequence[AnyFault] = ()) -> AnyFault:
        """What is armed, after those `before`, which have taken the places of others."""
        if fault.service != self.service:
            raise FaultRefused(f"`{fault.kind}` is for {fault.service!r}, not for {self.service!r}")
        try:
            known: AnyFault = fault_adapter.validate_python(fault)
        except ValidationError:
            raise FaultRefused(f"`{fault.kind}`: no fault that this proxy can do") from None
        taken = {one.slot() for one in before}
        met = [*self._waiting.meets(known, self._force.armed)]
        met = [one for one in met if one.slot() not in taken]
        reason = conflict([*met, *self._waiting.beside(known, before)], known)
        if reason is not None:
            raise FaultRefused(reason)
        if on_process(known) is not None and self._process is None:
            raise FaultRefused(
                f"`{known.kind}` on {self.service}: its backend has no process of its own"
            )
        act = on_process(known)
        if isinstance(act, CutOff) and self._process is not None and self._process.network is None:
            raise FaultRefused(
                f"`{known.kind}` between {self.service} and {act.peer}: backends have no network of "
                "their own here; in `--env docker` those have one that the lab serves"
            )
        for means in needs(known):
            lacking = self._net.lacks(means)
            if lacking:
                instead = "; use live: hold" if means == "unplug" else ""
                raise FaultRefused(f"`{known.kind}`: {lacking}{instead}")
        return known

    def _mechanism(self, fault: AnyFault, live: Live | None) -> str:
        match fault.reach:
            case "process":
                return self._on_process(fault)
            case "listener":
                return f"listener {self._listener.mechanism}; {self._on_live(live)}"
            case "connection":
                return "link"
            case "stream":
                return "gate" if fault.scoped else self._below(fault) or "link"
            case "request":
                return "gate"
            case _:
                assert_never(fault.reach)

    def _on_live(self, live: Live | None) -> str:
        """What is done to live connections, for the history."""
        match live:
            case None:
                return "live connections kept"
            case "close":
                return "FIN on live connections" + (", read on" if self._net.reads_on else "")
            case "reset":
                return "RST on live connections"
            case Hold(directions=directions, unplugged=unplugged):
                how = f"unplugged by {self._net.unplugging}" if unplugged else "held"
                way = "" if len(directions) > 1 else f", {directions[0]}"
                return f"live connections {how}{way}"
            case _:
                assert_never(live)

    def _on_process(self, fault: AnyFault) -> str:
        """What is done to the backend's process, for the history."""
        assert self._process is not None
        match on_process(fault):
            case CutOff(peer=peer) if peer == NETWORK:
                return f"{self._process.what}, disconnected from its network"
            case CutOff(peer=peer, directions=lost):
                way = "" if len(lost) > 1 else f", {lost[0]}"
                return f"packet filter before {self._process.what}, cut from {peer}{way}"
            case EndProcess(how="stop"):
                how = "SIGTERM"
            case EndProcess():
                how = "SIGKILL"
            case _:
                how = self._process.halts
        return f"{self._process.what}, {how}"

    def _act_on_live(self, ident: int, live: Live | None) -> None:
        for link in tuple(self._links.values()):
            match live:
                case "close":
                    link.end("fin", ident)
                case "reset":
                    link.end("rst", ident)
                case Hold():
                    link.hold(ident, live)
                case None:
                    pass
                case _:
                    assert_never(live)

    def _release(self, fault: AnyFault) -> None:
        """Let go of the live connections that a fault held."""
        if isinstance(on_live(fault), Hold):
            for link in tuple(self._links.values()):
                link.release()

    def _pump(self) -> None:
        for link in tuple(self._links.values()):
            link.pump()

    def _below(self, fault: AnyFault) -> str:
        """How the network does it instead of the links; empty if it does not."""
        slowing = steady(fault)
        return "" if slowing is None else self._net.slows(Slowing(*slowing))

    def _slow(self) -> None:
        """Have the network do what it can."""
        wanted: dict[int, Slowing] = {}
        for one in self._force.armed:
            slowing = steady(one.fault)
            if slowing is not None and self._below(one.fault):
                wanted[one.id] = Slowing(*slowing)
        if wanted.keys() != self._force.below:
            self._force.below = frozenset(wanted)
            self._listener.slow(wanted)

    def _switch(self, armed: Sequence[Armed]) -> None:
        wanted = mode(armed)
        if wanted == self._listener.mode:
            return
        self._record_mode(wanted, done=False)
        shut = (on_live(one.fault) for one in armed if listener(one.fault) is not None)
        self._listener.switch(wanted, keeps=next(shut, None) != "close")
        self._switches += 1
        self._net.when_settled(partial(self._switched, wanted, self._switches))

    def _switched(self, wanted: Mode, number: int) -> None:
        """In force, if nothing else was wanted meanwhile."""
        if number == self._switches and not self._closed and not self._net.problem:
            self._record_mode(wanted, done=True)

    def _record_mode(self, wanted: Mode, *, done: bool) -> None:
        force = self._force
        force.record(ListenerMode(t=force.clock(), service=self.service, mode=wanted, done=done))

    def _starved(self, why: str) -> None:
        force = self._force
        force.record(Starved(t=force.clock(), service=self.service, why=why, over=not why))

    def _accepted(self, client: Connection) -> None:
        conn = self._newest = next(self._conns)
        link = Link(
            self._force,
            client,
            conn,
            self._upstream,
            self._forget,
            self._copies,
            tag_upstream=self._tag_upstream,
        )
        self._links[conn] = link
        if self._halted:
            link.halt(halted=True)
        for one in self._force.armed:
            live = on_live(one.fault)
            if isinstance(live, Hold):
                link.hold(one.id, live)
        cut = self._force.accept(conn)
        if cut is not None:
            link.end(cut.by, cut.fault)

    def _forget(self, link: Link) -> None:
        self._links.pop(link.conn, None)


def _loses_answers(act: OnProcess | None) -> bool:
    """Whether what is under way at the backend is not answered any more."""
    return isinstance(act, CutOff) and act.peer in EVERY_REQUEST and "to_client" in act.directions
