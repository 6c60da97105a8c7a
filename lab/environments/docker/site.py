"""The containers of one lab, on a network of their own with addresses that stay.

A front that does nothing holds address and network namespace; Toxiproxy and the gate are in it. So
either may end and start again, and a port that nobody listens on refuses.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import count, islice
from pathlib import Path
from typing import Protocol

from ...errors import SetupError
from ...redaction import redacted
from .containers import Container, State
from .images import Images
from .labels import Owner, Part, labels
from .problems import NotThereError, SubnetTakenError
from .subnets import POOL, free, routed

__all__ = ["Placed", "Site", "Starting"]

_TRIES = 20  # subnets; another lab may take one between the look and the try
_FIRST = 10  # the first address in the subnet that a service's container gets
_OUTSIDE = 1  # this machine's, as the engine gives it
_FRONT = 2  # the front's
_ROUTES = Path("/proc/net/route")
_FOREVER = ("sleep", "infinity")
_CONTROL = "127.0.0.1:8474"  # Toxiproxy's API, inside the front's namespace only


class Starting(Protocol):
    """What of an engine is needed here. Each call may raise SetupError."""

    def subnets(self) -> list[str]:
        """The subnets that its networks have."""

    def network(self, name: str, subnet: str, labels: Mapping[str, str]) -> str:
        """Make a network; its id. Raises SubnetTakenError."""

    def start(self, what: Container) -> str:
        """Make and start a container; its id."""

    def state(self, ident: str) -> State:
        """How a container is."""

    def last_lines(self, ident: str) -> list[str]:
        """The end of what a container has printed."""

    def remove_container(self, ident: str) -> None:
        """Kill and remove it; nothing if it is gone."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A container of the lab's. `owns`: the address is its own, not that of one beside it."""

    id: str
    part: Part
    address: str = ""
    service: str = ""
    owns: bool = False

    def __str__(self) -> str:
        name = f"{self.part} of {self.service}" if self.service else self.part
        return f"the {name} (container {self.id[:12]})"


class Site:
    """One lab's network, front, Toxiproxy and gate, and whatever is added.

    `folder` is shared with gate and backends, as `shared` in them. `first` chooses where the search for
    a subnet begins. Whoever made it removes everything by the lab's label, also when `open` fails.
    """

    shared = "/run/faultlab"

    def __init__(
        self, engine: Starting, lab: str, owner: Owner, images: Images, folder: Path, *, first: int
    ) -> None:
        self.images = images
        self._engine = engine
        self._lab = lab
        self._owner = owner
        self._folder = folder
        self._first = first
        self._hosts = count(_FIRST)
        self._lock = threading.Lock()
        self._placed: list[Placed] = []
        self._free: deque[str] = deque()  # addresses that were something's, the longest first
        self.subnet: IPv4Network
        self.network: str
        self.front: Placed
        self.gate: Placed

    @property
    def address(self) -> str:
        """The front's: where subjects dial."""
        return str(self.subnet[_FRONT])

    @property
    def outside(self) -> str:
        """This machine's own: what the lab's containers reach of it."""
        return str(self.subnet[_OUTSIDE])

    @property
    def placed(self) -> tuple[Placed, ...]:
        """Every container, in order of start."""
        with self._lock:
            return tuple(self._placed)

    def connect(self) -> None:
        """Make the network, on a subnet that nobody has. Raises SetupError."""
        taken = [IPv4Network(one) for one in self._engine.subnets() if ":" not in one]
        taken += routed(_ROUTES.read_text("ascii"))
        problem: SubnetTakenError | None = None
        for subnet in islice(free(taken, self._first), _TRIES):
            told = labels(self._lab, self._owner, "network")
            try:
                self.network = self._engine.network(f"faultlab-{self._lab}", str(subnet), told)
            except SubnetTakenError as error:
                problem = error
            else:
                self.subnet = subnet
                return
        raise problem or SetupError(
            f"no subnet of {POOL} is free for the lab's network",
            mend="remove networks that nobody uses: `docker network prune`",
        )

    def open(self, gate: tuple[str, ...]) -> None:
        """Start front, Toxiproxy and the gate, which runs `gate`. Raises SetupError."""
        self.front = self.add(
            "front", self.images.lab, _FOREVER, entrypoint=(), address=self.address
        )
        with ThreadPoolExecutor(2) as pool:
            toxiproxy = pool.submit(
                self.add,
                "toxiproxy",
                self.images.toxiproxy,
                (f"-host={_CONTROL.partition(':')[0]}", f"-port={_CONTROL.partition(':')[2]}"),
                beside=self.front,
            )
            self.gate = self.add(
                "gate",
                self.images.lab,
                gate,
                entrypoint=(),
                beside=self.front,
                shares=True,
                capabilities=("NET_ADMIN", "NET_RAW", "DAC_OVERRIDE"),
            )
            toxiproxy.result()

    def add(
        self,
        part: Part,
        image: str,
        command: tuple[str, ...],
        *,
        entrypoint: tuple[str, ...] | None = None,
        service: str = "",
        run: int | None = None,
        beside: Placed | None = None,
        address: str = "",
        shares: bool = False,
        capabilities: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
        lasts: bool = True,
    ) -> Placed:
        """Start one more container on the lab's network; with `beside` in that one's namespace.

        It gets an address of its own unless one is given. `shares`: the lab's folder is in it.
        `lasts`: its end from outside is the lab's, and not only that of a run.
        Raises SetupError.
        """
        if not address and beside is None:
            address = self.fresh_address()
        ident = self._engine.start(
            Container(
                image=image,
                command=command,
                entrypoint=entrypoint,
                labels=labels(self._lab, self._owner, part, service=service, run=run),
                network=self.network if beside is None else f"container:{beside.id}",
                address=address,
                folders={str(self._folder): self.shared} if shares else {},
                capabilities=capabilities,
                environment=environment or {},
            )
        )
        place = address or (beside.address if beside else "")
        placed = Placed(ident, part, place, service, owns=beside is None)
        if lasts:
            with self._lock:
                self._placed.append(placed)
        return placed

    def let_end(self, placed: Placed) -> None:
        """It is to end: its end is no news from now on."""
        with self._lock:
            if placed in self._placed:
                self._placed.remove(placed)

    def remove(self, placed: Placed) -> None:
        """Remove it; the address that was its own is free again. Raises SetupError."""
        self.let_end(placed)
        self._engine.remove_container(placed.id)
        if placed.owns:
            with self._lock:
                self._free.append(placed.address)

    def fresh_address(self) -> str:
        """An address of the lab's network that nothing has; a while ago something may have had it."""
        with self._lock:
            return self._free.popleft() if self._free else str(self.subnet[next(self._hosts)])

    def ended(self) -> str:
        """Which containers have ended that nobody of the lab's ended, with their last lines."""
        return "\n".join(filter(None, map(self.ended_of, self.placed)))

    def ended_of(self, placed: Placed) -> str:
        """How a container has ended, with its last lines; empty while it runs."""
        try:
            state = self._engine.state(placed.id)
        except NotThereError:
            return f"{placed} was removed"
        return "" if state.running else f"{placed} {state}{self.last_words(placed)}"

    def last_words(self, placed: Placed) -> str:
        """The end of what a container has printed, to stand behind what became of it."""
        lines = [redacted(line) for line in self._engine.last_lines(placed.id)]
        return "".join(("; its last lines:", *(f"\n    {line}" for line in lines))) if lines else ""
