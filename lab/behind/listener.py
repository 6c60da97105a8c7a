"""One port of Toxiproxy's, and the port of ours that it passes its clients on to.

The port stays ours in every mode: a socket of ours is bound to it that never listens, so that
Toxiproxy can, and nobody else gets it while Toxiproxy does not. Counterpart: `Listener` of lab/net.py.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from functools import partial

from ..net import Connection, Mode, Net, Slowing
from .clients import Client
from .connection import GATE, BehindConnection
from .diag import queued
from .front import Front
from .means import How, Step, how, mechanism, rule, steps, toxic

__all__ = ["BehindListener"]

DELIVERY = 0.1  # seconds that what was written may take to get to clients
LOOK = 0.001  # seconds between looks


class BehindListener:
    """One proxy of a real Toxiproxy. It is there, and in its mode, once the `front`'s calls are over.

    `begun` and `ended` are told of calls; `ended` with what went wrong, or "". `gone`: it is closed.
    Raises OSError if `port` can't be had.
    """

    def __init__(
        self,
        front: Front,
        net: Net,
        accepted: Callable[[Connection], None],
        port: int,
        *,
        starved: Callable[[str], None] | None,
        begun: Callable[[], None],
        ended: Callable[[str], None],
        gone: Callable[[BehindListener], None],
    ) -> None:
        self._front = front
        self._net = net
        self._accepted = accepted
        self._begun = begun
        self._ended = ended
        self._gone = gone
        self._closed = False
        self._connections: list[BehindConnection] = []
        self._place = _held(front.host, port)
        self.port: int = self._place.getsockname()[1]
        self.mode: Mode = "open"
        self.mechanism = mechanism("open")
        self._how: How = "open"
        self._toxics: dict[int, str] = {}
        self._name = front.name_of(self.port)
        try:
            self._inner = net.listen(self._arrived, starved=starved)
            self._arrivals = front.arrivals(self.port)
        except BaseException:
            self._place.close()
            raise
        listen, upstream = f"{front.host}:{self.port}", f"{GATE}:{self._inner.port}"
        self._do(partial(front.control.create, self._name, listen, upstream))

    def switch(self, mode: Mode, *, keeps: bool = True) -> None:
        """Change the mode."""
        if mode == self.mode or self._closed:
            return
        self.drain()
        wanted = how(mode, keeps=keeps, filters=not self._front.lacks("keep"))
        before, self._how = self._how, wanted
        self.mode = mode
        self.mechanism = mechanism(wanted)
        for step in steps(before, wanted):
            self._do(self._job(step, before, wanted), partial(self._stepped, step))

    def slow(self, wanted: Mapping[int, Slowing]) -> None:
        """Have these toxics in force, and no others."""
        control = self._front.control
        for ident in self._toxics.keys() - wanted.keys():
            self._do(partial(control.drop, self._name, self._toxics.pop(ident)))
        for ident in wanted.keys() - self._toxics.keys():
            made = toxic(f"fault-{ident}", wanted[ident])
            if made is not None:
                self._toxics[ident] = made.name
                self._do(partial(control.add, self._name, made))

    def drain(self) -> None:
        """Hand over whom Toxiproxy has passed on."""
        self._inner.drain()
        self._arrivals.drain()

    @property
    def doubt(self) -> str:
        """Why it isn't known of every connection whose it is."""
        return self._arrivals.clients.doubt

    def under_way(self) -> bool:
        """Whether something that clients have sent has not come out of Toxiproxy yet."""
        if self._closed:
            return False
        unaccepted = queued(self._front.host, self.port)  # first: who is accepted now is told next
        self.drain()
        if unaccepted or self._arrivals.clients.waiting:
            return True
        self._connections = [one for one in self._connections if not one.over]
        return any(one.under_way for one in self._connections)

    def give_up(self) -> None:
        """Whoever has not come out of Toxiproxy by now will not."""
        if self._arrivals.clients.waiting:
            self._arrivals.clients.lose("a client that Toxiproxy had let in never arrived")

    def close(self) -> None:
        """End the proxy, and give the port back."""
        if self._closed:
            return
        self._closed = True
        front = self._front
        self._inner.close()
        self._arrivals.close()
        front.forget(self.port)
        shut = rule(self._how)
        if shut is not None:
            front.calls.do(partial(front.filter.switch, front.host, self.port, shut, None), _said)
        front.calls.do(self._remove, _said)
        self._gone(self)

    def _job(self, step: Step, before: How, wanted: How) -> Callable[[], object]:
        front = self._front
        match step:
            case "enable":
                return partial(front.control.enable, self._name)
            case "disable":
                return self._disable
            case "filter":
                old, new = rule(before), rule(wanted)
                return partial(front.filter.switch, front.host, self.port, old, new)

    def _disable(self) -> None:
        """On the calls' thread: it drops what is in Toxiproxy, and what was written is told as had."""
        limit = time.monotonic() + DELIVERY
        while time.monotonic() < limit and not all(o.delivered for o in self._connections):
            time.sleep(LOOK)
        self._front.control.disable(self._name)

    def _do(self, job: Callable[[], object], then: Callable[[], None] = lambda: None) -> None:
        def over(problem: str) -> None:
            if not self._closed:
                then()
            self._ended(problem)

        self._begun()
        self._front.calls.do(job, over)

    def _stepped(self, step: Step) -> None:
        if step == "disable":
            self.drain()  # whom it had passed on before
            self._arrivals.clients.forget()

    def _arrived(self, inner: Connection) -> None:
        self._arrivals.drain()
        client = self._arrivals.clients.arrived()
        connection = BehindConnection(inner, self.port, client, self._net.later, self._unplugging)
        self._connections.append(connection)
        self._accepted(connection)

    def _unplugging(self, client: Client, out: bool) -> None:
        change = self._front.filter.unplug if out else self._front.filter.plug
        ours = (client.dialled, self.port)
        self._do(partial(change, (client.address, client.port), ours))

    def _remove(self) -> None:
        """On the calls' thread: the port is given back when nobody listens on it any more."""
        try:
            self._front.control.remove(self._name)
        finally:
            self._place.close()


def _said(_problem: str) -> None:
    """Nobody waits for it any more."""


def _held(host: str, port: int) -> socket.socket:
    """A socket that keeps a port without listening. Raises OSError where the port is taken."""
    sock = socket.socket()
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
