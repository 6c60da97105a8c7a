"""A simulated network: hosts with addresses and ports, links between them, partitions.

It knows no asyncio. What it decides by chance it draws from the generator that it is given.
Counterpart: `tcp.py` is what it carries.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count
from typing import Final, Literal

from .names import Names
from .tcp import Address, Cancellable, Endpoint, Scheduler

__all__ = ["Connecting", "Host", "Link", "Listening", "Mode", "Network"]

Mode = Literal["open", "refusing", "dark"]

SYNS: Final = (0.0, 1.0, 2.0, 3.1, 4.1, 5.1, 7.1, 11.2, 19.4, 35.5)
"""When a connect asks again, in seconds, as was measured (`tcp_syn_linear_timeouts` is 4)."""
UNANSWERED: Final = 133.0  # seconds until it ends in ETIMEDOUT
BACKLOG: Final = 1024  # connections that wait to be accepted
_FIRST_PORT: Final = 32768  # of those that a kernel chooses: net.ipv4.ip_local_port_range
_LAST_PORT: Final = 60999


@dataclass(frozen=True, slots=True)
class Link:
    """How bytes travel between two hosts, each way.

    `latency` seconds, plus up to `jitter`; `bandwidth` in bytes a second (None: no limit); `loss` is
    the share of transmissions that vanish, and are sent again.
    """

    latency: float = 0.00005
    jitter: float = 0.0
    bandwidth: float | None = None
    loss: float = 0.0


class Network:
    """Hosts, and what is between them. `link` holds for every two that have none of their own."""

    def __init__(
        self, scheduler: Scheduler, chance: random.Random, *, link: Link | None = None
    ) -> None:
        self.scheduler = scheduler
        self.chance = chance
        self._link = Link() if link is None else link
        self._links: dict[tuple[str, str], Link] = {}
        self._cuts: dict[tuple[str, str], int] = {}
        self._lost: dict[tuple[str, str], int] = {}
        self._by_address: dict[str, Host] = {}
        self._by_name: dict[str, Host] = {}
        self._addresses = count(1)
        self.names = Names(self._addresses_of)

    def host(self, name: str, *addresses: str) -> Host:
        """One more host. Without an address it gets one. Raises ValueError for what is taken."""
        if name in self._by_name:
            raise ValueError(f"there is a host {name!r} already")
        given = addresses or (f"10.0.0.{next(self._addresses)}",)
        taken = [address for address in given if address in self._by_address]
        if taken:
            raise ValueError(f"{taken[0]} is the address of {self._by_address[taken[0]].name!r}")
        host = self._by_name[name] = Host(self, name, given)
        self._by_address.update(dict.fromkeys(given, host))
        return host

    def at(self, address: str) -> Host | None:
        """The host of an address."""
        return self._by_address.get(address)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of all, in the order in which they were made."""
        return tuple(self._by_name)

    def named(self, name: str) -> Host | None:
        """The host of this name."""
        return self._by_name.get(name)

    def _addresses_of(self, name: str) -> tuple[str, ...]:
        host = self._by_name.get(name)
        return () if host is None else host.addresses

    def link(self, one: str, other: str, link: Link) -> None:
        """From now on bytes between these two travel so."""
        self._links[one, other] = self._links[other, one] = link

    def partition(
        self, sources: str | set[str], targets: str | set[str], *, one_way: bool = False
    ) -> None:
        """Nothing passes between these hosts any more; with `one_way`, from `sources` to `targets`."""
        for pair in _pairs(sources, targets, one_way=one_way):
            self._cuts[pair] = self._cuts.get(pair, 0) + 1

    def heal(
        self, sources: str | set[str], targets: str | set[str], *, one_way: bool = False
    ) -> None:
        """End one such partition. What is sent again from now on passes."""
        for pair in _pairs(sources, targets, one_way=one_way):
            left = self._cuts.pop(pair, 0) - 1
            if left > 0:
                self._cuts[pair] = left

    def passes(self, source: str, target: str) -> bool:
        """Whether anything passes that way."""
        return (source, target) not in self._cuts

    def lost(self, source: str, target: str) -> int:
        """How many transmissions that way a partition has swallowed so far."""
        return self._lost.get((source, target), 0)

    def swallow(self, source: str, target: str) -> None:
        """Count one."""
        self._lost[source, target] = self.lost(source, target) + 1

    def between(self, source: str, target: str) -> Link:
        """The link of a way."""
        return self._links.get((source, target), self._link)


def _pairs(
    sources: str | set[str], targets: str | set[str], *, one_way: bool
) -> list[tuple[str, str]]:
    ones = [sources] if isinstance(sources, str) else sorted(sources)
    others = [targets] if isinstance(targets, str) else sorted(targets)
    forth = [(one, other) for one in ones for other in others]
    return forth if one_way else [*forth, *((other, one) for one, other in forth)]


class Way:
    """From one host to another, for one connection: in order, each transmission at its time."""

    def __init__(self, network: Network, source: str, target: str) -> None:
        self._network = network
        self._source = source
        self._target = target
        self._free = 0.0  # when the link has sent all that it was given
        self._last = 0.0  # when the latest arrives

    def send(self, size: int, arrive: Callable[[], None]) -> None:
        """Have `arrive` called when so many bytes are there, behind all sent before; or never."""
        network = self._network
        link = network.between(self._source, self._target)
        if link.loss > 0 and network.chance.random() < link.loss:
            return
        if not network.passes(self._source, self._target):
            network.swallow(self._source, self._target)
            return
        now = network.scheduler.now()
        sent = now
        if link.bandwidth is not None:
            self._free = sent = max(now, self._free) + size / link.bandwidth
        jitter = network.chance.uniform(0.0, link.jitter) if link.jitter else 0.0
        self._last = max(self._last, sent + link.latency + jitter)

        def there() -> None:
            if network.passes(self._source, self._target):  # else it was cut on its way
                arrive()
            else:
                network.swallow(self._source, self._target)

        network.scheduler.later(self._last - now, there)


class Host:
    """A machine: its addresses, its ports, its loopback."""

    def __init__(self, network: Network, name: str, addresses: tuple[str, ...]) -> None:
        self.name = name
        self.addresses = addresses
        self._network = network
        self._listening: dict[tuple[str, int], Listening] = {}
        self._ports = count(_FIRST_PORT)

    def listen(
        self,
        address: str,
        port: int = 0,
        *,
        accepted: Callable[[Endpoint], None],
        backlog: int = BACKLOG,
    ) -> Listening:
        """Listen. `""` and `0.0.0.0` are every address. Raises OSError for what can't be had."""
        if not self._is_ours(address):
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        if port == 0:
            port = self.free_port()
        if any(
            listening.port == port and _meet(at, address)
            for (at, _), listening in self._listening.items()
        ):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        listening = Listening(self, address, port, accepted, backlog)
        self._listening[address, port] = listening
        return listening

    def connect(
        self,
        address: str,
        port: int,
        done: Callable[[Endpoint | OSError], None],
    ) -> Connecting:
        """Open a connection; `done` gets it, or the error, from the scheduler."""
        target = self if _is_loopback(address) else self._network.at(address)
        local = Address(address if target is self else self.addresses[0], self.free_port())
        return Connecting(self._network, self, target, local, Address(address, port), done)

    def free_port(self) -> int:
        """The next port that nobody has asked for by number."""
        while True:
            port = next(self._ports)
            if port > _LAST_PORT:
                self._ports = count(_FIRST_PORT)
            elif not any(port == taken for _, taken in self._listening):
                return port

    def listening(self, address: str, port: int) -> Listening | None:
        """Who listens there."""
        for at in (address, "0.0.0.0", ""):  # noqa: S104  # of a simulated host
            if (at, port) in self._listening:
                return self._listening[at, port]
        return None

    def forget(self, listening: Listening) -> None:
        """Its port is free."""
        self._listening.pop((listening.address, listening.port), None)

    def _is_ours(self, address: str) -> bool:
        return address in ("", "0.0.0.0", *self.addresses) or _is_loopback(address)  # noqa: S104  # of a simulated host


def _meet(one: str, other: str) -> bool:
    return one == other or bool({one, other} & {"", "0.0.0.0"})  # noqa: S104  # of a simulated host


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


class Listening:
    """A port that stays taken in every mode. `accepted` gets each connection.

    Who can't take them at once says in `queued` how many wait; when they are more than `backlog`, a
    SYN vanishes, as on Linux.
    """

    def __init__(
        self,
        host: Host,
        address: str,
        port: int,
        accepted: Callable[[Endpoint], None],
        backlog: int,
    ) -> None:
        self.queued = 0
        self.backlog = backlog
        self.address = address
        self.port = port
        self.mode: Mode = "open"
        self.accepted = accepted
        self._host = host

    def switch(self, mode: Mode) -> None:
        """Connects are taken, refused or not answered from now on."""
        self.mode = mode

    def close(self) -> None:
        """Give the port back."""
        self._host.forget(self)


class Connecting:
    """A connection being opened. `local` is known at once."""

    def __init__(
        self,
        network: Network,
        source: Host,
        target: Host | None,
        local: Address,
        peer: Address,
        done: Callable[[Endpoint | OSError], None],
    ) -> None:
        self.local = local
        self._network = network
        self._source = source
        self._target = target
        self._peer = peer
        self._done = done
        self._over = False
        self._theirs: Endpoint | None = None  # the other side, once it has answered
        self._timers: list[Cancellable] = []
        later = network.scheduler.later
        if target is not None:
            self._forth = Way(network, source.name, target.name)
            self._back = Way(network, target.name, source.name)
            self._timers = [later(delay, self._ask) for delay in SYNS]
        self._timers.append(later(UNANSWERED, self._give_up))

    def cancel(self) -> None:
        """Let go without an answer; who answers yet gets RST."""
        self._end()

    def _end(self) -> None:
        self._over = True
        for timer in self._timers:
            timer.cancel()

    def _ask(self) -> None:
        self._forth.send(0, self._asked)

    def _asked(self) -> None:
        """A SYN is there."""
        assert self._target is not None
        if self._theirs is not None:
            self._back.send(0, self._answered)  # the answer was lost
            return
        listening = self._target.listening(self._peer.host, self._peer.port)
        if listening is None or listening.mode == "refusing":
            self._back.send(0, self._refused)
        elif listening.mode == "open" and listening.queued <= listening.backlog:
            self._theirs = Endpoint(self._network.scheduler, self._peer, self.local)
            self._theirs.await_hello(listening.accepted)
            self._back.send(0, self._answered)

    def _refused(self) -> None:
        if not self._over:
            self._end()
            self._done(OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)))

    def _answered(self) -> None:
        """A SYN-ACK is there."""
        theirs = self._theirs
        if self._over or theirs is None:
            return
        self._end()
        ours = Endpoint(self._network.scheduler, self.local, self._peer)
        ours.join(theirs, self._forth)
        theirs.join(ours, self._back)
        ours.hello()
        self._done(ours)

    def _give_up(self) -> None:
        if not self._over:
            self._end()
            self._done(OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)))
